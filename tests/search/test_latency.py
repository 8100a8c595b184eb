"""Where latencies come from, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from support.boards import Board
from support.compiled import Compiled, tiny
from support.devices import DEVICE, FakeConnection

from mnv3gen.devices.device import find_device
from mnv3gen.errors import InputError, NoisyError
from mnv3gen.measure.predict import Part, Prediction, Predictor
from mnv3gen.measure.protocol import Protocol
from mnv3gen.measure.session import Session
from mnv3gen.search.latency import Latency, open_latency
from mnv3gen.search.predicted import PredictedLatency


class FakePredictor:
    """Three kernels, one of them guessed."""

    def predict(self, network: object) -> Prediction:
        """See `Predictor`."""
        parts = (Part("a", 1.0, True), Part("b", 0.5, False), Part("b", 0.5, False))
        return Prediction(2.0, 0.1, parts)


def test_predictions_say_what_was_guessed() -> None:
    source = PredictedLatency("model", cast(Predictor, FakePredictor()))
    assert source.of(tiny()) == Latency(ms=2.0, interval_ms=0.1, source="model", guessed=1)


def test_an_unknown_source() -> None:
    with pytest.raises(InputError, match="nearest:  compile"):
        open_latency("compiled", DEVICE)


def test_a_table_without_kernels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no records"):
        open_latency("table", DEVICE, tmp_path)


def test_an_emulator_takes_no_times() -> None:
    with pytest.raises(InputError, match="takes no times"):
        open_latency("compile", find_device("emulator"))


@pytest.mark.compile
def test_measured_and_refused(tiny_bundle: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled network is measured on the device; a noisy one is an error, never a latency."""
    from mnv3gen.search import measured
    from mnv3gen.targets import load

    def compiled(*_: Any) -> Any:
        return tiny_bundle.bundle

    monkeypatch.setattr(measured, "compiled", compiled)
    protocol = Protocol(cpu=1, runs=20, seconds=0.1, attempts=2, most_spread=0.1)
    connection = FakeConnection(Board(tiny_bundle, [1.05, 1.4, 1.3]))
    session = Session(DEVICE, connection.open, pause=0.0)
    source = measured.MeasuredLatency(session, load("host"), protocol)
    assert source.of(tiny()).ms == 1.05
    with pytest.raises(NoisyError, match="a spread of 30% after 2 attempts"):
        source.of(tiny())
