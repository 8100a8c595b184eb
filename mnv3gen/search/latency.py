"""What a network takes on a device, from a source that says how it knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args

import msgspec

from mnv3gen.errors import one_of

if TYPE_CHECKING:
    from mnv3gen.devices.device import Device
    from mnv3gen.measure.protocol import Protocol as Timing
    from mnv3gen.tables.network import Network

Kind: TypeAlias = Literal["table", "model", "compile"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Milliseconds of a whole network.

    `source`: "table", the sum of kernels that were all measured; "model", of which `guessed`
    kernels were not; "measured", the network itself, compiled. The true time lies within
    ± `interval_ms` in 19 of 20 networks for the first two; for the last one it is how far from the
    median the fastest run and nine tenths of all runs are. `noisy` marks what was beyond the
    protocol's limits.
    """

    ms: float
    interval_ms: float
    source: Literal["table", "model", "measured"]
    guessed: int = 0
    noisy: bool = False


class LatencySource(Protocol):
    """Gives the latency of networks on one device."""

    @property
    def name(self) -> Kind:
        """What it is called on the command line."""

    def of(self, network: Network) -> Latency:
        """The latency of a network.

        InputError for a kernel that the source cannot know; DeviceError for a measurement that
        failed (DeviceLostError if the device is gone) and NoisyError for one that is too unsteady:
        neither is ever a reward.
        """

    def close(self) -> None:
        """Let go of the device."""


def check_kind(kind: str) -> Kind:
    """The kind of that name; InputError if there is none."""
    return one_of(kind, KINDS, "source of latencies", "--latency")


def open_latency(
    kind: str, device: Device, table: Path | None = None, timing: Timing | None = None
) -> LatencySource:
    """The source of that kind for a device, whose target `find_device` has settled.

    `table` is a folder by `latency-table -o`, None for what was measured on the device. `timing`
    is the protocol of measuring whole networks. InputError for an unknown kind, for a device
    without a target, for a table or a model without kernels, and for measuring on an emulator.
    """
    from mnv3gen.devices.device import target_name
    from mnv3gen.targets import load

    chosen, target = check_kind(kind), load(target_name(device))
    if chosen == "compile":
        from mnv3gen.search.measured import open_whole

        return open_whole(device, timing)
    from mnv3gen.measure.latency import load_predictor
    from mnv3gen.measure.records import records_folder
    from mnv3gen.search.predicted import PredictedLatency

    folder = table or records_folder(device.name)
    predictor = load_predictor(folder, target, learn=chosen == "model")
    return PredictedLatency(chosen, predictor)
