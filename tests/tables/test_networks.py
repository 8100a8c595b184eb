"""The zoo's other networks, row by row against tables that were worked out elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnv3gen.tables.parse import load
from mnv3gen.tables.zoo import get, names, resolve

DATA = Path(__file__).parent / "data"

# Output channels and stride of MobileNetV1's depthwise blocks, table 1 of arXiv:1704.04861.
V1_BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
V1_BLOCKS += [(512, 1)] * 5 + [(1024, 2), (1024, 1)]


def test_names() -> None:
    assert {
        "mnasnet_a1",
        "mnasnet_small",
        "mobilenet_v1",
        "mobilenet_v2",
        "mobilenet_v3_large_minimalistic",
        "mobilenet_v3_small_minimalistic",
        "proxylessnas_mobile",
    } <= set(names())


@pytest.mark.parametrize(
    ("name", "width", "table"),
    [
        ("mobilenet_v2", "1.0", "v2_1.0"),
        ("mobilenet_v2", "0.35", "v2_0.35"),
        ("mnasnet_a1", "1.0", "mnasnet_a1"),
        ("mnasnet_small", "1.0", "mnasnet_small"),
        ("proxylessnas_mobile", "1.0", "proxyless_mobile"),
    ],
)
def test_rows(name: str, width: str, table: str) -> None:
    *trunk, pool, classifier = resolve(name, width).rows
    assert tuple(trunk) == load(DATA / f"{table}.md").rows
    assert (pool.operator, classifier.per_class, classifier.batch_norm) == ("pool", 1, False)


def test_v1_is_depthwise_and_pointwise_in_turn() -> None:
    stem, *blocks, pool, _ = get("mobilenet_v1").rows
    assert (stem.out, stem.stride, pool.operator) == (32, 2, "pool")
    depthwise, pointwise = blocks[::2], blocks[1::2]
    assert {(row.operator, row.kernel) for row in depthwise} == {("dw", 3)}
    assert {(row.operator, row.kernel) for row in pointwise} == {("conv2d", 1)}
    assert [
        (after.out, before.stride) for before, after in zip(depthwise, pointwise, strict=True)
    ] == V1_BLOCKS
    assert {row.nonlinearity for row in (stem, *blocks)} == {"R6"}


@pytest.mark.parametrize("size", ["large", "small"])
def test_minimalistic(size: str) -> None:
    """The widths are those of the full network; see slim's mobilenet_v3.py."""
    full, minimal = get(f"mobilenet_v3_{size}").rows, get(f"mobilenet_v3_{size}_minimalistic").rows
    assert [row.expansion for row in minimal] == [row.expansion for row in full]
    assert [row.stride for row in minimal] == [row.stride for row in full]
    assert {row.kernel for row in minimal if row.operator == "bneck"} == {3}
    assert {row.nonlinearity for row in minimal} == {"RE", ""}
    assert not any(row.squeeze for row in minimal)
    features = {"large": 1280, "small": 1024}[size]
    assert [row.out for row in minimal] == [*(row.out for row in full[:-2]), features, 1000]
