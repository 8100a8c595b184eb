"""Networks on a device in turns: how much faster the last one is, whatever else goes on.

The machine's speed drifts by more than what one step of a search gains. Runs that follow each other
closely see the same machine, so their ratio is steady where no time is.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from mnv3gen.compile.bundle import Bundle
from mnv3gen.errors import NoisyError
from mnv3gen.measure.answer import Checked
from mnv3gen.measure.network import CHECK_SECONDS, Executable
from mnv3gen.measure.protocol import Protocol, Times
from mnv3gen.measure.session import Session
from mnv3gen.tune.timing import MEDIAN

MORE = 4  # times the rounds that were asked for, at most
DEVIATION = 1.4826  # the standard deviation over the median absolute one, of normal errors


@dataclass(frozen=True)
class Paired:
    """The milliseconds of every round: of the first network and of the second."""

    before: tuple[float, ...]
    after: tuple[float, ...]

    @property
    def before_ms(self) -> float:
        """The median of the first."""
        return statistics.median(self.before)

    @property
    def after_ms(self) -> float:
        """The median of the second."""
        return statistics.median(self.after)

    @property
    def ratios(self) -> tuple[float, ...]:
        """Second over first, round by round."""
        return tuple(after / before for before, after in zip(self.before, self.after, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.ratios)

    @property
    def error(self) -> float:
        """The standard error of `ratio`, from the median deviation, which outliers hardly move."""
        middle = self.ratio
        deviation = DEVIATION * statistics.median(abs(it - middle) for it in self.ratios)
        return float(MEDIAN * deviation / len(self.ratios) ** 0.5)


def measure_beside(
    session: Session,
    known: Sequence[tuple[Bundle, float]],
    after: Bundle,
    protocol: Protocol,
    rounds: int,
    most_error: float,
) -> Paired:
    """Measure a bundle in turns with some whose milliseconds are known, from another time.

    `before` of the result is, for each round, by how much the known ones are slower now: the median
    over them, so that one whose time was disturbed hardly matters. So `ratio` is the milliseconds
    that `after` would have taken at that time.

    There are `rounds` at least, the order changing every time, and more while the ratio's standard
    error is above the part `most_error` of the median of the known milliseconds. Each turn has the
    protocol's runs. DeviceError as `measure_network`; NoisyError if that does not help.
    """
    turns = [
        _Turns(session, bundle, f"turn-{number}", protocol)
        for number, bundle in enumerate([*(bundle for bundle, _ in known), after])
    ]
    usual = statistics.median(ms for _, ms in known)
    found = Paired((), ())
    for number in range(rounds * MORE):
        for it in turns[:: 1 if number % 2 else -1]:
            it.take()
        slower = statistics.median(
            it.times[-1] / ms for it, (_, ms) in zip(turns, known, strict=False)
        )
        found = Paired((*found.before, slower), (*found.after, turns[-1].times[-1]))
        if number + 1 >= rounds and found.error <= most_error * usual:
            return found
    raise NoisyError(
        session.device.name,
        f"its time beside others is uncertain by {found.error / usual:.1%} after "
        f"{len(found.ratios)} rounds",
    )


class _Turns:
    """One of them: its program on the device, and the median milliseconds of its turns."""

    def __init__(self, session: Session, bundle: Bundle, name: str, protocol: Protocol) -> None:
        self.session, self.protocol = session, protocol
        self.run = Executable(name, bundle, protocol.cpu)
        session.put(bundle.benchmark, name)
        self.runs = protocol.runs_of(self._run(0).first_ms)
        self.times: list[float] = []

    def take(self) -> None:
        """Measure a turn."""
        time.sleep(self.protocol.cool_down)
        self.times.append(Times.of(self._run(self.runs).times_ms).median_ms)

    def _run(self, runs: int) -> Checked:
        warmup = self.protocol.warmup
        return self.session.retried(lambda: self.run(self.session, runs, warmup, CHECK_SECONDS))
