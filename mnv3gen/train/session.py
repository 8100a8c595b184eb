"""A training run: epochs of steps, evaluations, checkpoints, and going on where one was killed."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mnv3gen.errors import InputError, Mnv3genError
from mnv3gen.train import folder as files
from mnv3gen.train.clock import Clock
from mnv3gen.train.data.batches import Share
from mnv3gen.train.distribute import Group, group
from mnv3gen.train.learner import Learner, classifier_output
from mnv3gen.train.recipe import rate_at
from mnv3gen.train.request import Request, identity
from mnv3gen.train.signals import stopping
from mnv3gen.train.state import (
    FORMAT,
    EpochRow,
    State,
    finite,
    read_state,
    read_tensors,
    write_checkpoint,
)
from mnv3gen.train.tasks.choose import task_of
from mnv3gen.train.tasks.task import Batch, Evaluation
from mnv3gen.train.tensorboard import Board


@dataclass(frozen=True)
class Moment:
    """Where a run is, for those who watch: `left` is in seconds, `progress` a share."""

    epoch: int
    step: int
    loss: float
    accuracy: float
    rate: float
    images_per_second: float
    progress: float
    left: float


class Watcher:
    """What a run tells; the default is silent."""

    def began(self, metric: str) -> None:
        """The run begins; what its quality is called."""

    def resumed(self, epoch: int, step: int) -> None:
        """The run goes on from a checkpoint."""

    def stepped(self, moment: Moment) -> None:
        """A step is over."""

    def epoch_over(self, row: EpochRow) -> None:
        """An epoch is over and evaluated."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to: its epochs, and what could not be read. `best` is a share."""

    folder: Path
    rows: tuple[EpochRow, ...]
    best: float
    seconds: float
    skipped: tuple[str, ...]


def train(request: Request, watcher: Watcher | None = None) -> Outcome:
    """Train, or go on with a run of that folder that was killed.

    Raises InputError for data that do not fit the network and for the folder of another run,
    Mnv3genError if the loss is no finite number any more or if nothing can be saved; a
    KeyboardInterrupt after Ctrl-C, when everything is saved.
    """
    check(request)
    with group(request.device) as processes:
        return _Session(request, processes, watcher or Watcher()).run()


def check(request: Request) -> State | None:
    """The state of the folder's run, if it can go on, or None for a new one.

    InputError for data that do not fit the network, and for the folder of another run.
    """
    task = task_of(request.network, request.data)
    task.check()
    if request.teacher is not None:
        classifier_output(task.graph)
    state = read_state(request.folder)
    if state is None:
        return None
    for key, ours in identity(request).items():
        if state.identity.get(key) != ours:
            raise InputError(
                f"the checkpoint is of a run with another {key}",
                place=str(request.folder),
                found=state.identity.get(key, "none"),
                expected=f"{ours}; or another folder, or --restart",
            )
    return state


