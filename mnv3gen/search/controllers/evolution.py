"""Regularised evolution: the oldest dies, the best of a sample has a child with one change.

Real et al., "Regularized Evolution for Image Classifier Architecture Search", 2018.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence

from mnv3gen.search.controllers import Told
from mnv3gen.search.encoding import Choice, Encoding
from mnv3gen.search.space import Point, Space

POPULATION = 32
SAMPLE = 8


class Evolution:
    """The first population is random."""

    def __init__(self, space: Space, seed: int) -> None:
        self.encoding = Encoding(space)
        self.generator = random.Random(seed)  # noqa: S311 - not a secret
        self.population: deque[tuple[float, Point]] = deque(maxlen=POPULATION)
        self.born = 0

    def ask(self, count: int) -> list[Point]:
        """Children, or random points until there is a population."""
        return [self._child() for _ in range(count)]

    def tell(self, results: Sequence[Told]) -> None:
        """Those that did not fail live, and as many of the oldest die."""
        for result in results:
            if result.reward is not None:
                self.population.append((result.reward, result.point))

    def _child(self) -> Point:
        self.born += 1
        if self.born <= POPULATION or not self.population:
            return self.encoding.space.random(self.generator)
        sample = [self.generator.choice(self.population) for _ in range(SAMPLE)]
        _, parent = max(sample, key=lambda it: it[0])
        return self._mutated(parent)

    def _mutated(self, parent: Point) -> Point:
        """A decision is made anew; later ones stay as far as it allows them."""
        own = self.encoding.encoded(parent)
        open_ones = [
            number
            for number, decision in enumerate(self.encoding.decisions)
            if len(decision.options) > 1
        ]
        while True:
            changed = self.generator.choice(open_ones)

            def pick(number: int, allowed: tuple[Choice, ...], changed: int = changed) -> Choice:
                others = [it for it in allowed if it != own[number]]
                if others and (number == changed or own[number] not in allowed):
                    return self.generator.choice(others)
                return own[number]

            child = self.encoding.completed(pick)
            if child != parent:
                return child
