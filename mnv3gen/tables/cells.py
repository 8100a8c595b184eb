"""The lines and cells of a table's text, each with its place, and the values that cells hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from mnv3gen.errors import TableError
from mnv3gen.tables.shapes import Shape
from mnv3gen.tables.values import nearest_choices

MAX_TEXT = 1_000_000
"""Characters; a table of 1000 rows stays under a tenth of it."""
MAX_LINE = 1_000

TIMES = r" ?(?:x|\u00d7|\\times) ?"
_SHAPE = re.compile(rf"(\$?)([0-9]+)(?:\^2|{TIMES}([0-9]+)){TIMES}([0-9]+)\1")
_HEADING = re.compile(r"[ \t|]*(?:Input|From|Operator)[ \t|]", re.IGNORECASE)


@dataclass(frozen=True)
class Cell:
    """A piece of text and where it stands; lines and columns count from 1, in characters."""

    text: str
    source: str = "<text>"
    line: int = 1
    column: int = 1

    @property
    def place(self) -> str:
        """File, line and column."""
        return f"{self.source}:{self.line}:{self.column}"

    @property
    def shown(self) -> str:
        """The text for an error message: printable and not too long."""
        text = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        return (text if text.isprintable() else ascii(text)) or "nothing"

    def error(self, problem: str, expected: str, choices: tuple[str, ...] = ()) -> TableError:
        """Return the error that this cell is not what was ``expected`` (nearest of ``choices``)."""
        nearest = nearest_choices(self.shown, choices)
        return TableError(
            problem, place=self.place, found=self.shown, expected=expected, nearest=nearest
        )

    def part(self, start: int, end: int) -> Cell:
        """Return the cell of ``text[start:end]`` without the blanks around it."""
        raw = self.text[start:end]
        text = raw.strip(" \t")
        blanks = len(raw) - len(raw.lstrip(" \t")) if text else 0
        return Cell(text, self.source, self.line, self.column + start + blanks)


def lines(text: str, source: str) -> Iterator[Cell]:
    """Yield the lines that say something: no comments, blank lines or markdown rulers."""
    if len(text) > MAX_TEXT:
        found, expected = f"{len(text)} characters", f"at most {MAX_TEXT}"
        raise TableError("text too long", place=source, found=found, expected=expected)
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        said = _uncommented(line.removesuffix("\r"))
        ruler = "---" in said and not said.strip(" \t|:-")
        if said.strip() and not ruler:
            yield _checked(Cell(said, source, number))


def _checked(line: Cell) -> Cell:
    if len(line.text) > MAX_LINE:
        raise line.error("line too long", f"at most {MAX_LINE} characters")
    return line


def _uncommented(line: str) -> str:
    comment = r"#(?!out\b).*" if _HEADING.match(line) else r"#.*"
    return re.sub(comment, "", line)


def split(line: Cell) -> list[Cell]:
    """Split a line into its cells: between pipes, or between tabs or two and more spaces."""
    if "|" in line.text:
        edges = [-1, *(bar.start() for bar in re.finditer(r"\|", line.text)), len(line.text)]
        cells = [line.part(left + 1, right) for left, right in pairwise(edges)]
        outside = [cell for cell in (cells[0], cells[-1]) if not cell.text]
        return [cell for cell in cells if cell not in outside]
    found = re.finditer(r"[^ \t]+(?: [^ \t]+)*", line.text)
    return [line.part(match.start(), match.end()) for match in found]


def integer(cell: Cell, expected: str) -> int:
    """Read a cell of ASCII digits, at least 1; limits are checked with the row."""
    if not re.fullmatch("0*[1-9][0-9]{0,8}", cell.text):
        raise cell.error("not a number of the table", expected)
    return int(cell.text[-9:])


def input_shape(cell: Cell) -> Shape:
    r"""Read an input as the paper prints it, `$224^2 \times 3$`, or `224^2 x 3`, or `224x192x3`."""
    match = _SHAPE.fullmatch(cell.text)
    sizes = [size for size in match.groups()[1:] if size] if match else []
    if not sizes or any(len(size) > 9 for size in sizes):
        raise cell.error("not an input", "height, width and channels: 224x224x3 or 224^2 x 3")
    numbers = [int(size) for size in sizes]
    return numbers[0], numbers[-2], numbers[-1]
