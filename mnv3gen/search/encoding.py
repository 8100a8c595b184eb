"""A point as the decisions that a controller makes, one field of a block after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from mnv3gen.search.space import Block, Point, Space

Option: TypeAlias = str | int | bool
Choice: TypeAlias = int
"""The number of an option."""

FIELDS = ("operator", "kernel", "squeeze", "skip", "out", "layers")


@dataclass(frozen=True)
class Decision:
    """A field of a block (counted from 0) and what it may be."""

    block: int
    field: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Encoding:
    """Points of a space as one option for each decision, fields of a block side by side."""

    space: Space

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """All of them; those with one option too, so that blocks are alike."""
        return tuple(
            Decision(number, field, self._options(number, field))
            for number in range(self.space.places)
            for field in FIELDS
        )

    def encoded(self, point: Point) -> tuple[Choice, ...]:
        """The options of a point."""
        values = [value_of(block, field) for block in point for field in FIELDS]
        return tuple(
            decision.options.index(value)
            for decision, value in zip(self.decisions, values, strict=True)
        )

    def decoded(self, choices: Sequence[Choice]) -> Point:
        """The point of some options; they are allowed, one after the other."""
        point = []
        for number in range(self.space.places):
            first = number * len(FIELDS)
            key = tuple(choices[first : first + len(FIELDS)])
            point.append(self._blocks[number][key])
        return tuple(point)

    def allowed(self, before: Sequence[Choice]) -> tuple[Choice, ...]:
        """What the next decision may be after those before it, of which some forbid others."""
        return self._allowed[len(before) // len(FIELDS)][
            tuple(before[len(before) - len(before) % len(FIELDS) :])
        ]

    def completed(self, pick: Callable[[int, tuple[Choice, ...]], Choice]) -> Point:
        """The point that `pick` makes: it is given a decision's number and what is allowed."""
        choices: list[Choice] = []
        for number in range(len(self.decisions)):
            choices.append(pick(number, self.allowed(choices)))
        return self.decoded(choices)

    def _options(self, number: int, field: str) -> tuple[Option, ...]:
        return tuple(dict.fromkeys(value_of(it, field) for it in self.space.choices(number)))

    @cached_property
    def _blocks(self) -> tuple[dict[tuple[Choice, ...], Block], ...]:
        """For each place its blocks by their options."""
        options = {(it.block, it.field): it.options for it in self.decisions}
        return tuple(
            {
                tuple(options[number, field].index(value_of(it, field)) for field in FIELDS): it
                for it in self.space.choices(number)
            }
            for number in range(self.space.places)
        )

    @cached_property
    def _allowed(self) -> tuple[dict[tuple[Choice, ...], tuple[Choice, ...]], ...]:
        """For each place what may follow after the first few of its options."""
        found = []
        for blocks in self._blocks:
            follows: dict[tuple[Choice, ...], dict[Choice, None]] = {}
            for key in sorted(blocks):
                for length in range(len(FIELDS)):
                    follows.setdefault(key[:length], {})[key[length]] = None
            found.append({key: tuple(options) for key, options in follows.items()})
        return tuple(found)


def value_of(block: Block, field: str) -> Option:
    """A field of a block's layer, or how often it is repeated."""
    value: Option = block.layers if field == "layers" else getattr(block.layer, field)
    return value
