"""What labels must be: defined once, read only below, and every row read by somebody."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from mnv3gen.errors import TableError
from mnv3gen.tables.shapes import ROW_BEFORE
from mnv3gen.tables.values import MAX_LABELS, Spot, Where, nearest_choices, need, one_of

if TYPE_CHECKING:
    from mnv3gen.tables.network import Row

PARTS = ("", "expand", "depthwise")
_LABEL = re.compile("[A-Za-z][A-Za-z0-9_]{0,63}")


def check_sources(sources: object, known: Collection[str], where: Where) -> None:
    """Check that a row reads known labels only; raises `TableError` at the one that is not.

    ``known`` are the labels of the rows above, and `ROW_BEFORE`.
    """
    labels = sources if isinstance(sources, tuple) else (None,)
    fits = all(isinstance(label, str) for label in labels)
    need(fits, "not the labels of sources", where("sources"), "a tuple of labels")
    expected = "(), which means the row before"
    need(labels != (ROW_BEFORE,), "a source that goes without saying", where("sources"), expected)
    for item, source in enumerate(labels):
        check_known(source, known, where("sources", item))


def check_known(label: object, known: Collection[str], spot: Spot) -> None:
    """Check that a label is among the known ones."""
    if label in known:
        return
    labels = [name for name in known if name != ROW_BEFORE]
    expected = ", ".join(labels) if len(labels) <= 12 else "a label of a row above"
    raise TableError(
        "unknown label",
        place=spot[0],
        found=spot[1],
        expected=expected or "a label of a row above; there is none",
        nearest=nearest_choices(str(label), labels),
    )


def check_labels(row: Row, channels: int, known: Collection[str], where: Where) -> None:
    """Check the labels that a row with an input of ``channels`` defines."""
    fits = isinstance(row.labels, tuple) and all(map(_is_pair, row.labels))
    need(fits, "not the labels of a row", where("labels"), "a tuple of pairs: name, part")
    fits = len(row.labels) <= MAX_LABELS
    need(fits, "too many labels", where("labels"), f"at most {MAX_LABELS}")
    names = [name for name, _ in row.labels]
    for item, (name, part) in enumerate(row.labels):
        spot = where("labels", item)
        expected = "a letter, then up to 63 letters, digits and _"
        need(_LABEL.fullmatch(name), "not a label", spot, expected)
        fits = name not in known and name not in names[:item]
        need(fits, "a label defined twice", spot, "a name that no tensor has so far")
        one_of(part, PARTS, "unknown part of a row", spot)
        need(not part or row.operator == "bneck", "only a bneck has parts", spot, name)
        fits = part != "expand" or row.expansion > channels
        need(fits, "a bneck without expansion", spot, f"{name} or {name}=depthwise")


def _is_pair(value: object) -> bool:
    pair = value if isinstance(value, tuple) else ()
    return len(pair) == 2 and all(isinstance(each, str) for each in pair)


def check_outputs(
    rows: Sequence[Row], outputs: Sequence[str], where: Callable[[int], Spot]
) -> None:
    """Check that the outputs are labels, and of different tensors."""
    tensors = {name: (at, part) for at, row in enumerate(rows) for name, part in row.labels}
    seen: dict[tuple[int, str], str] = {}
    for item, name in enumerate(outputs):
        check_known(name, tensors, where(item))
        first = seen.setdefault(tensors[name], name)
        fits = len(seen) == item + 1
        need(fits, "an output given twice", where(item), f"a tensor other than that of {first}")


def check_all_read(
    rows: Sequence[Row], outputs: Sequence[str], where: Callable[[int], Spot]
) -> None:
    """Check that another row reads every row's output, or that it is an output of the network.

    Without ``outputs``, that is the last row's. ``where`` tells the spot of a row by its index.
    """
    wanted = {source for row in rows for source in row.sources}.union(outputs)
    for index, row in enumerate(rows):
        passed_on = _reads_row_before(rows[index + 1]) if index + 1 < len(rows) else not outputs
        labelled = any(name in wanted for name, part in row.labels if not part)
        expected = "a row below that reads its output, or its label among the outputs"
        need(passed_on or labelled, "nothing reads this row", where(index), expected)


def _reads_row_before(row: Row) -> bool:
    return not row.sources or ROW_BEFORE in row.sources