class _Session:
    def __init__(self, request: Request, processes: Group, watcher: Watcher) -> None:
        self.request, self.group, self.watcher = request, processes, watcher
        self.state = check(request) or _fresh(request)
        self.clock = Clock(request.recipe.epochs, request.minutes, self.state.elapsed)
        self.task = task_of(request.network, request.data)
        share = Share(processes.rank, processes.processes)
        self.batches = self.task.batches(request.recipe, request.seed, share, request.workers)
        self.learner = Learner(request, processes, self.task)
        self.skipped: tuple[str, ...] = ()
        self.saved = time.monotonic()
        self.board: Board | None = None

    def run(self) -> Outcome:
        self.watcher.began(self.task.metric)
        self._begin()
        with contextlib.ExitStack() as stack:
            wished = stack.enter_context(stopping())
            self.board = stack.enter_context(Board(self.request.folder, self.group.first))
            while not self.state.done:
                self._epoch(wished.is_set)
        rows = self.state.rows
        skipped = (*sorted(self.batches.skipped), *self.skipped)
        return Outcome(self.request.folder, rows, self.state.best, self.clock.elapsed, skipped)

    def _begin(self) -> None:
        if self.state.tensors:
            self.learner.restore(read_tensors(self.request.folder, self.state), self.state.updates)
            self.watcher.resumed(self.state.epoch, self.state.step)
        elif self.group.first:
            self.request.folder.mkdir(parents=True, exist_ok=True)
            files.write_table(self.request.folder, self.request.network, self.request.data.names)
        self.group.wait()

    def _epoch(self, wished: Callable[[], bool]) -> None:
        """The rest of an epoch, its evaluation and its checkpoint."""
        begun, done_before = time.monotonic(), self.state.batch
        last = len(self.batches) - 1
        over = False
        with contextlib.closing(self.batches.epoch(self.state.epoch, done_before)) as batches:
            for number, batch in enumerate(batches, done_before):
                self._step(number, batch, begun, number - done_before + 1)
                over = self._progress() >= 1
                if over or number == last:
                    break
                self._between(wished)
        seconds = time.monotonic() - begun
        speed = (self.state.batch - done_before) * self.batches.batch / seconds
        self._evaluate(speed, over)
        self._between(wished)

    def _step(self, number: int, batch: Batch, begun: float, steps: int) -> None:
        state = self.state
        rate = rate_at(self.request.recipe, self._epochs(), self._progress())
        loss, right = self.learner.step(batch, rate, state.step)
        count = len(batch)
        sums = self.group.total(loss * count, right, count)
        if not math.isfinite(sums[0]):
            self._diverged()
        totals = tuple(old + new for old, new in zip(state.sums, sums, strict=True))
        self.state = msgspec.structs.replace(
            state,
            step=state.step + 1,
            batch=number + 1,
            sums=totals,
            updates=self.learner.average.updates,
        )
        speed = steps * self.batches.batch / (time.monotonic() - begun)
        self._tell(sums[0] / sums[2], rate, speed)

    def _epochs(self) -> float:
        return self.state.epoch + self.state.batch / len(self.batches)

    def _progress(self) -> float:
        progress = self.clock.progress(self._epochs())
        return progress if self.clock.budget is None else self.group.of_first(progress)

    def _tell(self, loss: float, rate: float, speed: float) -> None:
        total, right, pictures = self.state.sums
        progress = self.clock.progress(self._epochs())
        elapsed = self.clock.elapsed
        moment = Moment(
            self.state.epoch,
            self.state.step,
            total / pictures,
            right / pictures,
            rate,
            speed,
            min(progress, 1.0),
            elapsed * (1 - progress) / progress if progress else math.inf,
        )
        self.watcher.stepped(moment)
        if self.board is not None:
            self.board.step(self.state.step, loss, rate)

    def _between(self, wished: Callable[[], bool]) -> None:
        """Between two steps: stop if that is wished, and save now and then."""
        stop = bool(self.group.total(float(wished()))[0]) if self.group.processes > 1 else wished()
        due = self.group.of_first(time.monotonic() - self.saved) > self.request.every
        if stop or due:
            self._save()
        if stop and not self.state.done:
            raise KeyboardInterrupt

    def _evaluate(self, speed: float, over: bool) -> None:
        begun = time.monotonic()
        result = self.task.evaluate(self.learner.compute)
        self.skipped = result.skipped
        self.clock.evaluation = time.monotonic() - begun
        row = self._row(result, speed)
        best = row.accuracy > self.state.best
        epoch = self.state.epoch + 1
        self.state = msgspec.structs.replace(
            self.state,
            epoch=epoch,
            batch=0,
            sums=(0.0, 0.0, 0.0),
            best=max(self.state.best, row.accuracy),
            rows=(*self.state.rows, row),
            done=over or (self.clock.budget is None and epoch >= self.request.recipe.epochs),
        )
        self._keep(row, best)
        self.watcher.epoch_over(row)

    def _row(self, result: Evaluation, speed: float) -> EpochRow:
        total, right, pictures = self.state.sums
        return EpochRow(
            epoch=self.state.epoch + 1,
            loss=total / pictures,
            train_accuracy=right / pictures,
            accuracy=result.quality,
            held_out_loss=result.loss,
            rate=rate_at(self.request.recipe, self._epochs(), self._progress()),
            images_per_second=speed,
            seconds=self.clock.elapsed,
        )

    def _keep(self, row: EpochRow, best: bool) -> None:
        """Write the weights, the curves and a checkpoint of an epoch that is over."""
        if not self.group.first:
            return
        request, weights = self.request, self.learner.weights()
        if not finite(weights):
            self._diverged()
        facts = {
            "data": request.spec,
            "seed": str(request.seed),
            "epoch": str(row.epoch),
            "accuracy": f"{row.accuracy:.4f}",
        }
        metadata = files.metadata_of(request.network, request.data.names, **facts)
        for name in (files.LAST, files.BEST) if best else (files.LAST,):
            files.write_weights(request.folder / name, weights, metadata)
            if request.integers is not None:
                files.write_ranges(request.folder / name, weights, request.integers)
        files.write_curves(request.folder, self.state.rows)
        if self.board is not None:
            self.board.epoch(row)
        self._save()

    def _save(self) -> None:
        self.saved = time.monotonic()
        if self.group.first:
            state = msgspec.structs.replace(
                self.state,
                tensors=f"checkpoint-{self.state.step}.safetensors",
                elapsed=self.clock.elapsed,
            )
            write_checkpoint(self.request.folder, state, self.learner.arrays())
            self.state = state

    def _diverged(self) -> None:
        step = self.state.step + 1
        kept = "nothing was saved before"
        if self.state.tensors:
            kept = f"the state of epoch {len(self.state.rows)} is kept"
        raise Mnv3genError(
            f"{self.request.folder}: diverged: the loss of step {step} is no finite number; "
            f"{kept}. "
            "A lower rate (--rate), a longer warm-up or optimizer.clip may help"
        )


def _fresh(request: Request) -> State:
    nothing = (0.0, 0.0, 0.0)
    return State(FORMAT, "", identity(request), 0, 0, 0, 0, 0.0, nothing, -1.0, ())
