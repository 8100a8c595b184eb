"""The loop of a search: rounds of candidates, each written down as soon as it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mnv3gen.errors import DeviceError, DeviceLostError, InputError
from mnv3gen.search.accuracy import Accuracy
from mnv3gen.search.accuracy.stopping import bar_of
from mnv3gen.search.controllers import Controller, Told
from mnv3gen.search.latency import Latency, LatencySource
from mnv3gen.search.reward import reward
from mnv3gen.search.settings import Settings
from mnv3gen.search.space import Point, Space
from mnv3gen.search.trials import FILE, Trial, Trials
from mnv3gen.search.workers import Job, Workers
from mnv3gen.tables.format import format_network
from mnv3gen.tables.parse import parse

ROUND = 8  # trials that are asked for at a time, whoever evaluates them


@dataclass
class Nas:
    """A search: what asks, what answers, and where it is written down."""

    settings: Settings
    space: Space
    controller: Controller
    latency: LatencySource
    workers: Workers
    trials: Trials
    observe: Callable[[Trial], None] = lambda trial: None

    def run(self, wanted: int) -> list[Trial]:
        """Make trials until there are so many, or no more candidates; all of them, in order.

        Those that are in the file already are told to the controller again, and made anew only
        where they are missing. DeviceLostError if the device does not come back: what is known
        then is in the file. InputError if the file's trials are of another search.
        """
        number = 0
        while number < wanted:
            points = self.controller.ask(self.settings.round)
            last = min(number + len(points), wanted)
            self._round(number, points[: last - number])
            if not points or last - number < len(points):
                break  # of a round that is cut off the controller is told when it is whole
            numbers = range(number, last)
            self.controller.tell(
                [
                    Told(point, self.trials.by_number[it].reward)
                    for it, point in zip(numbers, points, strict=True)
                ]
            )
            number = last
        return [trial for trial in self.trials.in_order if trial.number < wanted]

    def _round(self, first: int, points: Sequence[Point]) -> None:
        missing: dict[int, Point] = {}
        for number, point in enumerate(points, first):
            known = self.trials.by_number.get(number)
            if known is None:
                missing[number] = point
            else:
                self._check(known, point)
        latencies = {
            number: it for number, point in missing.items() if (it := self._latency(number, point))
        }
        bar = bar_of(self._earlier(first))
        jobs = [Job(number, self._table(missing[number]), bar) for number in latencies]
        for number, accuracy in self.workers.run(jobs):
            self._keep(self._trial(number, missing[number], latencies[number], accuracy))

    def _earlier(self, first: int) -> list[Accuracy]:
        """Of whole earlier rounds, so that it does not matter who is done first."""
        trials = [trial for trial in self.trials.in_order if trial.number < first]
        return [trial.accuracy for trial in trials if trial.accuracy is not None]

    def _latency(self, number: int, point: Point) -> Latency | None:
        """None where the trial failed, which is written down."""
        try:
            return self.latency.of(self.space.network(point))
        except DeviceLostError:
            raise
        except DeviceError as error:
            self._keep(self._failed(number, point, str(error), None))
            return None

    def _trial(
        self, number: int, point: Point, latency: Latency, accuracy: Accuracy | str
    ) -> Trial:
        if isinstance(accuracy, str):
            return self._failed(number, point, accuracy, latency)
        settings = self.settings
        return Trial(
            number=number,
            seed=settings.seed,
            controller=settings.controller,
            point=self._table(point),
            state="stopped" if accuracy.stopped else "ok",
            accuracy=accuracy,
            latency=latency,
            reward=reward(accuracy.value, latency.ms, settings.target_ms, settings.exponents),
            reason=f"hopeless after epoch {accuracy.epochs}" if accuracy.stopped else "",
        )

    def _failed(self, number: int, point: Point, reason: str, latency: Latency | None) -> Trial:
        return Trial(
            number=number,
            seed=self.settings.seed,
            controller=self.settings.controller,
            point=self._table(point),
            state="failed",
            latency=latency,
            reason=reason,
        )

    def _keep(self, trial: Trial) -> None:
        self.trials.add(trial)
        self.observe(trial)

    def _table(self, point: Point) -> str:
        return format_network(self.space.network(point))

    def _check(self, known: Trial, point: Point) -> None:
        """By their tables: neighbouring blocks may share out their layers in several ways."""
        if parse(known.point) != self.space.network(point):
            raise InputError(
                "a trial of another search",
                place=f"{self.trials.journal.path}: trial {known.number}",
                found=f"controller {known.controller}, seed {known.seed}",
                expected=f"what this search asks for; or remove {FILE}, or --restart",
            )


def check_space(space: Space) -> None:
    """InputError for a space without anything to choose from."""
    for number in range(space.places):
        if not space.choices(number):
            raise InputError(
                "an empty space",
                place=space.name,
                found=f"block {number + 1} of {space.places} has no choice",
                expected='operators that it may be: "sepconv" is for the first block alone',
            )
    if space.size < 2:
        raise InputError(
            "nothing to choose from", place=space.name, found="one network", expected="several"
        )
