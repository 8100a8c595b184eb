"""Counts against published integers and the paper's figures, and by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mnv3gen.graph.count import Count, activation_bytes, count, count_rows
from mnv3gen.graph.expand import expand
from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.parse import load, parse
from mnv3gen.tables.scaling import scaled
from mnv3gen.tables.zoo import names, resolve

TABLE_2 = Path(__file__).parents[1] / "tables" / "data" / "table2.tsv"
LARGE, SMALL = resolve("mobilenet_v3_large"), resolve("mobilenet_v3_small")


def total(network: Network) -> Count:
    return count(expand(network))


def edited(network: Network, at: int, *rows: Row) -> Network:
    """The network with other rows from row `at` on."""
    return replace(network, rows=network.rows[:at] + rows + network.rows[at + len(rows) :])


def last_features(network: Network, out: int) -> Network:
    """The network with another width of the convolution before the classifier."""
    return edited(network, len(network.rows) - 2, replace(network.rows[-2], out=out))


def millions(network: Network, digits: int) -> tuple[float, float]:
    """Multiply-adds to two digits, parameters to `digits`, in millions."""
    found = total(network)
    return round(found.madds / 1e6, 2), round(found.params / 1e6, digits)


def test_large_is_torchvisions() -> None:
    # 12,200 channels are normalized, each with a gamma and a beta.
    expected = Count(5_483_032, 5_483_032 - 2 * 12_200, 216_589_760)
    assert total(LARGE) == expected
    assert total(resolve("mobilenet_v3_large", variants=["torchvision"])) == expected


def test_small_with_the_last_layers_of_torchvision_and_of_the_paper() -> None:
    assert total(resolve("mobilenet_v3_small", variants=["released"])).params == 2_542_856
    # Each further feature has 576 weights and a bias, and 1000 weights in the classifier.
    assert total(SMALL).params == 2_542_856 + 256 * (576 + 1 + 1000)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("mobilenet_v1", 4_231_976),  # pytorchcv
        ("mobilenet_v2", 3_504_872),  # torchvision
        ("mnasnet_a1", 3_887_038),  # pytorchcv, as the others
        ("mnasnet_small", 2_030_264),
        ("proxylessnas_mobile", 4_080_512),
    ],
)
def test_published_parameters_of_other_networks(name: str, params: int) -> None:
    assert total(resolve(name)).params == params


# The README of slim's MobileNetV2: millions of multiply-adds, cut, and of parameters without BN.
@pytest.mark.parametrize(
    ("width", "madds", "params"),
    [
        ("1.4", 582, 6.06),
        ("1.3", 509, 5.34),
        ("1.0", 300, 3.47),
        ("0.75", 209, 2.61),
        ("0.5", 97, 1.95),
        ("0.35", 59, 1.66),
    ],
)
def test_readme_of_v2(width: str, madds: int, params: float) -> None:
    found = total(resolve("mobilenet_v2", width))
    assert found.madds // 10**6 == madds
    # Most parameters are cut as well, but 2.6098M is 2.61.
    assert abs(found.params_without_bn / 1e6 - params) < 0.01


# The README of tensorflow/tpu's mnasnet: millions of parameters.
@pytest.mark.parametrize(
    ("width", "params"),
    [("1.4", 6.1), ("1.0", 3.9), ("0.75", 2.9), ("0.5", 2.1), ("0.35", 1.7)],
)
def test_readme_of_mnasnet(width: str, params: float) -> None:
    assert round(total(resolve("mnasnet_a1", width)).params / 1e6, 1) == params


# Table 6 of arXiv:1704.04861: millions of multiply-adds and parameters.
@pytest.mark.parametrize(
    ("width", "madds", "params"),
    [("1.0", 569, 4.2), ("0.75", 325, 2.6), ("0.5", 149, 1.3), ("0.25", 41, 0.5)],
)
def test_widths_of_v1(width: str, madds: int, params: float) -> None:
    found = total(resolve("mobilenet_v1", width))
    assert (round(found.madds / 1e6), round(found.params / 1e6, 1)) == (madds, params)


def test_minimalistic_against_the_readme_of_slim() -> None:
    large = total(resolve("mobilenet_v3_large_minimalistic"))
    assert (round(large.madds / 1e6), round(large.params / 1e6, 1)) == (209, 3.9)
    small = total(resolve("mobilenet_v3_small_minimalistic"))
    assert round(small.params / 1e6, 1) == 2.0


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "mobilenet_v3_small"])
def test_a_class_more_is_1281_parameters(name: str) -> None:
    more, less = (total(resolve(name, classes=classes)) for classes in (1001, 1000))
    assert (more.params - less.params, more.madds - less.madds) == (1281, 1280)


@pytest.mark.parametrize(
    ("width", "variants", "features", "madds", "params"),
    [
        ("0.75", [], 1280, 154.56, 3.994),
        ("0.75", ["torchvision"], 1280, 140.58, 3.928),
        ("0.75", ["torchvision"], 960, 140.03, 3.378),
        ("1.25", [], 1280, 355.22, 7.552),
        ("1.25", [], 1600, 355.93, 8.256),
    ],
)
def test_widths_of_large(
    width: str, variants: list[str], features: int, madds: float, params: float
) -> None:
    network = last_features(resolve("mobilenet_v3_large", width, variants=variants), features)
    assert millions(network, 3) == (madds, params)


def test_the_features_after_the_pool_scaled_as_slims_default_does() -> None:
    assert millions(last_features(resolve("mobilenet_v3_large", "0.75"), 960), 3)[1] == 3.443


@pytest.mark.parametrize(("width", "madds"), [("1", 66.23), ("0.75", 50.60)])
def test_small_with_the_stride_of_its_fourth_bneck_a_row_later(width: str, madds: float) -> None:
    fourth, fifth = SMALL.rows[4:6]
    rows = replace(fourth, stride=1), replace(fifth, stride=2)
    assert millions(scaled(edited(SMALL, 4, *rows), width), 3)[0] == madds


def test_printed_parameters_of_small() -> None:
    assert round(total(SMALL).params / 1e6, 1) == 2.9
    assert round(total(resolve("mobilenet_v3_small", "0.75")).params / 1e6, 1) == 2.4


def test_table_2_as_printed_has_a_squeeze_more() -> None:
    printed = total(load(TABLE_2))
    # From 576 to 144 and back, with biases.
    assert printed.params - total(SMALL).params == 2 * 576 * 144 + 144 + 576 == 166_608
    assert round(printed.params / 1e6, 3) == 3.113


def test_the_stem_of_32_filters() -> None:
    wide = resolve("mobilenet_v3_large", variants=["stem32"])
    assert total(wide).madds - total(LARGE).madds == 10_436_608


def test_the_original_last_stage_of_figure_5() -> None:
    before = total(resolve("mobilenet_v3_large", variants=["original-last-stage"]))
    assert before.madds - total(LARGE).madds == 34_317_760
    assert total(LARGE).params - before.params == 499_520


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # 27 weights a filter, 112 x 112 positions.
        (0, Count(432 + 32, 432, 432 * 112**2)),
        # No expansion: 16 windows of 9, and 16 x 16.
        (1, Count(400 + 64, 400, 400 * 112**2)),
        # 24 x 72 at 56 x 56; 72 windows of 25 at 28 x 28; squeeze 24 with biases; 72 x 40.
        (
            4,
            Count(
                1728 + 1800 + 3552 + 2880 + 2 * (72 + 72 + 40),
                1728 + 1800 + 3552 + 2880,
                1728 * 56**2 + (1800 + 2880) * 28**2 + 3456,
            ),
        ),
        (17, Count()),
        (18, Count(960 * 1280 + 1280, 960 * 1280 + 1280, 960 * 1280)),
        (19, Count(1_281_000, 1_281_000, 1_280_000)),
    ],
)
def test_rows_of_large_by_hand(row: int, expected: Count) -> None:
    assert count_rows(expand(LARGE), len(LARGE.rows))[row] == expected


@pytest.mark.parametrize("name", names())
def test_rows_sum_to_the_total(name: str) -> None:
    network = resolve(name)
    rows = count_rows(expand(network), len(network.rows))
    assert len(rows) == len(network.rows)
    assert sum(rows, Count()) == total(network)


def test_activation_bytes_by_hand() -> None:
    network = parse("input: 8x6x3\nconv2d  -  4  -  RE  2\nbneck, 3x3  10  4  -  RE  1")
    # Input 8 x 6 x 3 = 144 values, stem 4 x 3 x 4 = 48, expansion and depthwise 4 x 3 x 10 = 120:
    # at the depthwise convolution the stem's output waits for the residual addition.
    assert activation_bytes(expand(network)) == 4 * (48 + 120 + 120)


def test_activation_bytes_without_a_shortcut_by_hand() -> None:
    network = parse("input: 8x6x3\nconv2d  -  4  -  RE  2\nbneck, 3x3  10  5  -  RE  1")
    assert activation_bytes(expand(network)) == 4 * (120 + 120)


def test_activation_bytes_of_large() -> None:
    # The second bneck: 16 channels in and 64 out of its expansion at 112 x 112, and the same again
    # in its depthwise convolution, whose 64 channels at 56 x 56 are as many as 16 at 112 x 112.
    assert activation_bytes(expand(LARGE)) == 4 * 112 * 112 * (16 + 64) == 4_014_080
