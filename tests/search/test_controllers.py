"""Controllers: all that they do follows from the seed and from what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.searches import KERNELS, write_space

from mnv3gen.errors import InputError
from mnv3gen.search.controllers import Controller, Told, make_controller
from mnv3gen.search.encoding import FIELDS, Encoding
from mnv3gen.search.space import Point, Space
from mnv3gen.search.spaces import load_space

NEEDS = {"ppo": "torch", "library": "optuna"}


@pytest.fixture
def space(tmp_path: Path) -> Space:
    """32 networks: 2 x 2 and 2 x 2 x 2 choices of two blocks."""
    return write_space(tmp_path, KERNELS)


def made(kind: str, space: Space, seed: int) -> Controller:
    """A controller, where its library is installed."""
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    return make_controller(kind, space, seed)


def value(point: Point) -> float:
    """Best where the second block is a wide bneck6 of 5x5."""
    layer = point[1].layer
    return 0.1 * (layer.operator == "bneck6") + 0.1 * (layer.kernel == 5) + layer.out / 100


def played(controller: Controller, rounds: int) -> list[Point]:
    """What a controller asks for."""
    asked: list[Point] = []
    for _ in range(rounds):
        points = controller.ask(8)
        controller.tell([Told(point, value(point)) for point in points])
        asked += points
    return asked


@pytest.mark.parametrize("kind", ["random", "evolution", "ppo", "library"])
def test_the_same_seed_asks_for_the_same(space: Space, kind: str) -> None:
    first = played(made(kind, space, 3), 4)
    assert first == played(made(kind, space, 3), 4)
    assert first != played(made(kind, space, 4), 4)


@pytest.mark.parametrize("kind", ["evolution", "ppo", "library"])
def test_rewards_make_a_difference(space: Space, kind: str) -> None:
    """The last two of twenty rounds are of more reward than the first two, by a third of all."""
    asked = played(made(kind, space, 1), 20)
    rewards = [value(point) for point in asked]
    assert sum(rewards[-16:]) / 16 > sum(rewards[:16]) / 16 + 0.06


@pytest.mark.parametrize("kind", ["evolution", "ppo", "library"])
def test_trials_that_failed_are_taken(space: Space, kind: str) -> None:
    controller = made(kind, space, 1)
    for _ in range(6):
        controller.tell([Told(point, None) for point in controller.ask(8)])
    assert len(controller.ask(8)) == 8


def test_random_search_never_repeats_itself(space: Space) -> None:
    controller = make_controller("random", space, 0)
    points = controller.ask(30)
    assert len(set(points)) == 30
    assert len(controller.ask(8)) == 2
    assert controller.ask(8) == []


def test_a_child_differs_in_one_decision(space: Space) -> None:
    controller = make_controller("evolution", space, 0)
    parent = controller.ask(40)[:32]
    controller.tell([Told(parent[0], 1.0)] * 32)
    own = Encoding(space).encoded(parent[0])
    for child in controller.ask(20):
        other = Encoding(space).encoded(child)
        assert sum(a != b for a, b in zip(own, other, strict=True)) == 1


def test_what_is_chosen_first_forbids_the_rest() -> None:
    """A full convolution has no squeeze-and-excite (see `Space.choices`)."""
    encoding = Encoding(load_space("mnasnet"))
    decisions = encoding.decisions[: len(FIELDS)]
    assert [it.field for it in decisions] == list(FIELDS)
    assert decisions[0].options == ("conv", "sepconv", "bneck3", "bneck6")
    assert decisions[2].options == (False, True)
    assert encoding.allowed((0, 0)) == (0,)
    assert encoding.allowed((2, 0)) == (0, 1)


@pytest.mark.parametrize("name", ["mnasnet", "v3-small", "v3-compact"])
def test_points_are_decisions_and_back(name: str) -> None:
    import random

    encoding = Encoding(load_space(name))
    generator = random.Random(5)  # noqa: S311
    for _ in range(20):
        point = encoding.space.random(generator)
        choices = encoding.encoded(point)
        assert encoding.decoded(choices) == point
        assert all(
            choices[number] in encoding.allowed(choices[:number]) for number in range(len(choices))
        )


def test_an_unknown_controller(space: Space) -> None:
    with pytest.raises(InputError, match="nearest:  random"):
        make_controller("randon", space, 0)
