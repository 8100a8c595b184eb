"""Runners side by side: started, compared, then timed in turns of a block of runs each.

All are bound to one processor and only one of them runs at a time, so that whatever disturbs the
machine disturbs all of them alike.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import numpy as np

from mnv3gen.bench.environments import Environment
from mnv3gen.bench.models import Model, own_model, write_model
from mnv3gen.bench.peak import build_peak
from mnv3gen.bench.subject import Subject
from mnv3gen.bench.summary import quantile
from mnv3gen.bench.worker import RunnerError, Worker
from mnv3gen.compile.kernels import Observer
from mnv3gen.compile.verify import TOLERANCE, largest_error, tolerance_of
from mnv3gen.errors import InputError, Mnv3genError

OURS = "mnv3gen"
FLOATS = "mnv3gen float32"  # what our int8 runs beside
LEAST_ROUNDS = 3
MOST_WARMUP_RUNS = 2000
NANOSECONDS = 1e6  # in a millisecond
# Of int8 networks in engines that round in other ways: what is wrong differs by more.
OTHER_ROUNDING = 0.5


@dataclass(frozen=True)
class Settings:
    """How long is measured: ``block`` runs a turn, of which the first ``dropped`` do not count.

    ``rounds`` is the number of turns of each runner, None for as many as fill ``seconds``. Before,
    each runs for ``warmup`` seconds. ``cpu`` is the processor; None for no choice.
    """

    block: int = 8
    dropped: int = 2
    seconds: float = 20.0
    rounds: int | None = None
    warmup: float = 0.5
    cpu: int | None = None


def choose_cpu(wanted: int | None) -> int | None:
    """A processor that this process may use: the one wanted, or else the last.

    None where the system has no such choice; InputError for a processor that is not there.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    if wanted is not None and wanted not in allowed:
        raise InputError(
            "no such processor",
            place="--cpu",
            found=wanted,
            expected=f"one of {', '.join(map(str, allowed))}",
        )
    return allowed[-1] if wanted is None else wanted


@dataclass(frozen=True)
class Entrant:
    """A network in the hands of a peer, or without an ``environment`` in our own.

    ``name`` is what tables and errors call it; the network's files are written to ``folder``.
    """

    name: str
    subject: Subject
    environment: Environment | None
    folder: Path

    @property
    def runner(self) -> str:
        """Who computes it, and in which type where we do it in two."""
        if self.environment is not None:
            return self.environment.peer.name
        return FLOATS if self.name == FLOATS else OURS


@dataclass
class Timed:
    """A runner that is ready; ``times`` are in milliseconds."""

    worker: Worker
    run_ms: float = math.inf  # about, from the warm-up
    times: list[float] = field(default_factory=list)

    def warm_up(self, seconds: float) -> None:
        """Run for a while."""
        first = self.runs(2)[-1]
        runs = min(max(int(seconds * 1e3 / first), 2), MOST_WARMUP_RUNS)
        self.run_ms = quantile(sorted(self.runs(runs)), 0.5)

    def runs(self, count: int) -> list[float]:
        """The milliseconds of runs in a row."""
        return [span / NANOSECONDS for span in self.worker.ask("time", runs=count)["nanoseconds"]]


@dataclass
class Contestant(Timed):
    """A runner that computes what it should: ``max_error`` is a part of the largest output.

    ``memory_bytes`` is the most that loading and running the network took, ``binary_bytes`` the
    size of the engine's libraries and of the network's files.
    """

    entrant: Entrant = field(kw_only=True)
    max_error: float = field(kw_only=True)
    memory_bytes: int = field(kw_only=True)
    binary_bytes: int = field(kw_only=True)


