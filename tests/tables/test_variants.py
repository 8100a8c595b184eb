"""Variants against tables 1 and 2, figure 5 and section 5 of the paper."""

from __future__ import annotations

import pytest

from mnv3gen.errors import InputError, TableError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import parameter_shapes
from mnv3gen.tables.network import Row
from mnv3gen.tables.variants import VARIANTS, apply_variant, variant_names
from mnv3gen.tables.zoo import get, resolve

LARGE, SMALL = get("mobilenet_v3_large"), get("mobilenet_v3_small")


def squeezes(name: str, variant: str) -> list[int]:
    return [row.squeeze for row in resolve(name, variants=[variant]).rows if row.squeeze]


def nonlinearities(name: str, variant: str) -> list[str]:
    return [row.nonlinearity for row in resolve(name, variants=[variant]).rows]


def test_names() -> None:
    assert variant_names() == (*VARIANTS, "hswish@N")
    assert all(function.__doc__ for function in VARIANTS.values())


def test_released_has_1024_features() -> None:
    released = apply_variant(SMALL, "released")
    changed = [(a.out, b.out) for a, b in zip(SMALL.rows, released.rows, strict=True) if a != b]
    assert changed == [(1280, 1024)]


def test_original_last_stage_is_figure_5_s() -> None:
    original = apply_variant(LARGE, "original-last-stage")
    assert original.rows[:16] == LARGE.rows[:16]
    assert original.rows[16:] == (
        Row("bneck", 3, 960, 320, 0, "HS", 1),
        Row("conv2d", 1, 0, 1280, 0, "HS", 1),
        Row("pool", 0, 0, 0, 0, "", 1),
        Row("conv2d", 1, 0, 1000, 0, "", 1, batch_norm=False, per_class=1),
    )


def test_stem32() -> None:
    large, small = apply_variant(LARGE, "stem32").rows, apply_variant(SMALL, "stem32").rows
    assert large[:2] == (Row("conv2d", 3, 0, 32, 0, "HS", 2), Row("bneck", 3, 32, 16, 0, "RE", 1))
    assert large[2:] == LARGE.rows[2:]
    assert small[1] == Row("bneck", 3, 32, 16, 8, "RE", 2)


def test_squeeze_relative_to_the_block() -> None:
    # A quarter of the inputs 24, 40, 40, 80, 112, 112, 160, 160.
    assert squeezes("mobilenet_v3_large", "squeeze-input") == [6, 10, 10, 20, 28, 28, 40, 40]


def test_squeeze_fixed_to_the_expansion() -> None:
    # MnasNet-A1's expansions 72, 120, 120, 480, 672, 672, 960, 960, as in table 1.
    expected = [24, 32, 32, 120, 168, 168, 240, 240]
    assert squeezes("mnasnet_a1", "squeeze-expansion") == expected


def test_relu_everywhere() -> None:
    assert set(nonlinearities("mobilenet_v3_large", "relu")) == {"RE", ""}
    assert set(nonlinearities("mobilenet_v2", "relu")) == {"RE", ""}


@pytest.mark.parametrize(("channels", "bnecks"), [(16, 0), (80, 6), (112, 10), (961, 15)])
def test_hswish_from_a_width_on(channels: int, bnecks: int) -> None:
    """Table 1 has 6 bnecks below 80 output channels, 10 below 112, 15 in all."""
    expected = ["HS", *["RE"] * bnecks, *["HS"] * (15 - bnecks), "HS", "", "HS", ""]
    assert nonlinearities("mobilenet_v3_large", f"hswish@{channels}") == expected


def test_large_is_hswish_at_80() -> None:
    assert apply_variant(LARGE, "hswish@80") == LARGE


def test_naive_hswish_is_a_convention() -> None:
    naive = apply_variant(LARGE, "naive-hswish")
    assert (naive.rows, naive.conventions.hswish) == (LARGE.rows, "naive")
    assert LARGE.conventions.hswish == "fused"


def test_torchvision_keeps_the_width_rules_of_other_networks() -> None:
    network = resolve("mobilenet_v2", variants=["torchvision"])
    assert network.conventions.width_rule == "v2"
    assert network.conventions.padding == "symmetric"


def test_several_variants() -> None:
    network = resolve("mobilenet_v3_large", variants=["stem32", "relu", "original-last-stage"])
    assert (network.rows[0].out, network.rows[0].nonlinearity) == (32, "RE")
    assert network.rows[16] == Row("bneck", 3, 960, 320, 0, "RE", 1)


@pytest.mark.parametrize(
    ("name", "variant", "found", "expected"),
    [
        ("mobilenet_v3_large", "released", "conv2d 1x1 of 960, pool", "conv2d 1x1 of 576, pool"),
        ("mobilenet_v3_small", "original-last-stage", "of 576, pool", "of 960, pool"),
        ("mobilenet_v2", "original-last-stage", "bneck, conv2d 1x1 of 1280", "of 960, pool"),
        ("mobilenet_v2", "stem32", "conv2d 3x3 of 32, bneck", "conv2d 3x3 of 16, bneck"),
        ("mobilenet_v2", "squeeze-input", "no squeeze-and-excite", "a table with it"),
        ("mobilenet_v2", "squeeze-expansion", "no squeeze-and-excite", "a table with it"),
        ("mobilenet_v2", "naive-hswish", "no h-swish", "a table with HS in it"),
        ("mobilenet_v1", "hswish@80", "no bneck", "a table of bnecks"),
    ],
)
def test_a_variant_that_does_not_apply(name: str, variant: str, found: str, expected: str) -> None:
    with pytest.raises(InputError, match=f"variant {variant} does not apply") as caught:
        resolve(name, variants=[variant])
    assert caught.value.place == name
    assert found in str(caught.value.found)
    assert expected in str(caught.value.expected)


@pytest.mark.parametrize("name", ["hswish", "hswish@", "hswish@x", "hswish@-1", "relu@3", ""])
def test_unknown_variants(name: str) -> None:
    with pytest.raises(TableError, match="unknown variant") as caught:
        apply_variant(LARGE, name)
    assert "hswish@N" in str(caught.value.expected)


def test_small_pictures_end_as_four_by_four() -> None:
    network = resolve("mobilenet_v3_small", variants=["small-pictures"], resolution=32)
    assert [row.stride for row in network.rows] == [2, 1, 2, 1, 2, *[1] * 11]
    graph = expand(network)
    assert graph.shape("conv2d2") == (4, 4, 576)
    assert parameter_shapes(graph) == parameter_shapes(expand(resolve("mobilenet_v3_small")))
    with pytest.raises(InputError, match="small-pictures does not apply"):
        apply_variant(network, "small-pictures")
