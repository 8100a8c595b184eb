"""The profiler's rule by hand, and the elements of h-swish that table 5's rows differ in."""

from __future__ import annotations

import pytest

from mnv3gen.graph.count import count
from mnv3gen.graph.expand import expand
from mnv3gen.graph.profile import hswish_elements, profiler_madds
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import resolve

SMALL = """
input: 8x8x3
classes: 5
conv2d, 3x3      -  4  -  HS  2
bneck, 3x3       6  4  8  RE  1
pool             -  -  -  -   1
conv2d 1x1, NBN  -  k  -  -   1
"""


def beyond_convolutions(network: Network) -> int:
    graph = expand(network)
    return profiler_madds(graph) - count(graph).madds


def test_a_small_network_by_hand() -> None:
    floats = (
        3 * 4 * 4 * 4  # h-swish of the stem
        + 4 * 4 * 6  # squeeze-and-excite: the pool's input,
        + 8  # the bias of the squeeze layer,
        + (1 + 2) * 6  # bias and hard-sigmoid of the excite layer,
        + 4 * 4 * 6  # the scaling
        + 4 * 4 * 4  # the residual addition
        + 4 * 4 * 4  # the pool's input
        + 5  # the classifier's bias
    )
    assert beyond_convolutions(parse(SMALL)) == floats // 2


def test_relu_is_not_counted() -> None:
    """Only the 192 floats of the stem's h-swish go."""
    difference = beyond_convolutions(parse(SMALL)) - beyond_convolutions(
        parse(SMALL.replace("HS", "R6"))
    )
    assert difference == 192 // 2


def test_windows_and_the_full_resolution_output_by_hand() -> None:
    network = parse("""
        input: 8x8x3
        From     Operator       exp size  #out  SE  NL  s  As
        -        conv2d, 1x1           -     4   -  RE  1  full
        -        pool, 4x4/2x2         -     -   -   -  1  -
        -, full  resize                -     -   -   -  1  -
    """)
    # 3 x 3 windows of 16 values in each of 4 channels; 2 for each of 8 x 8 x 4 output values.
    assert beyond_convolutions(network) == (9 * 16 * 4 + 2 * 8 * 8 * 4) // 2


def test_logits_at_full_resolution_are_counted_where_the_table_leaves_them_out() -> None:
    network = parse("""
        input: 8x8x3
        classes: 5
        From      Operator         exp size  #out  SE  NL  s  As
        -         conv2d, 1x1             -     4   -  RE  1  low
        -         conv2d, 1x1             -     4   -  RE  2  -
        -, low    resize                  -     -   -   -  1  -
        -         conv2d 1x1, NBN         -     k   -   -  2  -
    """)
    # 4 x 4 x 5 biases; 2 for each of 8 x 8 x 5 logits.
    assert beyond_convolutions(network) == (4 * 4 * 5 + 2 * 8 * 8 * 5) // 2


def test_large_075_would_be_157() -> None:
    """So table 3's 155M is not the profiler's."""
    madds = profiler_madds(expand(resolve("mobilenet_v3_large", "0.75")))
    assert round(madds / 1e6, 1) == 157.1


@pytest.mark.parametrize(
    ("variants", "elements"),
    [
        (["relu"], 0),
        (["hswish@16"], 3_825_632),
        ([], 1_511_264),
        (["hswish@80"], 1_511_264),
        (["hswish@112"], 1_053_408),
    ],
)
def test_hswish_elements_of_table_5(variants: list[str], elements: int) -> None:
    graph = expand(resolve("mobilenet_v3_large", variants=variants))
    assert hswish_elements(graph) == elements
    assert count(graph).madds == 216_589_760
