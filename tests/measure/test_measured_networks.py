"""Whole networks on devices that are unsteady, lost, or broken."""

from __future__ import annotations

from typing import Any

import pytest
from support.boards import Board
from support.compiled import Compiled
from support.devices import DEVICE, FakeConnection, option

from mnv3gen.devices.connection import Output
from mnv3gen.errors import DeviceError, DeviceLostError
from mnv3gen.measure.network import measure_network
from mnv3gen.measure.protocol import Protocol
from mnv3gen.measure.session import Session

pytestmark = pytest.mark.compile
PROTOCOL = Protocol(cpu=1, runs=20, seconds=0.1, attempts=3, most_spread=0.1, most_drift=0.05)


def measured(compiled: Compiled, *answers: Any, tries: int = 0) -> tuple[Any, FakeConnection]:
    """The record of a device with these answers."""
    connection = FakeConnection(Board(compiled, answers))
    session = Session(DEVICE, connection.open, pause=0.0)
    return measure_network(session, compiled.bundle, PROTOCOL), connection


def test_a_steady_device_is_measured_once(tiny_bundle: Compiled) -> None:
    record, connection = measured(tiny_bundle, 1.05)
    assert (record.times["run"].median_ms, record.noisy, record.attempts) == (1.05, False, 1)
    assert record.times["run"].runs == 50  # 0.1 s of 2 ms
    assert record.protocol == PROTOCOL
    assert record.table == tiny_bundle.bundle.manifest.network
    assert [option(run, "--cpu") for run in connection.runs] == ["1", "1"]


def test_an_unsteady_one_is_repeated(tiny_bundle: Compiled) -> None:
    record, _ = measured(tiny_bundle, 1.5, 1.08)
    assert (record.times["run"].median_ms, record.noisy, record.attempts) == (1.08, False, 2)


def test_one_that_stays_unsteady_is_marked(tiny_bundle: Compiled) -> None:
    record, _ = measured(tiny_bundle, 1.5, 1.3, 1.4)
    assert (record.times["run"].median_ms, record.noisy, record.attempts) == (1.3, True, 3)


def test_a_frequency_that_moves_is_unsteady_too(tiny_bundle: Compiled) -> None:
    record, _ = measured(tiny_bundle, (1.02, 1000, 600), (1.03, 1000, 990))
    assert (record.times["run"].median_ms, record.noisy, record.attempts) == (1.03, False, 2)


def test_a_lost_device_is_connected_to_anew(tiny_bundle: Compiled) -> None:
    lost = DeviceLostError("fake", "it went down")
    record, connection = measured(tiny_bundle, lost, 1.01)
    assert record.times["run"].median_ms == 1.01
    assert (connection.opened, connection.closed) == (2, 1)
    assert connection.put_names == ["benchmark", "benchmark"]


def test_one_that_does_not_come_back(tiny_bundle: Compiled) -> None:
    with pytest.raises(DeviceLostError, match="it went down"):
        measured(tiny_bundle, *[DeviceLostError("fake", "it went down")] * 3)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (Output(-4, ""), "signal 4: an instruction that its processor lacks"),
        (Output(132, "", "Illegal instruction"), "signal 4: an instruction"),
        (Output(137, "", "Killed"), "signal 9: too little memory, perhaps"),
        (Output(126, "", "permission denied"), "code 126: permission denied"),
        (Output(2, ""), "code 2: it printed nothing"),
        (Output(0, "garbage"), "nonsense came back: 'garbage'"),
    ],
)
def test_a_broken_one_is_an_error(tiny_bundle: Compiled, output: Output, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        measured(tiny_bundle, output)
