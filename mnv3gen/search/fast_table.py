"""`FastTable`: latencies of many points of a space at once, as `Predictor` gives one by one.

The calls of a network are those of its blocks, which depend on the block and on what it reads. They
are planned once and kept as arrays; what depends on the whole network, which weights are fetched
ahead and how large it is, is computed for all points side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.prefetch import KIB, LINE, SHARE_OF_CACHE
from mnv3gen.measure.predict import Predictor
from mnv3gen.search.space import Point, Space

Array: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = npt.NDArray[np.int64]

CHUNK = 512  # points that are computed side by side: their arrays fit the caches
WEIGHTS, TENSORS, CAPACITY, CALLS, STATES = 0, 1, 2, 3, slice(4, 8)
COLUMNS = 8
"""Of a call: bytes of weights and of tensors, lines of prefetching, 1, milliseconds by state."""


@dataclass(frozen=True)
class FastTable:
    """The latencies of a space's points by one predictor; `guess` allows unmeasured kernels."""

    space: Space
    predictor: Predictor

    def of(self, points: Sequence[Point]) -> Array:
        """Milliseconds of each point. InputError for a kernel that cannot be known."""
        return self.of_numbers(self.numbers(points))

    def numbers(self, points: Sequence[Point]) -> Numbers:
        """The points as numbers of choices (points, places)."""
        known = [
            {block: number for number, block in enumerate(self.space.choices(place))}
            for place in range(self.space.places)
        ]
        rows = [[known[place][block] for place, block in enumerate(point)] for point in points]
        return np.array(rows, np.int64).reshape(len(rows), self.space.places)

    def of_numbers(self, numbers: Numbers) -> Array:
        """As `of`, for points as numbers of choices."""
        found = np.empty(len(numbers))
        for start in range(0, len(numbers), CHUNK):
            part = slice(start, start + CHUNK)
            found[part] = self._milliseconds(self._calls(numbers[part]))
        return found

    def fastest(self) -> tuple[Point, float]:
        """A point that no change of one block makes faster, and its ms."""
        return self._extreme(1.0)

    def slowest(self) -> tuple[Point, float]:
        """A point that no change of one block makes slower, and its ms."""
        return self._extreme(-1.0)

    def _extreme(self, sign: float) -> tuple[Point, float]:
        """The least of sign x ms.

        From the narrowest choices on, each place in turn is given its best until none changes.
        """
        best = np.array([self._narrowest(place) for place in range(self.space.places)], np.int64)
        least = sign * float(self.of_numbers(best[None])[0])
        while True:
            before = least
            for place in range(self.space.places):
                tried = np.repeat(best[None], len(self.space.choices(place)), axis=0)
                tried[:, place] = np.arange(len(tried))
                times = sign * self.of_numbers(tried)
                if times.min() < least:
                    best, least = tried[int(times.argmin())], float(times.min())
            if least == before:
                break
        point = tuple(
            self.space.choices(place)[number] for place, number in enumerate(best.tolist())
        )
        return point, sign * least

    def _narrowest(self, place: int) -> int:
        choices = self.space.choices(place)
        return min(range(len(choices)), key=lambda it: (choices[it].layer.out, choices[it].layers))

    @cached_property
    def _parts(self) -> tuple[tuple[Array, Numbers], ...]:
        """For each part of a network its calls by index, and the index by what it is and reads.

        The calls are (entries, most calls, COLUMNS), shorter ones filled with calls of nothing.
        """
        return tuple(self._part(number) for number in range(len(self.space.blocks) + 1))

    def _part(self, number: int) -> tuple[Array, Numbers]:
        space = self.space
        widths = space.widths(number)
        choices = space.choices(number) if number < space.places else (None,)
        rows = [
            self._planned(space.part(number, choice, width))
            for choice in choices
            for width in widths
        ]
        longest = max(len(row) for row in rows)
        calls = np.zeros((len(rows), longest, COLUMNS))
        for index, row in enumerate(rows):
            calls[index, : len(row)] = row
        return calls, np.arange(len(rows)).reshape(len(choices), len(widths))

    def _planned(self, network: Any) -> list[list[float]]:
        """The calls of a part, a row each."""
        calls = self.predictor.plans.calls(network)
        times = self.predictor.states(calls)
        return [
            [it.weight_bytes, it.tensor_bytes, it.capacity, 1.0, *times[it.code]] for it in calls
        ]

    def _calls(self, numbers: Numbers) -> Array:
        """The calls (points, calls, COLUMNS) of points, in order but for calls of nothing."""
        found = []
        for part, (calls, index) in enumerate(self._parts):
            read = self._widths[part][numbers[:, part - 1]] if part else 0
            chosen = numbers[:, part] if part < self.space.places else 0
            found.append(calls[index[chosen, read]])
        return np.concatenate(
            [np.broadcast_to(it, (len(numbers), *it.shape[-2:])) for it in found], 1
        )

    @cached_property
    def _widths(self) -> tuple[Numbers, ...]:
        """For each part the number of the width that it reads, by the choice before it."""
        found = [np.zeros(0, np.int64)]
        for part in range(1, len(self.space.blocks) + 1):
            widths = self.space.widths(part)
            before = self.space.choices(part - 1)
            found.append(np.array([widths.index(it.layer.out) for it in before], np.int64))
        return tuple(found)

    def _milliseconds(self, calls: Array) -> Array:
        near = self._near(calls[..., WEIGHTS], calls[..., CAPACITY])
        large = self._large(calls)[:, None]
        small_cold, small_near, cold, close = np.moveaxis(calls[..., STATES], -1, 0)
        small = small_cold - near * (small_cold - small_near)
        times = small + large * (cold - near * (cold - close) - small)
        return self.predictor.scale * times.sum(1) + self.predictor.overhead_ms * calls[
            ..., CALLS
        ].sum(1)

    def _large(self, calls: Array) -> Array:
        small, large = self.predictor.sizes_kib
        kib = (calls[..., WEIGHTS].sum(1) + calls[..., TENSORS].max(1)) / KIB
        return np.clip((kib - small) / max(large - small, 1), 0.0, 1.0)

    def _near(self, weights: Array, capacities: Array) -> Array:
        """The share of each call's weights that earlier ones fetched: `spread`, `near_shares`."""
        core = self.predictor.plans.target.core
        window = int(max(core.l2_kib, core.l3_kib) * KIB * SHARE_OF_CACHE)
        bounds = np.concatenate([np.zeros((len(weights), 1)), weights.cumsum(1)], 1)
        fetched = np.zeros_like(bounds)  # bytes below each bound
        reached = bounds[:, -1]
        for index in reversed(range(weights.shape[1])):
            end = bounds[:, index + 1]
            reached = np.minimum(reached, end + window)
            lines = np.minimum(capacities[:, index], np.ceil((reached - end) / LINE))
            reached = np.maximum(end, reached - lines * LINE)
            fetched += np.clip(bounds - reached[:, None], 0.0, lines[:, None] * LINE)
        inside = np.diff(fetched, axis=1)
        return np.minimum(
            1.0, np.divide(inside, weights, out=np.zeros_like(inside), where=weights > 0)
        )


def check_known(table: FastTable) -> None:
    """InputError if a kernel of the space can be neither known nor guessed."""
    table._parts  # noqa: B018 - plans every part
