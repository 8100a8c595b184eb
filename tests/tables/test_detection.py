"""SSDLite networks: where their maps are, their heads, the channel reduction and widths (6.3)."""

from __future__ import annotations

import pytest

from mnv3gen.errors import InputError
from mnv3gen.tables.network import Network
from mnv3gen.tables.shapes import Shape, label_shapes
from mnv3gen.tables.zoo import get, names, resolve

# C4 and C5 at 320x320 (section 6.3; V1 and V2 as in the authors' object_detection code).
MAPS: dict[str, tuple[Shape, Shape]] = {
    "ssdlite_mobilenet_v1": ((20, 20, 512), (10, 10, 1024)),
    "ssdlite_mobilenet_v2": ((20, 20, 576), (10, 10, 1280)),
    "ssdlite_mnasnet_a1": ((20, 20, 672), (10, 10, 1280)),
    "ssdlite_mobilenet_v3_large": ((20, 20, 672), (10, 10, 960)),
    "ssdlite_mobilenet_v3_small": ((20, 20, 288), (10, 10, 576)),
}
FURTHER = [(5, 5, 512), (3, 3, 256), (2, 2, 256), (1, 1, 128)]
LEVELS = ("C4", "C5", "C6", "C7", "C8", "C9")


def maps(network: Network) -> list[Shape]:
    shapes = label_shapes(network)
    return [shapes[level] for level in LEVELS]


def heads(network: Network) -> list[Shape]:
    shapes = label_shapes(network)
    return [shapes[output] for output in network.outputs]


def block(network: Network, first: int, last: int) -> list[tuple[int, int, int]]:
    """Expansion, output channels and squeeze from one row to another."""
    return [(row.expansion, row.out, row.squeeze) for row in network.rows[first : last + 1]]


def test_names() -> None:
    assert {name for name in names() if name.startswith("ssdlite_")} == set(MAPS)


@pytest.mark.parametrize("name", MAPS)
def test_six_maps(name: str) -> None:
    assert maps(get(name)) == [*MAPS[name], *FURTHER]


