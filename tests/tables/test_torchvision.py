"""The variant `torchvision` against torchvision's sources and the public sizes of its networks."""

from __future__ import annotations

from typing import Any

import pytest

from mnv3gen.graph.count import count
from mnv3gen.graph.expand import expand
from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.tables.shapes import label_shapes, row_shapes
from mnv3gen.tables.variants.torchvision import torchvision
from mnv3gen.tables.zoo import names, resolve

SEGMENTER, DETECTOR = "lraspp_mobilenet_v3_large", "ssdlite_mobilenet_v3_large"


def torchvisions(name: str, *others: str, **changes: Any) -> Network:
    return resolve(name, variants=[*others, "torchvision"], **changes)


def params(network: Network) -> int:
    return count(expand(network)).params


def test_public_numbers_of_parameters() -> None:
    assert params(torchvisions(DETECTOR)) == 3_440_060
    # Our gate has a bias, of its 128 channels.
    assert params(torchvisions(SEGMENTER)) == 3_221_538 + 128


def test_the_head_of_lraspp() -> None:
    network = torchvisions(SEGMENTER, resolution=520)
    shapes = label_shapes(network)
    # 520 is 260, 130, 65, 33. The skip is the output of bneck 4, not a part of bneck 6.
    assert network.rows[4].labels == (("skip", ""),)
    assert shapes["skip"] == (65, 65, 40)
    assert shapes["C5"] == (33, 33, 960)
    assert shapes["features"] == (33, 33, 128)
    assert row_shapes(network)[-1][1] == (65, 65, 21)
    operators = [row.operator for row in network.rows[17:]]
    assert operators == ["conv2d", "pool", "conv2d", "gate", "resize", "conv2d", "conv2d", "add"]
    assert network.rows[18].window == (0, 0)


def test_the_dilation_of_lraspp() -> None:
    # `_mobilenet_v3_conf`: the dilation is that of C4, bneck 13, and of the two after it.
    rows = torchvisions(SEGMENTER).rows
    assert [row.dilation for row in rows[1:16]] == [1] * 12 + [2] * 3
    assert {row.stride for row in rows[13:16]} == {1}


@pytest.mark.parametrize(
    ("name", "skip"), [("lraspp_mobilenet_v3_small", 24), ("lraspp_mobilenet_v2", 32)]
)
def test_the_skip_of_other_backbones_is_their_c2(name: str, skip: int) -> None:
    assert label_shapes(torchvisions(name))["skip"] == (64, 128, skip)


def test_the_heads_of_ssdlite() -> None:
    network = torchvisions(DETECTOR)
    shapes = label_shapes(network)
    assert [shapes[f"C{level}"][2] for level in range(4, 10)] == [672, 480, 512, 256, 256, 128]
    assert {shapes[f"boxes{number}"][2] for number in range(1, 7)} == {24}
    assert {shapes[f"scores{number}"][2] for number in range(1, 7)} == {6 * 91}
    block = [(row.expansion, row.out, row.squeeze) for row in network.rows[13:17]]
    assert block == [(672, 80, 168), (480, 80, 120), (480, 80, 120), (0, 480, 0)]
    assert label_shapes(torchvisions(DETECTOR, classes=21))["scores1"][2] == 6 * 21


def test_only_mobilenet_v3_has_a_reduced_tail() -> None:
    assert label_shapes(torchvisions("ssdlite_mobilenet_v2"))["C5"][2] == 1280
    assert label_shapes(torchvisions("ssdlite_mobilenet_v3_small"))["C5"][2] == 288


@pytest.mark.parametrize(
    ("name", "classes", "expected"),
    [(SEGMENTER, 19, 21), (SEGMENTER, 7, 7), (DETECTOR, 91, 91)],
)
def test_classes(name: str, classes: int, expected: int) -> None:
    """Cityscapes' 19 become Pascal VOC's 21; a table for other classes keeps them."""
    table = parse(format_network(resolve(name, classes=classes)))
    assert torchvision(table).classes == expected
    assert torchvisions(name, classes=classes).classes == classes


@pytest.mark.parametrize(
    ("name", "bn_eps", "preprocess", "resize"),
    [
        ("mobilenet_v3_large", 1e-3, "imagenet", "align_corners"),
        ("mobilenet_v2", 1e-5, "imagenet", "align_corners"),
        ("mnasnet_a1", 1e-5, "imagenet", "align_corners"),
        (SEGMENTER, 1e-3, "imagenet", "half_pixel"),
        (DETECTOR, 1e-3, "whole", "align_corners"),
    ],
)
def test_conventions(name: str, bn_eps: float, preprocess: str, resize: str) -> None:
    conventions = torchvisions(name).conventions
    found = (conventions.bn_eps, conventions.preprocess, conventions.resize)
    assert found == (bn_eps, preprocess, resize)
    assert conventions.padding == "symmetric"


@pytest.mark.parametrize("name", names())
def test_twice_is_once_and_the_table_can_be_written(name: str) -> None:
    network = torchvisions(name)
    assert torchvisions(name, "torchvision") == network
    assert parse(format_network(network)) == network


def test_it_implies_reduced() -> None:
    assert torchvisions(DETECTOR, "reduced") == torchvisions(DETECTOR)


@pytest.mark.parametrize("other", ["rf2", "os32", "f256"])
def test_segmentation_variants_go_before_and_after(other: str) -> None:
    assert torchvisions(SEGMENTER, other) == resolve(SEGMENTER, variants=["torchvision", other])


def test_a_detector_without_labels_of_its_maps_has_no_tail_to_reduce() -> None:
    network = parse(
        "input: 64x64x3\nclasses: 4\noutputs: boxes1, scores1\n"
        "From  Operator         exp size  #out  SE  NL  s  As\n"
        "-     conv2d                  -    16   -  HS  2  map\n"
        "-     conv2d 1x1, NBN         -    12   -   -  1  boxes1\n"
        "map   conv2d 1x1, NBN         -    3k   -   -  1  scores1\n"
    )
    assert [row.out for row in torchvision(network).rows] == [16, 24, 24]
