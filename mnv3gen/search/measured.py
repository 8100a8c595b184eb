"""Latencies of networks that are compiled and measured whole, alone or in turns."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mnv3gen.devices.device import Device, target_name
from mnv3gen.errors import InputError, NoisyError
from mnv3gen.measure.latency import open_records
from mnv3gen.measure.network import measure_network
from mnv3gen.measure.paired import Paired, measure_beside
from mnv3gen.measure.protocol import Protocol, Times
from mnv3gen.measure.records import records_folder
from mnv3gen.measure.seeded_bundle import compiled
from mnv3gen.measure.session import Session
from mnv3gen.search.latency import Latency
from mnv3gen.search.yardstick import Known
from mnv3gen.tables.network import Network
from mnv3gen.targets import Target, load


@dataclass(frozen=True)
class MeasuredLatency:
    """Compiles a network, or takes its bundle from the cache, and measures it on the device.

    Every measurement is kept in the device's records, noisy ones too.
    """

    session: Session
    target: Target
    timing: Protocol | None = None
    name: Literal["compile"] = "compile"

    def of(self, network: Network) -> Latency:
        """The median of a network's runs; raises as `LatencySource.of`."""
        device = self.session.device
        with tempfile.TemporaryDirectory(prefix="mnv3gen-") as folder:
            bundle = compiled(network, self.target, Path(folder) / "bundle")
            record = measure_network(self.session, bundle, self._protocol)
        open_records(records_folder(device.name)).add(record)
        times = record.times["run"]
        if record.noisy:
            raise NoisyError(
                device.name,
                f"{network.name}: a spread of {times.spread:.0%} after {record.attempts} attempts",
            )
        return latency_of(times)

    def compare(self, before: Network, after: Network, rounds: int, most_error: float) -> Paired:
        """Two networks measured in turns, see `beside`; raises as `of`."""
        return self.beside([(before, 1.0)], after, rounds, most_error)

    def beside(self, known: Known, network: Network, rounds: int, most_error: float) -> Paired:
        """A network in turns with some of known ms, see `measure_beside`; raises as `of`."""
        with tempfile.TemporaryDirectory(prefix="mnv3gen-") as folder:
            bundles = [
                compiled(it, self.target, Path(folder) / str(number))
                for number, it in enumerate([*(it for it, _ in known), network])
            ]
            before = [(bundle, ms) for bundle, (_, ms) in zip(bundles, known, strict=False)]
            return measure_beside(
                self.session, before, bundles[-1], self._protocol, rounds, most_error
            )

    def close(self) -> None:
        """Let go of the device."""
        self.session.close()

    @property
    def _protocol(self) -> Protocol:
        return self.timing or Protocol(cpu=self.session.device.cpu)


def open_whole(device: Device, timing: Protocol | None = None) -> MeasuredLatency:
    """For a device, whose target `find_device` has settled; InputError for an emulator."""
    return MeasuredLatency(open_session(device), load(target_name(device)), timing)


def open_session(device: Device) -> Session:
    """A session with a device that takes times; InputError for an emulator."""
    if device.address.scheme == "emulator":
        raise InputError(
            "an emulator takes no times", place="--device", found=device.name, expected="a device"
        )
    return Session(device)


def latency_of(times: Times) -> Latency:
    """A measurement as a latency."""
    aside = max(times.p90_ms - times.median_ms, times.median_ms - times.min_ms)
    return Latency(ms=times.median_ms, interval_ms=aside, source="measured")