@pytest.mark.parametrize("name", MAPS)
def test_heads_predict_2034_boxes_and_91_scores_of_each(name: str) -> None:
    network = get(name)
    assert network.outputs[:3] == ("boxes1", "scores1", "boxes2")
    assert network.outputs[-1] == "scores6"
    boxes, scores = heads(network)[::2], heads(network)[1::2]
    anchors = [3, 6, 6, 6, 6, 6]
    assert [shape[2] for shape in boxes] == [4 * each for each in anchors]
    assert [shape[2] for shape in scores] == [91 * each for each in anchors]
    assert [shape[:2] for shape in boxes] == [shape[:2] for shape in maps(network)]
    assert [shape[:2] for shape in scores] == [shape[:2] for shape in maps(network)]
    sides = [20, 10, 5, 3, 2, 1]
    assert sum(side**2 * each for side, each in zip(sides, anchors, strict=True)) == 2034
    assert sum(height * width * depth // 4 for height, width, depth in boxes) == 2034


def test_other_classes_change_scores_only() -> None:
    voc = heads(resolve("ssdlite_mobilenet_v2", classes=21))
    assert [shape[2] for shape in voc[:4]] == [12, 63, 24, 126]


@pytest.mark.parametrize("name", MAPS)
def test_head_and_further_layers_have_relu6_and_predictors_are_biased(name: str) -> None:
    rows = get(name).rows
    head = rows[next(i for i, row in enumerate(rows) if ("C5", "") in row.labels) + 1 :]
    predictors = [row for row in head if not row.batch_norm]
    assert len(predictors) == 12
    assert {(row.kernel, row.nonlinearity) for row in predictors} == {(1, "")}
    assert {row.nonlinearity for row in head if row.batch_norm} == {"R6"}


# Every stride rounds up: 321 becomes 161, 81, 41, 21, 11, 6, 3, 2, 1; 500: 250, 125, 63, 32, 16.
@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize(
    ("size", "sides"),
    [
        ("64x64", [(4, 4), (2, 2), (1, 1), (1, 1), (1, 1), (1, 1)]),
        ("321x500", [(21, 32), (11, 16), (6, 8), (3, 4), (2, 2), (1, 1)]),
    ],
)
def test_maps_of_other_sizes(name: str, size: str, sides: list[tuple[int, int]]) -> None:
    assert [shape[:2] for shape in maps(resolve(name, resolution=size))] == sides


def test_mnasnet_squeezes_to_a_quarter_of_its_input_in_eights() -> None:
    squeezes = [row.squeeze for row in get("ssdlite_mnasnet_a1").rows if row.squeeze]
    # Of 24, 40, 40, 80, 112, 112, 160, 160; 10 becomes 16, as 8 is below 90% of it.
    assert squeezes == [8, 16, 16, 24, 32, 32, 40, 40]


REDUCED = [
    # C4 keeps its 672 channels; from there on everything is half, expansions through their inputs.
    ("ssdlite_mobilenet_v3_large", 13, [(672, 80, 168), *[(480, 80, 120)] * 2, (0, 480, 0)]),
    ("ssdlite_mobilenet_v3_small", 9, [(288, 48, 72), *[(288, 48, 72)] * 2, (0, 288, 0)]),
    ("ssdlite_mobilenet_v2", 14, [(576, 80, 0), *[(480, 80, 0)] * 2, (480, 160, 0), (0, 640, 0)]),
    # A quarter of 80 is 20, to eights 24.
    ("ssdlite_mnasnet_a1", 13, [(672, 80, 32), *[(480, 80, 24)] * 2, (480, 160, 0), (0, 640, 0)]),
    ("ssdlite_mobilenet_v1", 22, [(0, 512, 0), (0, 0, 0), (0, 512, 0), (0, 0, 0), (0, 512, 0)]),
]


@pytest.mark.parametrize(("name", "first", "expected"), REDUCED)
def test_reduced(name: str, first: int, expected: list[tuple[int, int, int]]) -> None:
    network, whole = resolve(name, variants=["reduced"]), get(name)
    last = first + len(expected) - 1
    assert block(network, first, last) == expected
    assert network.rows[:first] == whole.rows[:first]
    assert network.rows[last + 1 :] == whole.rows[last + 1 :]
    c4, (height, width, c5) = MAPS[name]
    assert maps(network) == [c4, (height, width, c5 // 2), *FURTHER]


def test_reduced_before_the_width() -> None:
    # 0.5 * 80 = 40, 6 times that 240; C4 is 6 times 0.5 * 112 = 56.
    network = resolve("ssdlite_mobilenet_v3_large", "0.5", variants=["reduced"])
    assert block(network, 13, 16) == [(336, 40, 88), *[(240, 40, 64)] * 2, (0, 240, 0)]


@pytest.mark.parametrize(
    ("name", "width", "c4", "c5"),
    [
        # 6 times 32 (0.35 * 96 = 33.6) and 48; 0.35 and 0.5 times 1280.
        ("ssdlite_mobilenet_v2", "0.35", 192, 448),
        ("ssdlite_mobilenet_v2", "0.5", 288, 640),
        # 6 times 40 (0.35 * 112 = 39.2) and 56.
        ("ssdlite_mnasnet_a1", "0.35", 240, 448),
        ("ssdlite_mnasnet_a1", "0.5", 336, 640),
        ("ssdlite_mobilenet_v1", "0.5", 256, 512),
    ],
)
def test_the_last_convolution_is_scaled_too(name: str, width: str, c4: int, c5: int) -> None:
    assert [shape[2] for shape in maps(resolve(name, width))[:2]] == [c4, c5]


@pytest.mark.parametrize(
    ("width", "inner", "outer"),
    [
        # 256, 128, 128, 64 and 512, 256, 256, 128, cut to integers, and at least 8.
        ("0.35", [89, 44, 44, 22], [179, 89, 89, 44]),
        ("0.5", [128, 64, 64, 32], [256, 128, 128, 64]),
        ("0.05", [12, 8, 8, 8], [25, 12, 12, 8]),
    ],
)
@pytest.mark.parametrize("name", MAPS)
def test_further_layers_are_scaled_and_boxes_never(
    name: str, width: str, inner: list[int], outer: list[int]
) -> None:
    network = resolve(name, width)
    assert [shape[2] for shape in maps(network)[2:]] == outer
    rows = network.rows
    before = [
        rows[at - 2].out
        for at, row in enumerate(rows)
        if row.labels and row.labels[0][0] in LEVELS[2:]
    ]
    assert before == inner
    assert [shape[2] for shape in heads(network)] == [12, 273, *[24, 546] * 5]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("mobilenet_v3_large", "no rows labelled C4 and C5"),
        ("lraspp_mobilenet_v3_large", "a segmentation network"),
    ],
)
def test_reduced_is_for_detectors(name: str, found: str) -> None:
    with pytest.raises(InputError, match="variant reduced does not apply") as caught:
        resolve(name, variants=["reduced"])
    assert (caught.value.place, caught.value.found) == (name, found)
    assert caught.value.expected == "a detector with labels C4 and C5"
