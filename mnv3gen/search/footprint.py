"""How a space's kernels are timed: beside as much other memory as its networks go over."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mnv3gen.devices.device import Device, target_name
from mnv3gen.measure.check import random_networks
from mnv3gen.measure.latency import load_predictor, open_records
from mnv3gen.measure.planned import Plans, footprint_kib
from mnv3gen.measure.protocol import Protocol
from mnv3gen.measure.records import records_folder
from mnv3gen.measure.table import open_plans
from mnv3gen.search.latency import LatencySource, open_latency
from mnv3gen.search.predicted import PredictedLatency
from mnv3gen.search.space import Point, Space
from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network
from mnv3gen.targets import load

SAMPLE = 64  # random points, beside the two extremes
CALIBRATING = 6  # random networks that are measured whole, to know how far sums of kernels are off
STEP = 256  # KiB that sizes are rounded to, so that they rarely change
RUNS, WARMUP = 15, 2  # of a kernel, as `mnv3gen latency-table` has them


def open_space_latency(
    kind: str, space: Space, device: Device, table: Path | None = None
) -> LatencySource:
    """As `open_latency`, but of the device's own records those under the space's protocol.

    Without `table`, sums of kernels are of those alone that `protocol_for` had timed.
    """
    if kind != "table" or table is not None:
        return open_latency(kind, device, table)
    folder, target = records_folder(device.name), load(target_name(device))
    protocol = device_protocol(space, open_plans(target, folder), device)
    return PredictedLatency("table", load_predictor(folder, target, False, protocol))


def device_protocol(space: Space, plans: Plans, device: Device) -> Protocol:
    """The protocol of a space's kernels on a device."""
    return protocol_for(space, plans, Protocol(cpu=device.cpu, runs=RUNS, warmup=WARMUP))


def protocol_for(space: Space, plans: Plans, base: Protocol) -> Protocol:
    """The protocol with the sizes of a space's smallest and largest networks.

    A network of few MiB finds more of itself in the caches than the protocol's own sizes, which
    are those of networks for pictures of 224 x 224, would leave there.
    """
    sizes = [footprint_kib(plans.calls(space.network(point))) for point in _points(space)]
    small = max(STEP, int(min(sizes)) // STEP * STEP)
    large = max(small + STEP, -(-int(max(sizes)) // STEP) * STEP)
    return msgspec.structs.replace(base, small_kib=small, large_kib=large)


def _points(space: Space) -> Iterator[Point]:
    generator = random.Random(0)  # noqa: S311 - the same ones every time
    for _ in range(SAMPLE):
        yield space.random(generator)
    for pick in (min, max):
        yield tuple(
            pick(space.choices(place), key=lambda it: (it.layer.out, it.layers, it.layer.operator))
            for place in range(space.places)
        )


def calibrating(space: Space, device: Device) -> list[tuple[Network, float | None]]:
    """Networks of a space to measure whole, and what each took; None if it was not measured yet."""
    records = open_records(records_folder(device.name)).of_kind("network")
    known = {
        it.table: it.times["run"].median_ms
        for it in records
        if not it.noisy and it.target == target_name(device)
    }
    networks = random_networks(space, CALIBRATING, seed=0)  # those of `mnv3gen latency-table`
    return [(network, known.get(format_network(network))) for network in networks]
