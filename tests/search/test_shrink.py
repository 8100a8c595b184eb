"""What may be shrunk, by the rows of table 1."""

from __future__ import annotations

import pytest
from support.compiled import tiny

from mnv3gen.errors import InputError
from mnv3gen.graph.expand import expand
from mnv3gen.search.netadapt.shrink import Site, least, resized, sites, smaller
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import get


def site(network: Network, name: str) -> Site:
    """The site of that name."""
    (found,) = [it for it in sites(network) if it.name == name]
    return found


def test_v3_large_has_both_kinds() -> None:
    """Table 1: 15 bnecks, the first without expansion; outputs of 16, 24, 40, 80, 112 and 160."""
    found = sites(get("mobilenet_v3_large"))
    kinds = [it.kind for it in found]
    assert kinds.count("expansion") == 14
    assert [it.size for it in found if it.kind == "bottleneck"] == [16, 24, 40, 80, 112, 160]


def test_bottlenecks_of_one_size_shrink_together() -> None:
    """The 16 of V3-Large stands in the stem, the first bneck's output, and its expansion."""
    network = get("mobilenet_v3_large")
    stem = site(network, "bottlenecks 16")
    assert (stem.outs, stem.expansions) == ((0, 1), (1,))
    shrunk = resized(network, stem, 8)
    assert [(row.expansion, row.out) for row in shrunk.rows[:3]] == [(0, 8), (8, 8), (64, 24)]


def test_a_stride_parts_bottlenecks_of_the_same_size() -> None:
    """V3-Small's stem has 16 channels too, but no residual ties it to the first bneck's."""
    network = get("mobilenet_v3_small")
    assert site(network, "bottlenecks 16").outs == (1,)


def test_a_tick_follows_its_rule() -> None:
    """Section 5.3: a quarter of the expansion, rounded to eights: 672 / 4 = 168, 600 / 4 -> 152."""
    network = get("mobilenet_v3_large")
    place = site(network, "bneck12.expand")
    row = network.rows[12]
    assert (row.expansion, row.squeeze) == (672, 168)
    row = resized(network, place, 600).rows[12]
    assert (row.expansion, row.squeeze) == (600, 152)


def test_sizes_are_divisible_and_add_no_residual() -> None:
    """112 would become tied to the 80 before it; expansions stay wider than their input of 80."""
    network = get("mobilenet_v3_large")
    sizes = [size for size, _ in smaller(network, site(network, "bottlenecks 112"))]
    assert sizes == [104, 96, 88, 72, 64, 56, 48, 40, 32, 24, 16, 8]
    sizes = [size for size, _ in smaller(network, site(network, "bneck8.expand"), 16)]
    assert sizes == [192, 176, 160, 144, 128, 112, 96]


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2"])
def test_the_smallest_network_has_the_same_operators(name: str) -> None:
    network = get(name)
    smallest = least(network)
    operators = [node.name for node in expand(network).nodes]
    assert [node.name for node in expand(smallest).nodes] == operators
    assert not any(list(smaller(smallest, it)) for it in sites(smallest) if it.size <= 8)


def test_nothing_to_shrink() -> None:
    table = "name: plain\ninput: 8x8x3\nclasses: 2\n\nOperator  exp  #out  SE  NL  s\n"
    rows = ("conv2d, 3x3  -  8  -  HS  2", "pool  -  -  -  -  1", "conv2d 1x1, NBN  -  k  -  -  1")
    network = parse(table + "\n".join(rows) + "\n")
    with pytest.raises(InputError, match="a table with bnecks"):
        sites(network)


def test_names_of_sites() -> None:
    assert [it.name for it in sites(tiny())] == [
        "bneck1.expand",
        "bneck2.expand",
        "bottlenecks 8",
        "bottlenecks 16",
    ]
