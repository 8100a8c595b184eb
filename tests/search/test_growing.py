"""The table that grows: what is measured when, and beside how much memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from support.compiled import tiny
from support.devices import DEVICE, FakeConnection

from mnv3gen.devices.connection import Output
from mnv3gen.measure import table
from mnv3gen.measure.kernel import Code
from mnv3gen.measure.kernels import KernelMeasurer
from mnv3gen.measure.planned import footprint_kib
from mnv3gen.measure.protocol import State, Times
from mnv3gen.measure.records import Record
from mnv3gen.measure.session import Session
from mnv3gen.search.netadapt.growing import GrowingTable
from mnv3gen.search.netadapt.shrink import least, sites, smaller
from mnv3gen.targets import load

pytestmark = pytest.mark.compile
MS = 0.25


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> list[list[str]]:
    """The kernels of each building; instead of being run each is written down as a quarter ms."""
    found: list[list[str]] = []

    def build(codes: Mapping[str, Code], *_: Any) -> Iterable[Mapping[str, Code]]:
        found.append(list(codes))
        return [codes]

    def measure(measurer: KernelMeasurer, batches: Iterable[Mapping[str, Code]]) -> None:
        times = dict.fromkeys(("cold", "near", "small_cold", "small_near"), Times(MS, MS, MS, 15))
        for codes in batches:
            for key, code in codes.items():
                record = Record(
                    kind="kernel", name=code.group.name, target="host", core="", bundle=key,
                    device=DEVICE.name, protocol=measurer.protocol, times=times, noisy=False,
                    attempts=1, before=State(), after=State(),
                )  # fmt: skip
                measurer.records.add(record)

    monkeypatch.setenv("MNV3GEN_RECORDS", str(tmp_path))
    monkeypatch.setattr(table, "build", build)
    monkeypatch.setattr(table, "measure", measure)
    return found


def test_only_new_kernels_are_measured(built: list[list[str]]) -> None:
    network = tiny()
    connection = FakeConnection(lambda arguments: Output(1, ""))
    session = Session(DEVICE, connection.open, pause=0.0)
    growing = GrowingTable(session, load("host"), network, least(network))
    calls = growing.plans.calls(network)
    assert growing.of(network).ms == pytest.approx(MS * len(calls))
    assert growing.of(network).source == "table"
    (first,) = built
    assert len(first) == len({call.code for call in calls})
    (site,) = [it for it in sites(network) if it.name == "bneck2.expand"]
    ((_, shrunk),) = smaller(network, site, 12)
    growing.prepare([shrunk])
    assert len(built) == 2
    assert not set(built[1]) & set(first)
    sizes = growing.protocol.small_kib, growing.protocol.large_kib
    assert sizes[0] <= max(256, footprint_kib(growing.plans.calls(least(network))))
    assert sizes[1] >= footprint_kib(calls)
    assert sizes[0] % 256 == sizes[1] % 256 == 0
