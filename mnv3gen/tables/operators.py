"""The operator cell: `conv2d`, `conv2d, 1x1`, `conv2d 1x1, NBN`, `bneck, 5x5`, `pool, 7x7`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mnv3gen.tables.cells import TIMES, Cell
from mnv3gen.tables.checks import OPERATORS
from mnv3gen.tables.shapes import Shape

_WINDOW = re.compile(rf"([0-9]{{1,9}}){TIMES}([0-9]{{1,9}})")
_PLAIN_CONV2D = (3, 3)  # table 1 writes its stem as a mere "conv2d"


@dataclass(frozen=True)
class Operator:
    """An operator cell as read; ``window`` is its height and width, None where none is written."""

    name: Cell
    window_cell: Cell
    flag_cell: Cell
    window: tuple[int, int] | None
    batch_norm: bool

    @property
    def kernel(self) -> int:
        """The kernel's side; 0 for a pool."""
        return 0 if self.name.text == "pool" or self.window is None else self.window[0]


def read_operator(cell: Cell) -> Operator:
    """Read an operator cell; raises `TableError` at the part that cannot be read."""
    parts = [cell.part(*match.span()) for match in re.finditer(r"[^ ,]+", cell.text)]
    name = parts.pop(0) if parts else cell
    if name.text not in OPERATORS:
        raise name.error("unknown operator", ", ".join(OPERATORS), OPERATORS)
    flags = [part for part in parts if part.text == "NBN"][:1]
    windows = [part for part in parts if part not in flags]
    for part in windows[1:]:
        raise part.error("too much for an operator", "one window such as 3x3, and perhaps NBN")
    window = _window(windows[0], name.text) if windows else _default_window(name)
    return Operator(name, (windows or [name])[0], (flags or [name])[0], window, not flags)


def _window(cell: Cell, operator: str) -> tuple[int, int]:
    match = _WINDOW.fullmatch(cell.text)
    if not match:
        raise cell.error("not a window", "a window such as 3x3, or NBN", ("NBN",))
    height, width = int(match[1]), int(match[2])
    if operator != "pool" and height != width:
        raise cell.error("a kernel is square", f"{height}x{height} or {width}x{width}")
    return height, width


def _default_window(name: Cell) -> tuple[int, int] | None:
    if name.text == "bneck":
        raise name.error("a bneck without its kernel", "bneck, 3x3 or bneck, 5x5")
    return _PLAIN_CONV2D if name.text == "conv2d" else None


def check_pool_window(operator: Operator, shape: Shape) -> None:
    """Check that a pool's written window is its whole input."""
    if operator.name.text == "pool" and operator.window not in (None, shape[:2]):
        expected = f"{shape[0]}x{shape[1]}, the whole input, or no window"
        raise operator.window_cell.error("a pool that is not global", expected)
