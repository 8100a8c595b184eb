"""Random search: points drawn one as likely as the other, none of them twice."""

from __future__ import annotations

import random
from collections.abc import Sequence

from mnv3gen.search.controllers import Told
from mnv3gen.search.space import Point, Space

TRIES = 1000  # for a point that was not drawn before


class RandomSearch:
    """The baseline of all others."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.generator = random.Random(seed)  # noqa: S311 - not a secret
        self.known: set[Point] = set()

    def ask(self, count: int) -> list[Point]:
        """New points."""
        points: list[Point] = []
        while len(points) < count and len(self.known) < self.space.size:
            point = self._new()
            self.known.add(point)
            points.append(point)
        return points

    def tell(self, results: Sequence[Told]) -> None:
        """Nothing is learned."""

    def _new(self) -> Point:
        point = self.space.random(self.generator)
        for _ in range(TRIES):
            if point not in self.known:
                break
            point = self.space.random(self.generator)
        return point
