"""MetaSchedule for the kernels that no generator covers, one after the other, beside their rule."""

from __future__ import annotations

import contextlib
import datetime
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnv3gen import __version__
from mnv3gen.compile.cache import tool_versions
from mnv3gen.compile.kernels import Phases, closed, lower_fallbacks
from mnv3gen.compile.metaschedule import (
    Entry,
    SearchedRecord,
    as_workload,
    folder_of,
    read_entries,
    workload_hash,
    write_entries,
)
from mnv3gen.compile.plan import Step
from mnv3gen.compile.schedules import FALLBACK
from mnv3gen.compile.tuned import core_of, own_folder
from mnv3gen.tune.functions import Signature
from mnv3gen.tune.measurer import WorkerError
from mnv3gen.tune.session import Session
from mnv3gen.tune.space import Search
from mnv3gen.tune.timing import LONG_ROUNDS, Timing, worth

if TYPE_CHECKING:
    from tvm import tirx

TRIALS = 64  # of a kernel
BATCH = 16
SHARE = 0.25  # of a run's time, if there are such kernels


@dataclass(frozen=True)
class Fallback:
    """A kernel of a plan that TVM's function computes."""

    step: Step
    function: tirx.PrimFunc
    calls: int


@dataclass
class Fallbacks:
    """The kernels of a session's plans that are searched for, and what came of each.

    A kernel that has a record already is left alone. `failed` are those that no right values, or
    none at all, came of.
    """

    session: Session
    kernels: dict[str, Fallback] = field(default_factory=dict)
    records: dict[str, SearchedRecord] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        from tvm.target import Target as TvmTarget

        self.target = TvmTarget(self.session.target.tvm_dict())
        self.core = core_of(self.session.target)
        self.folder = folder_of(own_folder() / self.session.target.name, self.core)
        for network in self.session.networks:
            for step in (step for steps in network.table for step in steps):
                name, calls = step.group.name, self.session.calls[step.group.name, FALLBACK]
                if step.schedule.name == FALLBACK and calls:
                    self.kernels[name] = Fallback(step, network.functions[name], calls)
        known = self.session.known.searched
        for name, kernel in self.kernels.items():
            schedule = kernel.step.schedule
            record = known.find(name, schedule.name, schedule.version)
            if record is not None and record.workload == workload_hash(kernel.function):
                self.records[name] = record

    @property
    def waiting(self) -> list[str]:
        """The kernels without a record, those first that most is computed in."""
        names = [it for it in self.kernels if it not in self.records and it not in self.failed]
        return sorted(names, key=lambda it: -self.kernels[it].step.cost * self.kernels[it].calls)

    def run(self, deadline: float) -> None:
        """Search until all kernels have a record, or until this moment of the monotonic clock.

        Each record is on the disk before the next kernel's search begins.
        """
        session = self.session
        session.deadline = deadline
        for name in self.waiting:
            if time.monotonic() > deadline:
                return
            try:
                entry = self._searched(name, self.kernels[name], deadline)
            except WorkerError:  # a function that was right, and then was not
                entry = None
            if entry is None:
                self.failed.append(name)
                continue
            self.records[name] = entry.record
            with _interrupts_held():
                write_entries(self.folder, _with(read_entries(self.folder), entry))

    def _searched(self, name: str, kernel: Fallback, deadline: float) -> Entry | None:
        """The best of the search beside the rule; None if the rule itself computes nothing."""
        rule = self._by_rule(kernel)
        workload, seed = as_workload(kernel.function), self.session.seed
        with _interrupts_held():
            search = Search(workload, self.target, seed, TRIALS, BATCH)
        best: Any = None
        least, trials = float("inf"), 0
        while candidates := search.batch():
            timings = self._timed(kernel, [rule, *(it.sch.mod["main"] for it in candidates)])
            if timings[0] is None:
                return None
            times = [None if it is None else it.median / 1e6 for it in timings[1:]]
            search.learn(candidates, times)
            for candidate, timing in zip(candidates, timings[1:], strict=True):
                ratio = float("inf") if timing is None else timing.median / timings[0].median
                if ratio < least:
                    least, best = ratio, candidate
            trials += len(candidates)
            self._tell(name, len(candidates), least)
            if time.monotonic() > deadline:
                break
        return None if best is None else self._duel(name, kernel, rule, search, best, trials)

    def _duel(
        self, name: str, kernel: Fallback, rule: Any, search: Search, best: Any, trials: int
    ) -> Entry | None:
        """Time the best and the rule once more, for longer: what counts.

        The least times have to agree with the medians, which these short kernels' neighbours move.
        """
        timings = self._timed(kernel, [rule, best.sch.mod["main"]], LONG_ROUNDS)
        own, found = timings
        if own is None or found is None:
            return None
        workload = search.workload.as_json()
        record = SearchedRecord(
            kernel=name,
            schedule=kernel.step.schedule.name,
            version=kernel.step.schedule.version,
            better=found.median < worth(found.spread) * own.median and found.least < own.least,
            workload=workload[0],
            median_us=round(found.median, 3),
            spread=round(found.spread, 4),
            rule_us=round(own.median, 3),
            trials=trials,
            core=self.core,
            machine=self.session.target.core.name,
            tools={"mnv3gen": __version__, **tool_versions()},
            seed=self.session.seed,
            date=datetime.date.today().isoformat(),
        )
        if not record.better:
            return Entry(record)
        return Entry(record, workload, search.record(best, found.median / 1e6).as_json())

    def _timed(
        self, kernel: Fallback, functions: Sequence[Any], rounds: int | None = None
    ) -> list[Timing | None]:
        """Functions timed in turns; None for what cannot be lowered or computes another thing.

        The first is the rule's, which the others are compared with.
        """
        output = len(kernel.function.params) - 1
        measurer = self.session.measurer
        lowered: dict[int, tuple[str, Any, Signature]] = {}
        for number, function in enumerate(functions):
            made = self._lowered(number, function, output)
            if made is not None:
                lowered[number] = made
        timings: list[Timing | None] = [None] * len(functions)
        if 0 not in lowered:
            return timings
        made_ones = list(lowered.values())
        symbols = {symbol: function for symbol, function, _ in made_ones}
        measurer.load_functions(symbols, [it for _, _, it in made_ones], self.target)
        right = [place for place in range(len(lowered)) if measurer.is_right(place)]
        if 0 not in right:
            return timings
        numbers = list(lowered)
        found = measurer.times(right) if rounds is None else measurer.times(right, rounds)
        for place, timing in zip(right, found, strict=True):
            timings[numbers[place]] = timing
        return timings

    def _lowered(
        self, number: int, function: Any, output: int
    ) -> tuple[str, Any, Signature] | None:
        """A function's symbol, itself and its parameters; None if it cannot be lowered."""
        import tvm

        phases, name = Phases(lambda phase: None, None), str(number)
        try:
            with _interrupts_held(), self.target:
                module = closed(phases, tvm.IRModule({name: function}), self.target)
                parameters = module[name].params
                lowered = lower_fallbacks(phases, {name: module[name]}, "candidate", self.target)
        except Exception:  # whatever a pass makes of a schedule that was drawn by lot
            return None
        signature = Signature(tuple(map(_parameter, parameters)), output)
        symbol = f"candidate_{name}"
        return (symbol, lowered[symbol], signature) if signature.fits else None

    def _by_rule(self, kernel: Fallback) -> Any:
        step, core = kernel.step, self.session.target.core
        return step.schedule.apply(step.group.kernels[0], kernel.function, core)

    def _tell(self, name: str, trials: int, ratio: float) -> None:
        progress = self.session.progress
        progress.tasks = len(self.session.tasks) + len(self.kernels)
        progress.measured = len(self.session.measured) + len(self.records)
        progress.trials += trials
        progress.task, progress.ratio, progress.floor = name, ratio, 0.0
        progress.seconds_left = max(0.0, self.session.deadline - time.monotonic())
        self.session.observe(progress)


