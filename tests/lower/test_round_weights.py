"""Rounding to float16: what is rounded, and to which values."""

from __future__ import annotations

import numpy as np
import pytest

from mnv3gen.errors import WeightsError
from mnv3gen.graph.graph import Conv2d, Graph
from mnv3gen.lower.round_weights import round_weights
from mnv3gen.lower.storage import WeightStorage, is_half

MAP, ONE = (4, 4, 1), (1, 1, 1)
# gamma / sqrt(variance + eps) is 3 / sqrt(3.999 + 0.001) = 1.5, up to float32's rounding of 3.999.
WEIGHTS = {
    "over.weight": np.full((1, 1, 1, 1), 0.2, np.float32),
    "over.bn.weight": np.full(1, 3, np.float32),
    "over.bn.bias": np.full(1, 1, np.float32),
    "over.bn.running_mean": np.full(1, 0.6, np.float32),
    "over.bn.running_var": np.full(1, 3.999, np.float32),
    "single.weight": np.full((1, 1, 4, 4), 1 / 3, np.float32),
    "single.bias": np.full(1, 2049, np.float32),
}


def graph(bn_eps: float = 0.001) -> Graph:
    """A convolution to a map, with batch normalization, and one to a single pixel, without."""
    over = Conv2d("over", ("x",), MAP, 0, 1, 1)
    single = Conv2d("single", ("over",), ONE, 1, 1, 4, batch_norm=False)
    return Graph("two", "x", MAP, (over, single), ("single",), bn_eps)


@pytest.mark.parametrize(
    ("storage", "expected"),
    # Dense to a map, dense to a pixel, depthwise to a map, depthwise to a pixel.
    [
        ("float32", (False, False, False, False)),
        ("fp16", (False, True, False, False)),
        ("fp16-all", (True, True, True, True)),
    ],
)
def test_which_are_rounded(storage: WeightStorage, expected: tuple[bool, ...]) -> None:
    shapes = [(False, (7, 7, 9)), (False, (1, 1, 9)), (True, (7, 7, 9)), (True, (1, 1, 9))]
    assert tuple(is_half(storage, depthwise, shape) for depthwise, shape in shapes) == expected


def test_float32_is_left_alone() -> None:
    same, weights = round_weights(graph(), WEIGHTS, "float32")
    assert same == graph()
    assert weights == WEIGHTS


def test_matrix_vector_products() -> None:
    rounded, weights = round_weights(graph(), WEIGHTS, "fp16")
    assert rounded == graph()
    assert weights["over.weight"] is WEIGHTS["over.weight"]
    # IEEE 754 binary16: 1/3 is 0x3555 = 1365 / 4096, and 2049 lies between 2048 and 2050: to even.
    assert set(weights["single.weight"].ravel()) == {1365 / 4096}
    assert weights["single.bias"].tolist() == [2048]
    assert weights["single.bias"].dtype == np.float32


def test_batch_normalization_is_folded_first() -> None:
    rounded, weights = round_weights(graph(), WEIGHTS, "fp16-all")
    assert [conv.batch_norm for conv in rounded.convolutions] == [False, False]
    # 0.2 * 1.5 = 0.3 is nearest to 1229 / 4096, 1 - 0.6 * 1.5 = 0.1 to 1638 / 16384.
    assert weights["over.weight"].tolist() == [[[[1229 / 4096]]]]
    assert weights["over.bias"].tolist() == [1638 / 16384]
    assert WEIGHTS["single.bias"].tolist() == [2049], "the weights that were given are changed"


def test_what_float16_cannot_hold_is_refused() -> None:
    weights = WEIGHTS | {"single.bias": np.full(1, -70_000, np.float32)}
    with pytest.raises(WeightsError) as error:
        round_weights(graph(), weights, "fp16")
    assert "single.bias: too large for float16" in str(error.value)
    assert "found:    70000" in str(error.value)
    assert "expected: at most 65504" in str(error.value)
