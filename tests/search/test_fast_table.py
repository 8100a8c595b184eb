"""Latencies of many points at once, against the predictor that gives them one by one."""

from __future__ import annotations

import random

import pytest
from support.searches import KERNELS, write_space

from mnv3gen.errors import InputError
from mnv3gen.measure.predict import Predictor, States
from mnv3gen.measure.table import open_plans
from mnv3gen.search.fast_table import FastTable
from mnv3gen.search.predicted import PredictedLatency
from mnv3gen.search.space import Space
from mnv3gen.search.target import check_target, excludes_none
from mnv3gen.targets import load

TAIL = 'tail = ["1/2", "1"]\n'


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Space, Predictor]:
    """A space with two tails, and a predictor whose kernels have any times."""
    folder = tmp_path_factory.mktemp("fast")
    space = write_space(folder, KERNELS + TAIL)
    seed = (folder / "eight.bneck").read_text()
    (folder / "eight.bneck").write_text(
        seed.replace("pool ", "conv2d, 1x1         -   512   -  HS  1\npool ")
    )
    from mnv3gen.search.spaces import load_space

    space = load_space(str(folder / "eight.toml"))
    plans = open_plans(load("host"), folder)
    for piece in space.pieces():
        plans.calls(piece)
    generator = random.Random(4)  # noqa: S311
    times: dict[str, States] = {}
    for code in plans.codes:
        near, cold = sorted(generator.random() for _ in range(2))
        times[code] = (cold, near, 2 * cold, near + cold)
    return space, Predictor(plans, times, (8, 64), overhead_ms=0.01, scale=0.9)


@pytest.mark.compile
def test_all_points_have_the_predictors_latency(planned: tuple[Space, Predictor]) -> None:
    space, predictor = planned
    generator = random.Random(5)  # noqa: S311
    points = [space.random(generator) for _ in range(60)]
    found = FastTable(space, predictor).of(points)
    for point, ms in zip(points, found, strict=True):
        assert ms == pytest.approx(predictor.predict(space.network(point)).ms, rel=1e-12)


@pytest.mark.compile
def test_the_fastest_and_the_slowest_of_all_are_found(planned: tuple[Space, Predictor]) -> None:
    """All 128 points are computed, with the choices of each place in order."""
    import itertools

    space, predictor = planned
    table = FastTable(space, predictor)
    every = list(itertools.product(*(space.choices(place) for place in range(space.places))))
    times = table.of(every)
    point, ms = table.fastest()
    assert ms == pytest.approx(times.min())
    assert every[int(times.argmin())] == point
    point, ms = table.slowest()
    assert ms == pytest.approx(times.max())
    assert every[int(times.argmax())] == point


@pytest.mark.compile
def test_a_target_that_excludes_none_is_said_to(planned: tuple[Space, Predictor]) -> None:
    space, predictor = planned
    source = PredictedLatency("table", predictor)
    _, ms = FastTable(space, predictor).slowest()
    assert excludes_none(space, source, ms * 0.99) == ""
    assert f"the slowest network of eight takes {ms:.4g} ms" in excludes_none(space, source, ms)


@pytest.mark.compile
def test_an_impossible_target_says_by_how_much(planned: tuple[Space, Predictor]) -> None:
    space, predictor = planned
    source = PredictedLatency("table", predictor)
    _, ms = FastTable(space, predictor).fastest()
    check_target(space, source, ms * 1.01)
    with pytest.raises(InputError, match=r"too slow, 2\.00 times the target"):
        check_target(space, source, ms / 2)


@pytest.mark.compile
def test_a_kernel_without_a_time_is_refused(planned: tuple[Space, Predictor]) -> None:
    space, predictor = planned
    times = dict(list(predictor.times.items())[1:])
    lacking = Predictor(predictor.plans, times, (8, 64))
    with pytest.raises(InputError, match="1 kernels were not measured"):
        FastTable(space, lacking).fastest()
