"""Pieces are planned as they are in whole networks, and weights come near as prefetching says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.compiled import tiny

from mnv3gen.compile.plan import make_plan
from mnv3gen.compile.prefetch import plan_prefetch
from mnv3gen.compile.tuned import NOTHING
from mnv3gen.measure.pieces import pieces_of
from mnv3gen.measure.planned import Call, footprint_kib, near_shares, plans_for
from mnv3gen.search.spaces import load_space
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import classifiers, get
from mnv3gen.targets import Core, load
from mnv3gen.tune.tasks import listed

NO_CORE = Core("none", 128, 32, 1000, 64, 32, 512, 0)


def networks(target: str) -> list[Network]:
    """The zoo's classifiers, and networks of a space with every kind of layer."""
    generator = random.Random(7)  # noqa: S311
    space = load_space("mnasnet")
    found = [space.network(space.random(generator), "any") for _ in range(4)]
    return [tiny(), *map(get, classifiers()), *found] if target == "host" else found[:1]


@pytest.mark.compile
@pytest.mark.parametrize("target", ["host", "rpi4"])
def test_pieces_are_planned_as_the_whole(tmp_path: Path, target: str) -> None:
    chosen = load(target)
    plans = plans_for(chosen, NOTHING, tmp_path / "plans")
    for network in networks(target):
        whole = plan_prefetch(make_plan(listed(network, chosen).calls, chosen.core), chosen.core)
        calls = plans.calls(network)
        names = [plans.codes[call.code].group.name for call in calls]
        assert names == [step.group.name for step in whole.steps], network.name
        assert [call.weight_bytes for call in calls] == [it.weight_bytes for it in whole.steps]


@pytest.mark.compile
def test_plans_are_kept(tmp_path: Path) -> None:
    target = load("arm_cpu")
    plans = plans_for(target, NOTHING, tmp_path / "plans")
    first = plans.calls(tiny())
    again = plans_for(target, NOTHING, tmp_path / "plans")
    assert again.new_pieces([tiny()]) == []
    assert (again.calls(tiny()), again.codes) == (first, plans.codes)
    other = plans_for(load("rpi4"), NOTHING, tmp_path / "plans")
    assert len(other.new_pieces([tiny()])) == len(set(pieces_of(tiny())))


def test_a_table_is_cut_after_projections() -> None:
    """V3-Large has a stem and 15 bnecks, the first without an expansion; a pool; a classifier."""
    sizes = [len(piece.rows) for piece in pieces_of(get("mobilenet_v3_large"))]
    assert sizes == [2, *[1] * 14, 3, 1]


def test_what_a_label_spans_is_not_cut() -> None:
    table = """\
name: labelled
input: 20x20x8
classes: 10

From   Operator         exp size  #out  SE  NL  s  As
-      bneck, 3x3             24    16   -  RE  1  -
-      bneck, 3x3             48    24   -  RE  1  a
-      bneck, 3x3             72    32   -  RE  1  -
-      bneck, 3x3             96    24   -  RE  1  -
-, a   add                     -     -   -   -  1  -
-      conv2d, 1x1             -    16   -  RE  1  -
"""
    assert [len(piece.rows) for piece in pieces_of(parse(table))] == [1, 4, 1]


def test_near_weights_are_those_asked_for() -> None:
    """512 KiB of cache: 104857 bytes of it are asked for ahead, as late as possible.

    The second call has time for 10 lines, 640 bytes: the first of the third's weights that the
    first call has no time left for. All 1000 lines of the first are enough for the rest.
    """
    calls = [Call("a", 64, 0, 1000), Call("b", 6400, 0, 10), Call("c", 6400, 0, 0)]
    assert near_shares(calls, NO_CORE) == [0.0, 1.0, 1.0]
    calls = [Call("a", 64, 0, 40), Call("b", 6400, 0, 10), Call("c", 6400, 0, 0)]
    assert near_shares(calls, NO_CORE) == [0.0, 0.0, pytest.approx(50 * 64 / 6400)]
    assert near_shares([Call("a", 64, 0, 40)], NO_CORE) == [0.0]


def test_a_footprint_is_weights_and_the_largest_tensors() -> None:
    assert footprint_kib([Call("a", 1024, 2048, 0), Call("b", 3072, 1024, 0)]) == 6
