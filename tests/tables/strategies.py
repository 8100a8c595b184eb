"""Random valid networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from mnv3gen.tables.checks import CHOICES
from mnv3gen.tables.network import Conventions, Network, Row
from mnv3gen.tables.shapes import ROW_BEFORE, Shape, inputs_of, results

nonlinearities = st.sampled_from(["RE", "R6", "HS", ""])
strides = st.sampled_from([1, 2])
dilations = st.just(1) | st.integers(1, 64)
widths = st.integers(1, 3000)
squeezes = st.just(0) | widths
NAMES = [f"{start}{end}" for start in ("a", "Z", "c4", "skip_") for end in ("", "_", "9", "xY")]


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
    row = Row("bneck", kernel, expansion, draw(widths), draw(squeezes), *tail)
    return replace(row, dilation=draw(dilations))


@st.composite
def conv2ds(draw: st.DrawFn, classes: int) -> Row:
    kernel = draw(st.sampled_from([1, 3, 5, 7]))
    per_class = draw(st.integers(0, 7))
    out = per_class * classes or draw(widths)
    tail = draw(nonlinearities | st.just("SG")), draw(strides), draw(st.booleans()), per_class
    return Row("conv2d", kernel, 0, out, draw(squeezes), *tail, draw(dilations))


@st.composite
def dws(draw: st.DrawFn) -> Row:
    kernel = draw(st.sampled_from([3, 5]))
    row = Row("dw", kernel, 0, 0, 0, draw(nonlinearities), draw(strides))
    return replace(row, dilation=draw(dilations))


sides = st.tuples(st.integers(1, 8192), st.integers(1, 50))
pools = st.just(Row("pool", 0, 0, 0, 0, "", 1)) | st.builds(
    lambda window, strides: Row("pool", 0, 0, 0, 0, "", 1, window=window, strides=strides),
    sides,
    sides,
)


@st.composite
def joins(draw: st.DrawFn, shapes: dict[str, Shape]) -> Row:
    """A row of two sources; the first may be anything, the second is one of those that fit."""
    first = draw(st.sampled_from(list(shapes)))
    at = shapes[first]
    fitting = {
        "add": [name for name, shape in shapes.items() if shape == at],
        "gate": [name for name, shape in shapes.items() if shape in (at, (1, 1, at[2]))],
        "resize": list(shapes),
        "concat": [
            name
            for name, shape in shapes.items()
            if shape[:2] == at[:2] and shape[2] + at[2] <= 65536
        ],
    }
    operator = draw(st.sampled_from([name for name, seconds in fitting.items() if seconds]))
    second = draw(st.sampled_from(fitting[operator]))
    return Row(operator, 0, 0, 0, 0, "", 1, sources=(first, second))


@st.composite
def rows(draw: st.DrawFn, shapes: dict[str, Shape], classes: int) -> Row:
    """A row that may read any tensor so far; it has up to two new labels."""
    source = draw(st.just(ROW_BEFORE) | st.sampled_from(list(shapes)))
    channels = shapes[source][2]
    row = draw(bnecks(channels) | conv2ds(classes) | dws() | pools | joins(shapes))
    if not row.sources and source != ROW_BEFORE:
        row = replace(row, sources=(source,))
    parts = [""]
    if row.operator == "bneck":
        parts += ["depthwise", "expand"] if row.expansion > channels else ["depthwise"]
    new = draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
    labels = tuple((name, draw(st.sampled_from(parts))) for name in new if name not in shapes)
    return replace(row, labels=labels)


def read_by_none(rows: Sequence[Row], index: int) -> bool:
    following = rows[index + 1].sources or ("",) if index + 1 < len(rows) else ()
    read = {source for row in rows for source in row.sources}
    labelled = any(name in read for name, part in rows[index].labels if not part)
    return "" not in following and not labelled


@st.composite
def networks(draw: st.DrawFn, classes: int | None = None) -> Network:
    height, width, channels = draw(st.integers(1, 8192)), draw(st.integers(1, 300)), draw(widths)
    count = classes or draw(st.integers(1, 2000))
    shapes = {ROW_BEFORE: (height, width, channels)}
    table: list[Row] = []
    for _ in range(draw(st.integers(1, 8))):
        row = draw(rows(shapes, count))
        table.append(row)
        shapes |= results(row, inputs_of(row, shapes))
    ends = [index for index in range(len(table)) if read_by_none(table, index)]
    outputs = []
    if ends != [len(table) - 1] or draw(st.booleans()):
        for index in ends:
            outputs.append(f"an_output{index}")
            labels = (*table[index].labels, (outputs[-1], ""))
            table[index] = replace(table[index], labels=labels)
    name = draw(st.from_regex("[a-z][a-z0-9_]{0,20}", fullmatch=True))
    kept = draw(conventions()), tuple(draw(st.permutations(outputs)))
    return Network(name, height, width, channels, count, tuple(table), *kept)
