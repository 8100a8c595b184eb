"""R-ASPP and LR-ASPP networks: shapes, output strides, RF2, filters and widths (6.4)."""

from __future__ import annotations

from itertools import permutations

import pytest

from mnv3gen.errors import InputError
from mnv3gen.tables.network import Network
from mnv3gen.tables.shapes import Shape, label_shapes, row_shapes
from mnv3gen.tables.zoo import get, names, resolve

# Channels of C5 and of the skip connection.
BACKBONES = {
    "mobilenet_v2": (320, 192),
    "mobilenet_v3_large": (960, 120),
    "mobilenet_v3_small": (576, 88),
}
NAMES = [f"{head}_{backbone}" for head in ("raspp", "lraspp") for backbone in BACKBONES]
FIRST = {"mobilenet_v2": 14, "mobilenet_v3_large": 13, "mobilenet_v3_small": 9}
"""The first bneck of the last block; a table's row 0 is its stem."""


def output(network: Network) -> Shape:
    return row_shapes(network)[-1][1]


def last_block(network: Network, backbone: str) -> list[tuple[int, int, int]]:
    """Expansion, output channels and squeeze of the last block, up to C5."""
    rows = network.rows[FIRST[backbone] :]
    end = next(at for at, row in enumerate(rows) if ("C5", "") in row.labels)
    return [(row.expansion, row.out, row.squeeze) for row in rows[: end + 1]]


def strides(network: Network, backbone: str) -> list[tuple[int, int]]:
    """Stride and dilation of the last block's bnecks."""
    rows = network.rows[FIRST[backbone] :]
    return [(row.stride, row.dilation) for row in rows if row.operator == "bneck"]


def test_names() -> None:
    assert {name for name in names() if "raspp_" in name} == set(NAMES)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_shapes_at_the_papers_resolution(backbone: str) -> None:
    # 1025 is 513, 257, 129, 65; 2049 is 1025, 513, 257, 129.
    c5, skip = BACKBONES[backbone]
    lite = resolve(f"lraspp_{backbone}", resolution="1025x2049")
    shapes = label_shapes(lite)
    assert shapes["C5"] == (65, 129, c5)
    assert shapes["skip"] == (129, 257, skip)
    assert shapes["features"] == (65, 129, 128)
    assert output(lite) == (129, 257, 19)
    pool = next(at for at, row in enumerate(lite.rows) if row.operator == "pool")
    # (65 - 49) // 16 + 1, (129 - 49) // 20 + 1
    assert row_shapes(lite)[pool] == ((65, 129, c5), (2, 5, c5))
    plain = resolve(f"raspp_{backbone}", resolution="1025x2049")
    assert label_shapes(plain)["features"] == (65, 129, 256)
    assert output(plain) == (65, 129, 19)


