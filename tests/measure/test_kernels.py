"""Kernels on devices that are stopped, lost, or broken in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support.devices import DEVICE, FakeConnection, option

from mnv3gen.compile.kernel import Kernel
from mnv3gen.devices.connection import Output
from mnv3gen.errors import DeviceError, DeviceLostError
from mnv3gen.generate.group import Group
from mnv3gen.measure.kernel import Code
from mnv3gen.measure.kernels import Batch, KernelMeasurer
from mnv3gen.measure.protocol import Protocol
from mnv3gen.measure.records import FILE, Records
from mnv3gen.measure.session import Session
from mnv3gen.targets import load

PROTOCOL = Protocol(runs=15, attempts=3, most_spread=0.1)
COUNT = 4
Answer = Callable[[int], str]


def code(number: int) -> Code:
    """A kernel of so many channels."""
    kernel = Kernel("conv", (4, 4, 8), (4, 4, 8 + number))
    return Code(Group((kernel,), ((-1,),), (0,)), "pointwise", 1, {}, 0)


BATCH = Batch(Path("kernels"), {f"code{number}": code(number) for number in range(COUNT)})


def line(number: int, median: float = 1.05, runs: int = 15, khz: int = 1000) -> str:
    """What a device prints of a kernel; the minimum is 1."""
    three = {"min_ms": 1.0, "median_ms": median, "p90_ms": median}
    rest = {"small_cold": three, "cold": three, "state": {"khz": str(khz)}}
    return json.dumps({"kernel": number, "runs": runs, **rest}) + "\n"


def measurer(
    folder: Path, script: Callable[[Sequence[str]], Output]
) -> tuple[KernelMeasurer, FakeConnection]:
    """A measurer of a scripted device."""
    connection = FakeConnection(script)
    session = Session(DEVICE, connection.open, pause=0.0)
    records = Records(folder / FILE)
    return KernelMeasurer(session, load("arm_cpu"), PROTOCOL, records), connection


def asked(arguments: Sequence[str]) -> range:
    """The kernels that a run is to measure."""
    return range(int(option(arguments, "--from")), int(option(arguments, "--to")))


def steady(arguments: Sequence[str]) -> Output:
    """A device without faults."""
    return Output(0, "".join(line(number) for number in asked(arguments)))


def medians(it: KernelMeasurer) -> dict[str, float]:
    """What is on the disk, by the kernels' codes."""
    records = Records(it.records.journal.path).of_kind("kernel")
    return {record.bundle: record.times["cold"].median_ms for record in records}


def test_all_are_measured_once(tmp_path: Path) -> None:
    it, connection = measurer(tmp_path, steady)
    it.measure(BATCH)
    it.measure(BATCH)
    assert medians(it) == dict.fromkeys(BATCH.codes, 1.05)
    assert len(connection.runs) == 1


def test_a_stopped_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    it, _ = measurer(tmp_path, steady)
    it.measure(Batch(BATCH.program, dict(list(BATCH.codes.items())[:2])))
    it, connection = measurer(tmp_path, steady)
    it.measure(BATCH)
    assert [asked(run) for run in connection.runs] == [range(2, 4)]
    assert set(medians(it)) == set(BATCH.codes)


def test_a_lost_device_goes_on_after_what_it_told(tmp_path: Path) -> None:
    lost = iter([True])

    def script(arguments: Sequence[str]) -> Output:
        if next(lost, False):
            raise DeviceLostError("fake", "it went down")
        return steady(arguments)

    it, connection = measurer(tmp_path, script)
    it.measure(BATCH)
    assert set(medians(it)) == set(BATCH.codes)
    assert connection.opened == 2
    assert connection.put_names == ["kernels", "kernels"]
    assert it.skipped == {}


def test_a_kernel_that_ends_the_program_is_left_out(tmp_path: Path) -> None:
    def script(arguments: Sequence[str]) -> Output:
        numbers = asked(arguments)
        told = "".join(line(number) for number in numbers if number < 2 or 2 not in numbers)
        return Output(-11 if 2 in numbers else 0, told)

    it, _ = measurer(tmp_path, script)
    it.measure(BATCH)
    assert set(medians(it)) == {"code0", "code1", "code3"}
    assert list(it.skipped) == [code(2).group.name]
    assert "kernels ended with code -11" in it.skipped[code(2).group.name]


@pytest.mark.parametrize(
    "spoiled",
    ["Killed\n", line(7), line(1, runs=3), line(1).replace("1.05", "0.5"), line(1) * 9, ""],
)
def test_nonsense_never_becomes_a_number(tmp_path: Path, spoiled: str) -> None:
    def script(arguments: Sequence[str]) -> Output:
        numbers = asked(arguments)
        texts = [spoiled if number == 1 else line(number) for number in numbers]
        return Output(0, "".join(texts))

    it, _ = measurer(tmp_path, script)
    it.measure(BATCH)
    found = medians(it)
    assert set(found.values()) == {1.05}
    assert "code1" not in found or spoiled.startswith(line(1))
    assert {"code0"} <= set(found)


def test_a_device_that_does_not_come_back_is_an_error(tmp_path: Path) -> None:
    def script(arguments: Sequence[str]) -> Output:
        raise DeviceLostError("fake", "it went down")

    def refuse(device: object) -> FakeConnection:
        raise DeviceLostError("fake", "not reached")

    it, connection = measurer(tmp_path, script)
    it.session.put(Path("kernels"), "kernels")
    it.session.open = refuse
    with pytest.raises(DeviceError, match="not reached"):
        it.measure(BATCH)
    assert connection.closed == 1


def test_an_unsteady_kernel_is_repeated_and_in_the_end_marked(tmp_path: Path) -> None:
    values = {0: iter([1.5, 1.3, 1.4]), 1: iter([1.5, 1.05])}

    def script(arguments: Sequence[str]) -> Output:
        return Output(
            0, "".join(line(it, next(values.get(it, iter([1.05])))) for it in asked(arguments))
        )

    it, connection = measurer(tmp_path, script)
    it.measure(BATCH)
    assert medians(it) == {"code0": 1.3, "code1": 1.05, "code2": 1.05, "code3": 1.05}
    records = {record.bundle: record for record in it.records.of_kind("kernel")}
    assert (records["code0"].noisy, records["code0"].attempts) == (True, 3)
    assert (records["code1"].noisy, records["code1"].attempts) == (False, 2)
    assert [asked(run) for run in connection.runs] == [range(0, 4), range(0, 2), range(0, 1)]


def test_a_frequency_that_moves_makes_a_kernel_noisy(tmp_path: Path) -> None:
    first = iter([True])

    def script(arguments: Sequence[str]) -> Output:
        if next(first, False):
            clocks = [1000, 1000, 700, 700]
            return Output(0, "".join(line(it, khz=clocks[it]) for it in asked(arguments)))
        return steady(arguments)

    it, connection = measurer(tmp_path, script)
    it.measure(BATCH)
    assert [asked(run) for run in connection.runs] == [range(0, 4), range(2, 3)]
    assert not any(record.noisy for record in it.records.of_kind("kernel"))
