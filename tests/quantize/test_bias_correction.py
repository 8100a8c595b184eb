"""Bias correction finds a shift that was put there, and weights errors by what passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mnv3gen.graph.graph import Activation, Conv2d, Graph
from mnv3gen.graph.reference import activate
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.quantize.bias_correction import corrected, measure_shifts, slope
from mnv3gen.quantize.calibrate import measure_ranges
from mnv3gen.quantize.quantize_graph import quantize_graph
from mnv3gen.quantize.quantized import Quantized

OFFSET = 0.05
INPUTS = [seeded_input((12, 12, 3), seed) for seed in range(6)]


def one_convolution(activation: Activation) -> tuple[Quantized, np.ndarray]:
    """Of 8 channels whose means differ, and what one of each channel's sums stands for."""
    conv = Conv2d("c", ("input",), (12, 12, 8), 0, 3, 1, batch_norm=False, activation=activation)
    graph = Graph("one", "input", (12, 12, 3), (conv,), ("c",))
    random = np.random.RandomState(0)
    weight = random.standard_normal((8, 3, 1, 1)).astype(np.float32)
    weights = {"c.weight": weight, "c.bias": np.linspace(-1, 1, 8).astype(np.float32)}
    ranges, _ = measure_ranges(graph, weights, INPUTS, "minmax")
    quantized = quantize_graph(graph, weights, ranges)
    scales = np.abs(weight).reshape(8, -1).max(axis=1) / 127
    return quantized, scales * quantized.scales["input"].scale


@pytest.mark.parametrize("activation", ["none", "relu", "relu6", "hswish", "hard_sigmoid"])
def test_a_shift_is_found_and_taken_off(activation: Activation) -> None:
    quantized, unit = one_convolution(activation)
    constants = quantized.convolution("c")
    steps = np.rint(OFFSET / unit).astype(np.int32)
    shifted = replace(constants, bias=constants.bias + steps)
    before = measure_shifts(quantized, INPUTS)["c"]
    found = measure_shifts(replace(quantized, constants={"c": shifted}), INPUTS)["c"]
    # The prior takes off a part of 1 / (the sum of squared slopes over 864 elements).
    np.testing.assert_allclose(found - before, steps * unit, rtol=0.1)
    without = corrected(replace(quantized, constants={"c": shifted}), {"c": steps * unit})
    np.testing.assert_array_equal(without.convolution("c").bias, constants.bias)


def test_float_nodes_have_no_shift() -> None:
    quantized, _ = one_convolution("relu")
    kept = replace(quantized, float_nodes=frozenset({"c"}))
    assert measure_shifts(kept, INPUTS) == {}


def test_between_float_nodes_nothing_is_rounded() -> None:
    """What float32 makes for float32 has a scale that no one uses: here it is useless."""
    convs = tuple(
        Conv2d(name, (read,), (12, 12, 3), 0, 1, 1, batch_norm=False)
        for name, read in (("a", "input"), ("b", "a"), ("c", "b"))
    )
    random = np.random.RandomState(0)
    weights = {f"{it.name}.bias": random.standard_normal(3).astype(np.float32) for it in convs}
    weights |= {
        f"{it.name}.weight": random.standard_normal((3, 3, 1, 1)).astype(np.float32) for it in convs
    }
    graph = Graph("three", "input", (12, 12, 3), convs, ("c",))
    ranges, _ = measure_ranges(graph, weights, INPUTS, "minmax")
    found = [
        measure_shifts(quantize_graph(graph, weights, ranges | {"a": given}, ["a", "b"]), INPUTS)
        for given in (ranges["a"], (-1e4, 1e4))
    ]
    assert found[0].keys() == {"c"}
    np.testing.assert_array_equal(found[0]["c"], found[1]["c"])


@pytest.mark.parametrize(
    "activation", ["none", "relu", "relu6", "hswish", "naive_hswish", "hard_sigmoid", "sigmoid"]
)
def test_slopes_are_difference_quotients(activation: Activation) -> None:
    x = np.linspace(-7.03, 7.01, 200)  # no kink within a step
    step = 1e-4
    quotient = (activate(activation, x + step) - activate(activation, x - step)) / (2 * step)
    np.testing.assert_allclose(slope(activation, x), quotient, atol=1e-3)
