"""The operator cell: `conv2d`, `conv2d 1x1, NBN`, `bneck, 5x5, d2`, `pool, 49x49/16x20`, `add`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mnv3gen.tables.cells import TIMES, Cell, integer
from mnv3gen.tables.row_checks import KERNELS, OPERATORS, with_article
from mnv3gen.tables.shapes import Shape
from mnv3gen.tables.values import MAX_DILATION

_SIDES = rf"([0-9]{{1,9}}){TIMES}([0-9]{{1,9}})"
_WINDOW = re.compile(rf"{_SIDES}(?:/{_SIDES})?")
_DILATION = re.compile("d[0-9]+")
_PLAIN_CONV2D = (3, 3)  # table 1 writes its stem as a mere "conv2d"

Sides = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True)
class Operator:
    """An operator cell as read; what is not written is None.

    The cells are the parts that errors about them name, or that of the operator's name.
    """

    name: Cell
    window_cell: Cell
    flag_cell: Cell
    dilation_cell: Cell
    written_window: Sides | None
    written_strides: Sides | None
    batch_norm: bool
    dilation: int

    @property
    def kernel(self) -> int:
        """The kernel's side; 0 for an operator without one."""
        return self.written_window[0] if self.written_window and self.name.text in KERNELS else 0

    @property
    def window(self) -> Sides:
        """The window of a windowed pool, else (0, 0)."""
        return self.written_window if self.written_window and self.written_strides else (0, 0)

    @property
    def strides(self) -> Sides:
        """The strides of a windowed pool, else (0, 0)."""
        return self.written_strides or (0, 0)


def read_operator(cell: Cell) -> Operator:
    """Read an operator cell; raises `TableError` at the part that cannot be read."""
    parts = [cell.part(*match.span()) for match in re.finditer(r"[^ ,]+", cell.text)]
    name = parts.pop(0) if parts else cell
    if name.text not in OPERATORS:
        raise name.error("unknown operator", ", ".join(OPERATORS), OPERATORS)
    flags = [part for part in parts if part.text == "NBN"][:1]
    dilations = [part for part in parts if _DILATION.fullmatch(part.text)][:1]
    windows = [part for part in parts if part not in (*flags, *dilations)]
    for part in windows[1:]:
        expected = "one window such as 3x3, and perhaps d2 or NBN"
        raise part.error("too much for an operator", expected)
    window, strides = _window(windows[0], name.text) if windows else (_default_window(name), None)
    return Operator(
        name=name,
        window_cell=(windows or [name])[0],
        flag_cell=(flags or [name])[0],
        dilation_cell=(dilations or [name])[0],
        written_window=window,
        written_strides=strides,
        batch_norm=not flags,
        dilation=_dilation(dilations[0]) if dilations else 1,
    )


def _window(cell: Cell, operator: str) -> tuple[Sides, Sides | None]:
    """Read a window and, for a pool, the strides that may follow it."""
    match = _WINDOW.fullmatch(cell.text)
    if not match:
        raise cell.error("not a window", "a window such as 3x3, d2 or NBN", ("NBN",))
    height, width, *strides = (int(side) for side in match.groups() if side)
    if operator not in ("pool", *KERNELS):
        raise cell.error(f"{with_article(operator)} has no window", f"a mere {operator}")
    if operator != "pool" and strides:
        raise cell.error("only a pool strides beside its window", f"{height}x{width}")
    if operator != "pool" and height != width:
        raise cell.error("a kernel is square", f"{height}x{height} or {width}x{width}")
    if strides and 0 in (height, width, *strides):
        raise cell.error("impossible window", "sides and strides of at least 1")
    return (height, width), (strides[0], strides[1]) if strides else None


def _dilation(cell: Cell) -> int:
    return integer(cell.part(1, len(cell.text)), f"d1 to d{MAX_DILATION}")


def _default_window(name: Cell) -> Sides | None:
    if KERNELS.get(name.text, 0) > 1:
        example = f"{name.text}, 3x3 or {name.text}, 5x5"
        raise name.error(f"{with_article(name.text)} without its kernel", example)
    return _PLAIN_CONV2D if name.text == "conv2d" else None


def check_pool_window(operator: Operator, shape: Shape) -> None:
    """Check that a pool's written window is its whole input, where it has no strides."""
    if operator.name.text != "pool" or operator.written_strides:
        return
    if operator.written_window not in (None, shape[:2]):
        expected = f"{shape[0]}x{shape[1]}, the whole input, strides such as /16x16, or no window"
        raise operator.window_cell.error("a pool that is not global", expected)