@pytest.mark.parametrize("name", NAMES)
def test_files_are_for_half_resolution_and_cityscapes(name: str) -> None:
    network = get(name)
    assert (network.height, network.width, network.classes) == (512, 1024, 19)
    stride = 8 if name.startswith("lraspp") else 16
    assert output(network) == (512 // stride, 1024 // stride, 19)
    assert output(resolve(name, classes=21))[2] == 21


@pytest.mark.parametrize("name", NAMES)
def test_sides_that_are_no_multiples_of_32(name: str) -> None:
    # 65: 33, 17, 9, 5; 97: 49, 25, 13, 7.
    lite = name.startswith("lraspp")
    assert output(resolve(name, resolution="65x97")) == ((9, 13, 19) if lite else (5, 7, 19))
    assert output(resolve(name, resolution="64x64")) == ((8, 8, 19) if lite else (4, 4, 19))


@pytest.mark.parametrize("name", NAMES)
def test_output_strides(name: str) -> None:
    backbone = name.partition("_")[2]
    dilated = [(1, 2)] * (3 if backbone == "mobilenet_v2" else 2)
    assert strides(get(name), backbone) == [(1, 1), *dilated]
    coarse = resolve(name, variants=["os32"], resolution="1025x2049")
    assert strides(coarse, backbone) == [(2, 1), *[(1, 1)] * len(dilated)]
    assert label_shapes(coarse)["C5"][:2] == (33, 65)
    # What is sent to stride 8 stays there.
    assert output(coarse)[:2] == ((129, 257) if name.startswith("lraspp") else (33, 65))


def test_the_pool_at_both_output_strides() -> None:
    def pooling(*variants: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        rows = resolve("lraspp_mobilenet_v3_large", variants=variants).rows
        return [(row.window, row.strides) for row in rows if row.operator == "pool"]

    assert pooling() == [((49, 49), (16, 20))]
    assert pooling("os32") == [((25, 25), (4, 5))]


@pytest.mark.parametrize("head", ["raspp", "lraspp"])
@pytest.mark.parametrize(
    ("backbone", "expected"),
    [
        # MobileNetV3 halves its expansions, the first too; squeezes are a quarter, in eights.
        ("mobilenet_v3_large", [(336, 80, 88), (480, 80, 120), (480, 80, 120), (0, 480, 0)]),
        ("mobilenet_v3_small", [(144, 48, 40), (288, 48, 72), (288, 48, 72), (0, 288, 0)]),
        # MobileNetV2's are 6 times their inputs: 96, 80, 80, 80.
        ("mobilenet_v2", [(576, 80, 0), (480, 80, 0), (480, 80, 0), (480, 160, 0)]),
    ],
)
def test_rf2(head: str, backbone: str, expected: list[tuple[int, int, int]]) -> None:
    whole = get(f"{head}_{backbone}")
    network = resolve(f"{head}_{backbone}", variants=["rf2"])
    assert last_block(network, backbone) == expected
    assert network.rows[: FIRST[backbone]] == whole.rows[: FIRST[backbone]]
    end = FIRST[backbone] + len(expected)
    assert network.rows[end:] == whole.rows[end:]


@pytest.mark.parametrize(
    ("name", "filters"),
    [("lraspp_mobilenet_v3_small", [128, 128]), ("raspp_mobilenet_v3_small", [256, 256, 256])],
)
def test_filters(name: str, filters: list[int]) -> None:
    def found(*variants: str) -> list[int]:
        rows = resolve(name, variants=variants).rows[13:]
        return [row.out for row in rows if row.operator == "conv2d" and not row.per_class]

    assert found() == filters
    assert found("f128") == [128] * len(filters)
    assert found("f256") == [256] * len(filters)
    # C5 is not the head's.
    assert label_shapes(resolve(name, variants=["f128"]))["C5"][2] == 576


def test_a_multiplier_scales_the_trunk_and_not_the_head() -> None:
    network = resolve("lraspp_mobilenet_v2", "0.35", variants=["rf2"])
    shapes = label_shapes(network)
    assert shapes["C5"][2] == 56  # 0.35 * 160
    assert shapes["skip"][2] == 96  # 6 * 16, of 0.35 * 32 = 11.2
    assert (shapes["features"][2], output(network)[2]) == (128, 19)
    # 0.35 * 96 = 33.6 and 0.35 * 80 = 28 are both 32: then the first bneck has a residual.
    assert last_block(network, "mobilenet_v2") == [*[(192, 32, 0)] * 3, (192, 56, 0)]


@pytest.mark.parametrize("name", NAMES)
def test_variants_go_in_any_order(name: str) -> None:
    variants = ("rf2", "os32", "f128")
    assert len({resolve(name, variants=order) for order in permutations(variants)}) == 1


@pytest.mark.parametrize(
    ("name", "variants", "found"),
    [
        ("mobilenet_v3_large", ["rf2"], "no rows labelled C4 and C5"),
        ("ssdlite_mobilenet_v3_large", ["rf2"], "a detector"),
        ("ssdlite_mobilenet_v3_large", ["os32"], "a detector"),
        ("raspp_mobilenet_v2", ["os32", "os32"], "a last block without dilation"),
        ("mobilenet_v2", ["f256"], "no resize after a label C5"),
        ("ssdlite_mobilenet_v2", ["f128"], "no resize after a label C5"),
    ],
)
def test_variants_that_do_not_apply(name: str, variants: list[str], found: str) -> None:
    with pytest.raises(InputError, match=f"variant {variants[-1]} does not apply") as caught:
        resolve(name, variants=variants)
    assert (caught.value.place, caught.value.found) == (name, found)
