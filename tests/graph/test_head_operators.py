"""The operators of heads, in the reference executor, against onnxruntime and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.onnx_graph import run_onnx, to_onnx

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Add, AveragePool, Concat, Conv2d, Gate, Graph, Resize
from mnv3gen.graph.reference import activate, interpolation, run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.tables.parse import parse

HEAD = """
classes: 5
{header}

From         Operator             exp size  #out  SE  NL  s  As
-            conv2d, 3x3                 -    16   -  HS  2  -
-            dw, 3x3                     -     -   -  R6  1  -
-            bneck, 5x5                 24    24   ✓  RE  2  skip=depthwise
-            bneck, 5x5, d2             72    24   -  HS  1  c5
-            conv2d, 1x1                 -    16   -  RE  1  features
c5           pool, 5x4/2x3               -     -   -   -  1  -
-            conv2d 1x1, NBN             -    16   -  SG  1  -
-, features  resize                      -     -   -   -  1  -
features, -  gate                        -     -   -   -  1  gated
-, features  concat                      -     -   -   -  1  -
-, skip      resize                      -     -   -   -  1  -
-            conv2d 1x1, NBN             -     k   -   -  1  deep
skip         conv2d 1x1, NBN             -     k   -   -  1  -
deep, -      add                         -     -   -   -  1  -
"""


def test_names_and_kinds() -> None:
    graph = expand(parse(HEAD.format(header="input: 40x56x3")))
    kinds = {node.name: type(node) for node in graph.nodes}
    assert kinds["dw1"] is Conv2d and kinds["pool1"] is AveragePool
    assert kinds["resize2"] is Resize and kinds["concat1"] is Concat
    assert kinds["gate1"] is Gate and kinds["add1"] is Add
    atrous = graph.node("bneck2.depthwise")
    assert isinstance(atrous, Conv2d) and atrous.dilation == 2
    # A 5x5 kernel with taps 2 apart reaches 9 pixels: 4 on either side.
    assert atrous.padding == (4, 4, 4, 4)
    assert graph.node("conv2d4").inputs == ("resize2",)
    assert graph.node("conv2d5").inputs == ("bneck1.depthwise",)
    assert graph.node("add1").inputs == ("conv2d4", "conv2d5")


@pytest.mark.parametrize(
    "header",
    [
        "input: 40x56x3",
        "input: 41x57x3\nresize: half_pixel",
        "input: 37x30x3\npadding: symmetric",
        "input: 9x11x3\nresize: half_pixel\npadding: symmetric",
    ],
)
def test_a_head_as_onnxruntime(header: str) -> None:
    graph = expand(parse(HEAD.format(header=header)))
    weights, data = seeded_weights(graph, seed=1), seeded_input(graph.input_shape)
    (expected,) = run_onnx(to_onnx(graph, weights), data)
    (found,) = run(graph, weights, data).values()
    assert np.abs(found - expected[0]).max() <= 1e-5 * np.abs(expected).max()


def test_interpolation_by_hand() -> None:
    def close(found: npt.NDArray[Any], expected: Any) -> bool:
        return found.shape == np.shape(expected) and np.allclose(found, np.array(expected))

    # From 2 to 3: the ends and the middle; or at -1/6 (cut to 0), 1/2 and 7/6 (cut to 1).
    assert interpolation(2, 3, "align_corners").tolist() == [[1, 0], [0.5, 0.5], [0, 1]]
    assert close(interpolation(2, 3, "half_pixel"), [[1, 0], [0.5, 0.5], [0, 1]])
    # From 2 to 4: at 0, 1/3, 2/3, 1; or at -1/4, 1/4, 3/4, 5/4.
    thirds = [[1, 0], [2 / 3, 1 / 3], [1 / 3, 2 / 3], [0, 1]]
    assert close(interpolation(2, 4, "align_corners"), thirds)
    quarters = [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
    assert close(interpolation(2, 4, "half_pixel"), quarters)
    assert interpolation(1, 2, "align_corners").tolist() == [[1], [1]]
    assert interpolation(3, 1, "align_corners").tolist() == [[1, 0, 0]]


def test_conventions_choose_the_gate_and_the_form_of_hswish() -> None:
    text = "input: 8x8x3\n{}\nbneck, 3x3  16  8  8  HS  1"
    plain = expand(parse(text.format("classes: 5")))
    other = expand(parse(text.format("gate: sigmoid\nhswish: naive")))

    def activations(graph: Graph) -> list[str]:
        return [conv.activation for conv in graph.convolutions]

    # Expansion, depthwise, squeeze, excite, projection.
    assert activations(plain) == ["hswish", "hswish", "relu", "hard_sigmoid", "none"]
    assert activations(other) == ["naive_hswish", "naive_hswish", "relu", "sigmoid", "none"]


def test_naive_hswish_is_hswish() -> None:
    data = np.linspace(-5, 5, 21)
    assert np.array_equal(activate("naive_hswish", data), activate("hswish", data))
