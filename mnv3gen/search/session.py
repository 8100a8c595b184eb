"""A search from its request to its finalists: what is opened when, and what is written."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from mnv3gen import __version__
from mnv3gen.devices.device import Device, target_name
from mnv3gen.journal import Journal
from mnv3gen.search.accuracy import PROXY_RECIPE, Accuracy, EvaluatorSpec
from mnv3gen.search.accuracy import Kind as EvaluatorKind
from mnv3gen.search.accuracy.holdout import searched_data
from mnv3gen.search.controllers import make_controller
from mnv3gen.search.finalists import Finalist, best_trials, measure_finalists, write_finalists
from mnv3gen.search.footprint import calibrating, open_space_latency
from mnv3gen.search.latency import LatencySource
from mnv3gen.search.measured import open_whole
from mnv3gen.search.nas import ROUND, Nas, check_space
from mnv3gen.search.reward import EXPONENTS, words
from mnv3gen.search.reward import Kind as RewardKind
from mnv3gen.search.settings import Settings, contents_of, settle
from mnv3gen.search.space import Space
from mnv3gen.search.target import check_target, excludes_none
from mnv3gen.search.training import shortlist, train_finalists, trainings_of
from mnv3gen.search.trials import Trial, Trials
from mnv3gen.search.workers import check_ray, open_workers
from mnv3gen.search.yardstick import Yardstick, yardstick_of
from mnv3gen.tables.scaling import with_classes
from mnv3gen.train.recipe import DEFAULT

BEST_NAME = "found"  # of the network that is the result


@dataclass(frozen=True)
class Request:
    """A search; `images` 0 is all, `supernet` None is in the folder, `workers` None is all.

    `device` has its target settled. `finalists` 0 measures nothing whole, `finalist_epochs` 0
    trains none of them alone.
    """

    space: Space
    device: Device
    target_ms: float
    data: str
    folder: Path
    trials: int = 300
    controller: str = "ppo"
    evaluator: EvaluatorKind = "supernet"
    latency: str = "table"
    reward: RewardKind = "small"
    images: int = 0
    epochs: int = 20
    batch: int = 128
    supernet: Path | None = None
    table: Path | None = None
    finalists: int = 5
    finalist_epochs: int = 0
    ray: str = "auto"
    workers: int | None = None
    seed: int = 0

    @property
    def spec(self) -> EvaluatorSpec:
        """The evaluator, as plain data."""
        folders = {
            "proxy": self.folder / "work",
            "supernet": self.supernet or self.folder / "supernet",
            "tabulated": Path(self.data),
        }
        return EvaluatorSpec(
            kind=self.evaluator,
            data=self.data,
            images=self.images,
            epochs=self.epochs,
            batch=self.batch,
            seed=self.seed,
            folder=str(folders[self.evaluator].absolute()),
        )

    @property
    def settings(self) -> Settings:
        """What must be the same for a search to go on."""
        return Settings(
            space=self.space.name,
            contents=contents_of(self.space),
            device=self.device.name,
            target=target_name(self.device),
            target_ms=self.target_ms,
            exponents=EXPONENTS[self.reward],
            controller=self.controller,
            evaluator=self.evaluator,
            data=self.data,
            images=self.images,
            epochs=self.epochs,
            batch=self.batch,
            latency=self.latency,
            table=str(self.table or ""),
            seed=self.seed,
            round=ROUND,
            version=__version__,
            recipe=PROXY_RECIPE if self.evaluator == "proxy" else DEFAULT,
        )


class Watcher:
    """What a search tells; the default is silent."""

    def began(self, lines: dict[str, str], known: Sequence[Trial]) -> None:
        """Everything is opened: what it is, by name, and the trials of a search that goes on."""

    def skipped(self, path: Path, lines: list[int]) -> None:
        """Lines of a file of the search that are none, and are made again."""

    def epoch_over(self, epoch: int, epochs: int, loss: float, seconds: float) -> None:
        """An epoch of the supernet is over."""

    def trial_over(self, trial: Trial) -> None:
        """A trial is over, and written down."""

    def finalists_chosen(self, count: int) -> None:
        """So many are to be trained alone."""

    def finalist_trained(self, trial: Trial, accuracy: Accuracy | str) -> None:
        """A finalist was trained alone, or what went wrong."""

    def finalist_over(self) -> None:
        """A finalist was measured."""


@dataclass(frozen=True)
class Outcome:
    """What a search came to; `best` is None if nothing could be measured, or was to be."""

    folder: Path
    trials: tuple[Trial, ...]
    finalists: tuple[Finalist, ...]
    best: Path | None


def for_data(space: Space, data: str) -> Space:
    """The space with the classes of data; InputError for data too few to hold some out."""
    classes = len(searched_data(data).names)
    return replace(space, seed=with_classes(space.seed, classes))


def search(request: Request, watcher: Watcher) -> Outcome:
    """Search, or go on with the search of the folder.

    InputError for an empty space, a target that no network of it reaches, data that are too few,
    and the folder of another search; DeviceLostError if the device does not come back, which loses
    nothing.
    """
    check_ray(request.ray)
    check_space(request.space)
    latency = open_space_latency(request.latency, request.space, request.device, request.table)
    device = open_whole(request.device) if request.finalists else None
    try:
        check_target(request.space, latency, request.target_ms)
        resumed = settle(request.folder, request.settings)
        if request.evaluator == "supernet":
            from mnv3gen.search.supernet.training import prepare

            prepare(request.spec, request.space, watcher.epoch_over)
        trials = _trials(request, latency, resumed, watcher)
        if device is None:
            _tidy(request)
            return Outcome(request.folder, tuple(trials), (), None)
        chosen, trained = _finalists(request, trials, watcher)
        _tidy(request)
        found = measure_finalists(
            chosen, trained, request.settings, device, _yardstick(request), watcher.finalist_over
        )
        best = write_finalists(request.folder, found, BEST_NAME)
        return Outcome(request.folder, tuple(trials), tuple(found), best)
    finally:
        latency.close()
        if device is not None:
            device.close()


def _trials(
    request: Request, latency: LatencySource, resumed: bool, watcher: Watcher
) -> list[Trial]:
    workers = open_workers(request.ray, request.spec, request.space, request.workers)
    try:
        trials = Trials(request.folder)
        known = trials.in_order if resumed else []
        lines = _lines(request, workers.words, len(known))
        if slack := excludes_none(request.space, latency, request.target_ms):
            lines["target"] = f"{request.target_ms:g} ms, {slack}"
        watcher.began(lines, known)
        _tell_damage(trials.journal, watcher)
        controller = make_controller(request.controller, request.space, request.seed)
        nas = Nas(
            request.settings,
            request.space,
            controller,
            latency,
            workers,
            trials,
            watcher.trial_over,
        )
        return nas.run(request.trials)
    finally:
        workers.close()


def _finalists(
    request: Request, trials: Sequence[Trial], watcher: Watcher
) -> tuple[list[Trial], dict[int, Accuracy | str]]:
    """Those to measure whole, and their accuracies where they are trained alone first."""
    epochs = request.finalist_epochs
    if not epochs:
        return best_trials(trials, request.finalists), {}
    spec = msgspec.structs.replace(
        request.spec, kind="proxy", epochs=epochs, folder=str((request.folder / "work").absolute())
    )
    chosen = shortlist(trials, request.finalists)
    journal = trainings_of(request.folder)
    _tell_damage(journal, watcher)
    watcher.finalists_chosen(len(chosen))
    workers = open_workers(request.ray, spec, request.space, request.workers)
    try:
        return chosen, train_finalists(chosen, workers, journal, epochs, watcher.finalist_trained)
    finally:
        workers.close()


def _yardstick(request: Request) -> Yardstick | None:
    """What the table that was searched by is calibrated by."""
    if request.latency == "compile" or request.table is not None:
        return None
    return yardstick_of(calibrating(request.space, request.device))


def _tell_damage(journal: Journal[Any], watcher: Watcher) -> None:
    if journal.damaged:
        watcher.skipped(journal.path, journal.damaged)


def _tidy(request: Request) -> None:
    shutil.rmtree(request.folder / "work", ignore_errors=True)


def _lines(request: Request, workers: str, known: int) -> dict[str, str]:
    settings = request.settings
    evaluators = {
        "proxy": f"proxy, {request.epochs} epochs",
        "supernet": f"supernet, {request.epochs} epochs, in {request.spec.folder}",
        "tabulated": f"tabulated in {request.data}",
    }
    lines = {
        "space": f"{request.space.name}, {request.space.size:.3g} networks",
        "device": f"{settings.device}, compiled for {settings.target}",
        "latency": f"{settings.latency}, target {settings.target_ms:g} ms, "
        f"{words(settings.exponents)}",
        "accuracy": f"{evaluators[request.evaluator]}; data {request.data}",
        "search": f"{request.controller}, {request.trials} trials, seed {request.seed}, {workers}",
        "finalists": str(request.finalists),
        "output": f"{request.folder}/",
    }
    if request.finalists and request.finalist_epochs:
        lines["finalists"] += f", each trained alone for {request.finalist_epochs} epochs"
    if known:
        lines["resumed"] = f"{known} trials are known"
    return lines
