"""No invalid network can be built; a valid one is a frozen value."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from mnv3gen.errors import TableError
from mnv3gen.tables.network import Conventions, Network, Row

STEM = Row("conv2d", 3, 0, 16, 0, "HS", 2)
BNECK = Row("bneck", 3, 64, 24, 16, "RE", 1)
POOL = Row("pool", 0, 0, 0, 0, "", 1)
HEAD = Row("conv2d", 1, 0, 10, 0, "", 1, False, per_class=1)
NETWORK = Network("net", 32, 32, 3, 10, (STEM, BNECK, POOL, HEAD))


def test_equality_and_hash_ignore_where_a_row_stood() -> None:
    moved = replace(NETWORK, rows=(replace(STEM, line=9, written="conv2d"), *NETWORK.rows[1:]))
    assert moved == NETWORK
    assert hash(moved) == hash(NETWORK)
    assert replace(NETWORK, conventions=Conventions(padding="symmetric")) != NETWORK


@pytest.mark.parametrize("value", [NETWORK, STEM, NETWORK.conventions])
def test_frozen(value: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        value.stride = 1
    with pytest.raises(FrozenInstanceError):
        value.padding = "symmetric"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"name": "Net"}, "name"),
        ({"name": "net\n"}, "name"),
        ({"height": 0}, "net, input"),
        ({"width": 8193}, "net, input"),
        ({"channels": 3.0}, "net, input"),
        ({"classes": True}, "net, classes"),
        ({"classes": 11}, "net, row 4, out"),
        ({"rows": ()}, "net"),
        ({"rows": [STEM]}, "net"),
        ({"conventions": Conventions(padding="valid")}, "net, padding"),
        ({"conventions": Conventions(bn_eps=0.0)}, "net, bn_eps"),
    ],
)
def test_invalid_network(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(TableError) as caught:
        replace(NETWORK, **changes)
    assert caught.value.place == place


@pytest.mark.parametrize(
    ("row", "changes", "field"),
    [
        (STEM, {"operator": "conv"}, "operator"),
        (STEM, {"kernel": 2}, "kernel"),
        (STEM, {"kernel": "3"}, "kernel"),
        (STEM, {"out": 65537}, "out"),
        (STEM, {"squeeze": -1}, "squeeze"),
        (STEM, {"stride": 3}, "stride"),
        (BNECK, {"expansion": 2}, "expansion"),
        (BNECK, {"batch_norm": False}, "batch_norm"),
        (POOL, {"kernel": 7}, "kernel"),
        (POOL, {"out": 3}, "out"),
        (POOL, {"batch_norm": False}, "batch_norm"),
        (HEAD, {"per_class": 2}, "out"),
    ],
)
def test_invalid_row_names_its_field(row: Row, changes: dict[str, Any], field: str) -> None:
    broken = replace(row, **changes)
    with pytest.raises(TableError) as caught:
        replace(NETWORK, rows=(broken,))
    assert caught.value.place == f"net, row 1, {field}"
    with pytest.raises(TableError) as caught:
        replace(NETWORK, rows=(replace(broken, line=7),))
    assert caught.value.place == f"net, line 7, {field}"


def test_expansion_is_checked_against_the_row_before() -> None:
    assert replace(NETWORK, rows=(STEM, replace(BNECK, expansion=16)))
    with pytest.raises(TableError, match=r"found:    15\n  expected: 16"):
        replace(NETWORK, rows=(STEM, replace(BNECK, expansion=15)))
