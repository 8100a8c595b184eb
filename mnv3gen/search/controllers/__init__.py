"""What chooses the candidates of a search: one interface, several methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from mnv3gen.errors import one_of
from mnv3gen.search.space import Point, Space

Kind: TypeAlias = Literal["ppo", "random", "evolution", "library", "exhaustive"]
KINDS: tuple[Kind, ...] = ("ppo", "random", "evolution", "library", "exhaustive")


@dataclass(frozen=True)
class Told:
    """What came of a point; `reward` is None for a trial that failed."""

    point: Point
    reward: float | None


class Controller(Protocol):
    """Asks for points and is told their rewards, in turns.

    All that it does follows from its seed and from what it is told, in that order: what it knew is
    had again by asking and telling once more.
    """

    def ask(self, count: int) -> list[Point]:
        """So many points to try; fewer, or none, if there are no more."""

    def tell(self, results: Sequence[Told]) -> None:
        """What came of all points of the last `ask`, in order."""


def make_controller(kind: str, space: Space, seed: int) -> Controller:
    """A controller by its name. InputError for an unknown one, or where its library is missing."""
    match check_kind(kind):
        case "ppo":
            from mnv3gen.search.controllers.ppo import Ppo

            return Ppo(space, seed)
        case "random":
            from mnv3gen.search.controllers.random import RandomSearch

            return RandomSearch(space, seed)
        case "evolution":
            from mnv3gen.search.controllers.evolution import Evolution

            return Evolution(space, seed)
        case "library":
            from mnv3gen.search.controllers.library import Library

            return Library(space, seed)
        case "exhaustive":
            from mnv3gen.search.controllers.exhaustive import Exhaustive

            return Exhaustive(space)


def check_kind(kind: str) -> Kind:
    """The kind of that name; InputError if there is none."""
    return one_of(kind, KINDS, "controller", "--controller")
