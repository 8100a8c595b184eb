"""Search spaces: every point is a table, every such table a point, and pieces are all there are."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.compiled import TINY

from mnv3gen.errors import InputError
from mnv3gen.measure.pieces import Key, pieces_of
from mnv3gen.search.layers import TAIL, Layer
from mnv3gen.search.space import Block, Space
from mnv3gen.search.spaces import FILES, load_space
from mnv3gen.tables.format import format_network
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import get

ROOT = Path(__file__).parents[2]

SMALL = """\
seed = "mnasnet_a1"
operators = ["conv", "bneck3"]
kernels = [3]
squeeze = [false, true]
skip = ["identity", "none"]
filters = ["1"]
layers = [0, 1]
"""


@pytest.fixture(params=[*FILES.names(), "small"])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Space:
    """The package's spaces, and one with layers that do not add their input."""
    if request.param != "small":
        return load_space(request.param)
    (tmp_path / "small.toml").write_text(SMALL)
    return load_space(str(tmp_path / "small.toml"))


def test_points_are_tables_and_back(space: Space) -> None:
    generator = random.Random(11)  # noqa: S311
    for _ in range(10):
        network = space.network(space.random(generator), "one")
        assert parse(format_network(network)) == network
        assert space.network(space.point(network), "one") == network


def test_pieces_are_all_that_networks_consist_of(space: Space) -> None:
    known: set[Key] = {key for piece in space.pieces() for key in pieces_of(piece)}
    generator = random.Random(12)  # noqa: S311
    for _ in range(20):
        network = space.network(space.random(generator), "one")
        assert set(pieces_of(network)) <= known


def test_the_seed_of_mnasnet_is_in_its_space() -> None:
    """Figure 7 of the MnasNet paper: SepConv 3x3; MBConv6 3x3 x2; MBConv3 5x5 SE x3; MBConv6 3x3
    x4; MBConv6 3x3 SE x2; MBConv6 5x5 SE x3; MBConv6 3x3.
    """
    space = load_space("mnasnet")
    rows = [
        ("sepconv", 3, False, 16, 1),
        ("bneck6", 3, False, 24, 2),
        ("bneck3", 5, True, 40, 3),
        ("bneck6", 3, False, 80, 4),
        ("bneck6", 3, True, 112, 2),
        ("bneck6", 5, True, 160, 3),
        ("bneck6", 3, False, 320, 1),
    ]
    expected = tuple(Block(Layer(a, b, c, "identity", d), e) for a, b, c, d, e in rows)
    assert space.point(get("mnasnet_a1")) == expected
    assert space.network(expected) == get("mnasnet_a1")


def test_the_size_by_hand() -> None:
    """10 layers: 2 kernels of a full convolution, 2 x 2 of each of two bnecks with or without
    squeeze-and-excite; 14 with separable convolutions, in the first block.

    Of 16 and 24 channels, three quarters become 16 and 24, so that there are two widths; else
    three. A single layer of the seed may be one or two, several may be one more or fewer.
    """
    first, second, last = 14 * 2 * 2, 10 * 2 * 3, 10 * 3 * 2
    assert load_space("mnasnet").size == first * second * (10 * 3 * 3) ** 4 * last


def test_the_size_of_v3_compact_by_hand() -> None:
    """6 layers: 3 operators, 2 kernels. Three quarters, all and five quarters of 32 channels are
    24, 32 and 40, of 64 48, 64 and 80, of 96 72, 96 and 120; each once or twice, and three choices
    of the rows after the blocks.
    """
    assert load_space("v3-compact").size == (6 * 3 * 2) ** 3 * 3


def test_what_was_found_is_a_point_of_v3_compact() -> None:
    """Expansions are by 4, 4, 3 and again 3 of 24, 24, 80 and 96 channels; the tail has two thirds
    of 288 filters.
    """
    layers = [("bneck4", 3, 24, 1), ("bneck4", 5, 80, 1), ("bneck3", 5, 96, 2), (TAIL, 1, 192, 1)]
    skips = ["identity", "identity", "identity", "none"]
    expected = tuple(
        Block(Layer(operator, kernel, False, skip, out), count)
        for (operator, kernel, out, count), skip in zip(layers, skips, strict=True)
    )
    found = parse((ROOT / "examples" / "search" / "found.bneck").read_text())
    assert load_space("v3-compact").point(found) == expected


def test_other_networks_are_no_points() -> None:
    with pytest.raises(InputError, match="mobilenet_v2: not a network of this space"):
        load_space("mnasnet").point(get("mobilenet_v2"))
    inverted = load_space("mnasnet-inverted")
    with pytest.raises(InputError, match="not a network of this space"):
        inverted.point(get("mnasnet_a1"))  # a separable convolution
    block = Block(Layer("conv", 3, False, "identity", 16), 1)
    with pytest.raises(InputError, match="block 1: not a choice"):
        inverted.network((block,) * 7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"conv"', '"bnek3"'), "nearest:  bneck3"),
        (("[3]", "[4]"), "kernels: impossible\n  found:    4"),
        (("[3]", "[]"), "kernels: impossible\n  found:    an empty list"),
        (('["1"]', '["x"]'), "filters: impossible"),
        (('["1"]', '["9"]'), "filters: impossible"),
        (("mnasnet_a1", "mnasnet_a2"), "nearest:  mnasnet_a1"),
        (("mnasnet_a1", "mobilenet_v3_large"), 'a seed with "gate: sigmoid"'),
        (("mnasnet_a1", "lraspp_mobilenet_v3_large"), "not a seed|gate"),
        (("seed", "sed"), "not a space"),
        (("[3]", "3"), "not a space"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "wrong.toml"
    assert change[0] in SMALL
    path.write_text(SMALL.replace(*change, 1))
    with pytest.raises(InputError, match=message):
        load_space(str(path)).blocks  # noqa: B018


def test_an_unknown_space_offers_the_nearest() -> None:
    with pytest.raises(InputError, match="nearest:  mnasnet"):
        load_space("mnasnett")
    with pytest.raises(InputError, match="cannot be read"):
        load_space("nothing.toml")


def test_a_pool_right_after_the_last_block_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tiny.bneck").write_text(TINY)
    path = tmp_path / "space.toml"
    path.write_text(SMALL.replace("mnasnet_a1", "tiny.bneck").replace(', "none"', ""))
    with pytest.raises(InputError, match="pool right after the last bneck"):
        next(load_space(str(path)).pieces())
