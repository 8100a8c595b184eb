"""Two networks on a device in turns: how much faster the second one is, whatever else goes on.

The machine's speed drifts by more than what one step of a search gains. Runs of the two that follow
each other closely see the same machine, so their ratio is steady where neither time is.
"""

from __future__ import annotations

import statistics
import time
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


def measure_paired(
    session: Session,
    before: Bundle,
    after: Bundle,
    protocol: Protocol,
    rounds: int,
    most_error: float,
) -> Paired:
    """Measure two bundles in turns, `rounds` times at least, the order changing every time.

    Each turn has the protocol's runs. There are more rounds while the ratio's standard error is
    above `most_error`. DeviceError as `measure_network`; NoisyError if that does not help.
    """
    turns = {
        name: _Turns(session, bundle, name, protocol)
        for name, bundle in (("before", before), ("after", after))
    }
    found = Paired((), ())
    for number in range(rounds * MORE):
        for name in list(turns)[:: 1 if number % 2 else -1]:
            turns[name].take()
        found = Paired(tuple(turns["before"].times), tuple(turns["after"].times))
        if number + 1 >= rounds and found.error <= most_error:
            return found
    raise NoisyError(
        session.device.name,
        f"a ratio of {found.ratio:.4f} is uncertain by {found.error:.1%} after "
        f"{len(found.ratios)} rounds",
    )


class _Turns:
    """One of the two: its program on the device, and the median milliseconds of its turns."""

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
