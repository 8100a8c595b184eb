"""A library's optimiser: optuna's tree-structured Parzen estimator, asked and told."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

from mnv3gen.errors import InputError
from mnv3gen.search.controllers import Told
from mnv3gen.search.encoding import Choice, Encoding
from mnv3gen.search.space import Point, Space

STARTUP = 16  # random trials before the first estimate


class Library:
    """Decisions are categorical parameters; one that others restrict is another parameter."""

    def __init__(self, space: Space, seed: int) -> None:
        if importlib.util.find_spec("optuna") is None:
            raise InputError(
                "optuna is not installed",
                place="--controller",
                found="library",
                expected="pip install 'mnv3gen[search]'",
            )
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.failed = optuna.trial.TrialState.FAIL
        self.encoding = Encoding(space)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
        self.study = optuna.create_study(direction="maximize", sampler=sampler)
        self.asked: list[Any] = []

    def ask(self, count: int) -> list[Point]:
        """Points that the estimate finds promising."""
        self.asked = [self.study.ask() for _ in range(count)]
        return [self._point(trial) for trial in self.asked]

    def tell(self, results: Sequence[Told]) -> None:
        """Rewards, to be made large."""
        for trial, result in zip(self.asked, results, strict=True):
            if result.reward is None:
                self.study.tell(trial, state=self.failed)
            else:
                self.study.tell(trial, result.reward)

    def _point(self, trial: Any) -> Point:
        def pick(number: int, allowed: tuple[Choice, ...]) -> Choice:
            if len(allowed) == 1:
                return allowed[0]
            decision = self.encoding.decisions[number]
            name = f"{decision.block + 1}.{decision.field} of {','.join(map(str, allowed))}"
            choice: Choice = trial.suggest_categorical(name, allowed)
            return choice

        return self.encoding.completed(pick)
