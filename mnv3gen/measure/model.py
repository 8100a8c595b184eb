"""A learned model of kernels that were not measured: gradient-boosted trees, kept as JSON text."""

from __future__ import annotations

import json
import math
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mnv3gen.errors import InputError
from mnv3gen.measure.answer import STATES
from mnv3gen.measure.features import Sample, Vocabulary, estimates
from mnv3gen.measure.kernel import Code
from mnv3gen.measure.predict import States, states_of
from mnv3gen.measure.records import Record
from mnv3gen.tune.ranking import check_xgboost

MODEL = "model.json"
FORMAT = 1
LEAST = 40  # kernels
FOLDS = 5
ROUNDS = 500
LEAST_MS = 1e-4  # what a time counts as at least: below it the clock says nothing
SETTINGS: dict[str, Any] = {
    "max_depth": 6,
    "eta": 0.05,
    "subsample": 0.7,
    "colsample_bytree": 0.7,
    "min_child_weight": 4,
    "nthread": 1,
    "seed": 0,
}
Rows = npt.NDArray[np.float32]


class Fit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How well a model guessed kernels that it had not seen, fold by fold.

    `mean_error` is the mean of the relative errors, `median_error` their median, `error` the
    standard deviation of the logarithm of guess over time; `weighted_error` is the mean error
    with each kernel weighted by its time.
    """

    kernels: int
    folds: int
    mean_error: float
    median_error: float
    weighted_error: float
    error: float


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of a model; `booster` is xgboost's own JSON."""

    format: int
    device: str
    target: str
    trained_on: str
    fit: Fit
    schedules: tuple[str, ...]
    parameters: tuple[str, ...]
    booster: dict[str, Any]


@dataclass
class Model:
    """A fitted model of one device; guesses are kept."""

    device: str
    target: str
    trained_on: str
    fit: Fit
    vocabulary: Vocabulary
    booster: Any
    known: dict[str, States] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """See `predict.Guesser`."""
        return self.fit.error

    def guess(self, codes: Mapping[str, Code]) -> Mapping[str, States]:
        """See `predict.Guesser`."""
        missing = {key: code for key, code in codes.items() if key not in self.known}
        if missing:
            samples = [_sample(code) for code in missing.values()]
            self.known.update(zip(missing, _predicted(self, samples), strict=True))
        return self.known


def fitted(records: Sequence[Record], seed: int = 0) -> Model:
    """Fit and cross-validate. InputError if there are too few kernels to learn from."""
    check_xgboost()
    usable = [record for record in records if record.group is not None and not record.noisy]
    if len(usable) < LEAST:
        raise InputError(
            "too few kernels to learn from",
            found=f"{len(usable)} that were measured and are not noisy",
            expected=f"{LEAST}; `mnv3gen latency-table` measures them",
        )
    samples = [_sample_of(record) for record in usable]
    vocabulary = Vocabulary.of(samples)
    rows, base = vocabulary.rows(samples), estimates(samples)
    times = _logarithms(usable)
    fit = _validated(rows, base, times, seed)
    booster = _trained(rows, base, times)
    first = usable[0]
    return Model(first.device, first.target, basis(records), fit, vocabulary, booster)


def basis(records: Sequence[Record]) -> str:
    """What says whether a model is of these records."""
    import hashlib

    digest = hashlib.sha256()
    for record in sorted(records, key=lambda it: it.key):
        digest.update(f"{record.key} {record.times['cold'].median_ms}".encode())
    return digest.hexdigest()[:16]


def save(model: Model, path: Path) -> None:
    """Write a model to a temporary name that takes the file's place."""
    file = File(
        format=FORMAT,
        device=model.device,
        target=model.target,
        trained_on=model.trained_on,
        fit=model.fit,
        schedules=model.vocabulary.schedules,
        parameters=model.vocabulary.parameters,
        booster=json.loads(bytes(model.booster.save_raw("json"))),
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(msgspec.json.encode(file))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path) -> Model:
    """Read a model. InputError if the file is none."""
    check_xgboost()
    import xgboost

    try:
        file = msgspec.json.decode(path.read_bytes(), type=File)
        booster = xgboost.Booster()
        booster.load_model(bytearray(json.dumps(file.booster).encode()))
    except (OSError, msgspec.DecodeError, xgboost.core.XGBoostError) as error:
        raise InputError(
            "not a model of mnv3gen", place=str(path), found=str(error)[:200]
        ) from error
    if file.format != FORMAT:
        raise InputError("another format", place=str(path), found=file.format, expected=str(FORMAT))
    vocabulary = Vocabulary(file.schedules, file.parameters)
    return Model(file.device, file.target, file.trained_on, file.fit, vocabulary, booster)


def _sample(code: Code) -> Sample:
    return Sample(code.group, code.schedule, code.parameters)


def _sample_of(record: Record) -> Sample:
    assert record.group is not None
    return Sample(record.group, record.schedule, record.parameters)


def _logarithms(records: Sequence[Record]) -> Rows:
    return np.log(
        np.maximum(np.array([states_of(it) for it in records], np.float32).ravel(), LEAST_MS)
    )


def _trained(rows: Rows, base: Rows, times: Rows) -> Any:
    import xgboost

    data = xgboost.DMatrix(rows, label=times, base_margin=base)
    return xgboost.train(SETTINGS, data, num_boost_round=ROUNDS)


def _validated(rows: Rows, base: Rows, times: Rows, seed: int) -> Fit:
    """Guess every kernel by a model that has not seen it, in any state."""
    import xgboost

    states = len(STATES)
    kernels = len(times) // states
    order = list(range(kernels))
    random.Random(seed).shuffle(order)  # noqa: S311
    guesses = np.zeros_like(times)
    for fold in range(FOLDS):
        held = np.zeros(kernels, bool)
        held[order[fold::FOLDS]] = True
        rest = np.repeat(held, states)
        booster = _trained(rows[~rest], base[~rest], times[~rest])
        data = xgboost.DMatrix(rows[rest], base_margin=base[rest])
        guesses[rest] = booster.predict(data)
    logs = guesses - times
    errors = np.abs(np.expm1(logs))
    return Fit(
        kernels=kernels,
        folds=FOLDS,
        mean_error=round(float(errors.mean()), 4),
        median_error=round(float(np.median(errors)), 4),
        weighted_error=round(float(np.average(errors, weights=np.exp(times))), 4),
        error=round(max(float(logs.std()), 1e-4), 4),
    )


def _predicted(model: Model, samples: Sequence[Sample]) -> list[States]:
    import xgboost

    rows = model.vocabulary.rows(samples)
    data = xgboost.DMatrix(rows, base_margin=estimates(samples))
    logs = model.booster.predict(data).reshape(len(samples), len(STATES))
    return [_states([math.exp(it) for it in row.tolist()]) for row in logs]


def _states(times: Sequence[float]) -> States:
    """The states in order, with what is near no slower than what is far away."""
    small_cold, small_near, cold, near = times
    return small_cold, min(small_near, small_cold), cold, min(near, cold)
