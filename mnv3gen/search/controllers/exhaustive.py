"""Every point of a space in order: for small spaces whose truth is to be tabulated."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from mnv3gen.search.controllers import Told
from mnv3gen.search.space import Point, Space


class Exhaustive:
    """The product of all blocks' choices, the last block's first."""

    def __init__(self, space: Space) -> None:
        self.points = itertools.product(*(space.choices(it) for it in range(space.places)))

    def ask(self, count: int) -> list[Point]:
        """The next points."""
        return list(itertools.islice(self.points, count))

    def tell(self, results: Sequence[Told]) -> None:
        """Nothing is learned."""