@dataclass
class Session:
    """The runners that are ready, the core's peak, and by name why others are not.

    ``peak`` computes ``peak_madds`` multiply-adds a run.
    """

    settings: Settings
    peak: Timed
    peak_madds: int
    contestants: list[Contestant] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def timed(self) -> list[Timed]:
        """All that have turns."""
        return [*self.contestants, self.peak]

    @property
    def rounds(self) -> int:
        """How many turns each has."""
        if self.settings.rounds is not None:
            return self.settings.rounds
        seconds = sum(each.run_ms for each in self.timed) * self.settings.block / 1e3
        return max(int(self.settings.seconds / seconds), LEAST_ROUNDS)

    def measure(self, advance: Callable[[], None] = lambda: None) -> None:
        """Take turns; ``advance`` is called after each round. Only whole rounds count."""
        for number in range(self.rounds):
            start = number % len(self.timed)
            order = self.timed[start:] + self.timed[:start]
            blocks: list[tuple[Timed, list[float]]] = []
            for timed in order:
                with self.without_peer_that_fails(timed):
                    blocks.append((timed, timed.runs(self.settings.block)))
            for timed, times in blocks:
                timed.times += times[self.settings.dropped :]
            advance()

    @contextlib.contextmanager
    def without_peer_that_fails(self, timed: Timed | Entrant) -> Iterator[None]:
        """If a peer fails meanwhile, note it and go on without it."""
        try:
            yield
        except Mnv3genError as error:
            entrant = timed.entrant if isinstance(timed, Contestant) else timed
            if not isinstance(entrant, Entrant) or entrant.environment is None:
                raise
            self.failures[entrant.name] = str(error)
            self.contestants = [each for each in self.contestants if each.entrant != entrant]


@contextlib.contextmanager
def started(
    entrants: Sequence[Entrant], settings: Settings, folder: Path, observe: Observer
) -> Iterator[Session]:
    """A session of runners that computed what the reference executor computes, and are warm.

    A peer that fails to is left out, with the reason in ``failures``; Mnv3genError if ours does.
    """
    with contextlib.ExitStack() as stack:
        observe("compile the loop for the peak")
        peak = build_peak(folder)
        worker = Worker("peak", "peak", sys.executable, folder)
        stack.callback(worker.close)
        worker.ask(
            "load", model=str(peak.library), data=str(peak.data), outputs=[], cpu=settings.cpu
        )
        session = Session(settings, Timed(worker), peak.madds)
        for entrant in entrants:
            with session.without_peer_that_fails(entrant):
                observe(f"load {entrant.name} and compare its outputs")
                session.contestants.append(_contestant(stack, entrant, settings.cpu))
        for timed in session.timed:
            with session.without_peer_that_fails(timed):
                observe(f"warm up {timed.worker.name}")
                timed.warm_up(settings.warmup)
        yield session


def _contestant(stack: contextlib.ExitStack, entrant: Entrant, cpu: int | None) -> Contestant:
    """Start, load, run once, compare."""
    subject, environment, folder = entrant.subject, entrant.environment, entrant.folder
    if environment is None:
        model = own_model(subject, folder)
        worker = Worker(entrant.name, "bundle", sys.executable, folder)
    else:
        model = write_model(subject, environment, folder)
        worker = Worker(entrant.name, environment.peer.name, environment.python, folder)
    stack.callback(worker.close)
    worker.ask(
        "load", model=str(model.path), data=str(model.data), outputs=list(model.outputs), cpu=cpu
    )
    outputs = folder / f"{worker.name.replace(' ', '-')}.npz"
    worker.ask("run", file=str(outputs))
    error = output_error(subject, model, outputs)
    tolerance = _tolerance(entrant)
    if not error <= tolerance:
        raise RunnerError(
            f"{entrant.name} computes other outputs than the reference executor: the largest "
            f"difference is {error:.3g} of the largest output, more than {tolerance:g}"
        )
    sizes = worker.ask("report")
    return Contestant(
        worker,
        entrant=entrant,
        max_error=error,
        memory_bytes=sizes["memory_bytes"],
        # Our library is all that there is.
        binary_bytes=model.size + (sizes["library_bytes"] if environment else 0),
    )


def _tolerance(entrant: Entrant) -> float:
    if entrant.environment is None:
        return tolerance_of(entrant.subject.quantized)
    return TOLERANCE if entrant.subject.quantized is None else OTHER_ROUNDING


def output_error(subject: Subject, model: Model, path: Path) -> float:
    """The largest difference to the reference, as a part of the largest output; NaN if one is."""
    expected = subject.expected
    with np.load(path) as found:
        values = [found[name] for name in found.files]
    if len(values) != len(expected):
        raise RunnerError(f"{len(values)} outputs instead of {len(expected)}")
    tensors = [model.tensor(*pair) for pair in zip(values, expected, strict=True)]
    offsets = [0, *accumulate(tensor.nbytes for tensor in tensors[:-1])]
    return largest_error(np.concatenate([each.ravel() for each in tensors]), offsets, expected)
