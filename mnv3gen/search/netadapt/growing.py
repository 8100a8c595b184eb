"""A latency table that grows: the kernels of a step's proposals are measured when they are met."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from mnv3gen.measure import table
from mnv3gen.measure.kernels import KernelMeasurer
from mnv3gen.measure.latency import load_predictor
from mnv3gen.measure.planned import Plans, footprint_kib
from mnv3gen.measure.predict import Predictor
from mnv3gen.measure.protocol import Protocol
from mnv3gen.measure.records import FILE, Records, records_folder
from mnv3gen.measure.session import Session
from mnv3gen.search.latency import Latency
from mnv3gen.search.predicted import PredictedLatency
from mnv3gen.tables.network import Network
from mnv3gen.targets import Target

STEP = 256  # KiB that sizes are rounded to
RUNS, WARMUP = 15, 2  # of a kernel, as `mnv3gen latency-table` has them


class GrowingTable:
    """Sums of kernels, each measured beside as much memory as the networks of a run go over.

    `largest` and `smallest` are the networks at both ends of the run.
    """

    name: Literal["table"] = "table"

    def __init__(
        self,
        session: Session,
        target: Target,
        largest: Network,
        smallest: Network,
        observe: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.session, self.target, self.observe = session, target, observe
        self.folder = records_folder(session.device.name)
        self.plans = table.open_plans(target, self.folder)
        self.protocol = _protocol(self.plans, largest, smallest, session.device.cpu)
        self.predictor: Predictor | None = None

    def prepare(self, networks: Sequence[Network]) -> None:
        """Measure every kernel of some networks that has not been; raises as `KernelMeasurer`."""
        codes = table.plan(self.plans, networks, lambda: None)
        records = Records(self.folder / FILE)
        measurer = KernelMeasurer(self.session, self.target, self.protocol, records)
        waiting = table.waiting(table.measurable(codes), measurer)
        if waiting or self.predictor is None:
            self.observe(f"compile {len(waiting)} kernels")
            batches = list(table.build(waiting, self.target, lambda: None))
            self.observe(f"measure {len(waiting)} kernels")
            table.measure(measurer, batches)
            self.predictor = load_predictor(self.folder, self.target, False, self.protocol)

    def of(self, network: Network) -> Latency:
        """The sum of a network's kernels; those that are missing are measured first."""
        self.prepare([network])
        assert self.predictor is not None
        return PredictedLatency("table", self.predictor).of(network)

    def close(self) -> None:
        """Let go of the device."""
        self.session.close()


def _protocol(plans: Plans, largest: Network, smallest: Network, cpu: int | None) -> Protocol:
    table.plan(plans, [largest, smallest], lambda: None)
    least, most = (footprint_kib(plans.calls(network)) for network in (smallest, largest))
    small = max(STEP, int(least) // STEP * STEP)
    large = max(small + STEP, -(-int(most) // STEP) * STEP)
    base = Protocol(cpu=cpu, runs=RUNS, warmup=WARMUP)
    return msgspec.structs.replace(base, small_kib=small, large_kib=large)
