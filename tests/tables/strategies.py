"""Random valid networks."""

from __future__ import annotations

from hypothesis import strategies as st

from mnv3gen.tables.checks import CHOICES
from mnv3gen.tables.network import Conventions, Network, Row

nonlinearities = st.sampled_from(["RE", "R6", "HS", ""])
strides = st.sampled_from([1, 2])
widths = st.integers(1, 3000)
squeezes = st.just(0) | widths


@st.composite
def conventions(draw: st.DrawFn) -> Conventions:
    chosen = {key: draw(st.sampled_from(choices)) for key, choices in CHOICES.items()}
    eps = draw(st.floats(0, 1, exclude_min=True, exclude_max=True))
    return Conventions(bn_eps=eps, **chosen)


@st.composite
def bnecks(draw: st.DrawFn, channels: int) -> Row:
    kernel = draw(st.sampled_from([3, 5, 7, 9, 11]))
    expansion = draw(st.just(channels) | st.integers(channels, 65536))
    tail = draw(nonlinearities), draw(strides)
    return Row("bneck", kernel, expansion, draw(widths), draw(squeezes), *tail)


@st.composite
def conv2ds(draw: st.DrawFn, classes: int) -> Row:
    kernel = draw(st.sampled_from([1, 3, 5, 7]))
    per_class = draw(st.integers(0, 7))
    out = per_class * classes or draw(widths)
    tail = draw(nonlinearities), draw(strides), draw(st.booleans()), per_class
    return Row("conv2d", kernel, 0, out, draw(squeezes), *tail)


pools = st.just(Row("pool", 0, 0, 0, 0, "", 1))


@st.composite
def networks(draw: st.DrawFn, classes: int | None = None) -> Network:
    height, width, channels = draw(st.integers(1, 8192)), draw(st.integers(1, 300)), draw(widths)
    count = classes or draw(st.integers(1, 2000))
    rows: list[Row] = []
    at = channels
    for _ in range(draw(st.integers(1, 8))):
        rows.append(draw(bnecks(at) | conv2ds(count) | pools))
        at = rows[-1].out or at
    name = draw(st.from_regex("[a-z][a-z0-9_]{0,20}", fullmatch=True))
    return Network(name, height, width, channels, count, tuple(rows), draw(conventions()))