def commit_entries(fallbacks: Fallbacks, folder: Path) -> None:
    """Copy the user's own records of a session's kernels into a target's committed folder.

    One that is further ahead of its rule stays, if it is of the same function and the same rule.
    """
    own = [it for it in read_entries(fallbacks.folder) if it.record.kernel in fallbacks.kernels]
    if not own:
        return
    committed = folder_of(folder, fallbacks.core)
    kept = {entry.record.kernel: entry for entry in read_entries(committed)}
    for entry in own:
        known = kept.get(entry.record.kernel)
        if known is None or _replaces(entry.record, known.record):
            kept[entry.record.kernel] = entry
    write_entries(committed, [kept[name] for name in sorted(kept)])


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits for the end: an interrupt that crosses TVM's own code loses its class."""
    pending = []
    before = signal.signal(signal.SIGINT, lambda *_: pending.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pending:
            raise KeyboardInterrupt


def _with(entries: list[Entry], new: Entry) -> list[Entry]:
    """The entries in their order, the new one in the place of an old one of its function."""
    for place, entry in enumerate(entries):
        if entry.record.kernel == new.record.kernel:
            if entry.record.workload == new.record.workload:
                return [*entries[:place], new, *entries[place + 1 :]]
            return [*entries[:place], *entries[place + 1 :], new]
    return [*entries, new]


def _replaces(new: SearchedRecord, old: SearchedRecord) -> bool:
    same = (new.version, new.schedule, new.workload) == (old.version, old.schedule, old.workload)
    return not same or new.ratio < old.ratio


def _parameter(parameter: Any) -> tuple[int, str]:
    return prod(int(side) for side in parameter.ty.shape), str(parameter.ty.dtype)
