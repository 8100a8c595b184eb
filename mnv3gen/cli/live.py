"""Lines on stderr, and below them a bar where that is a terminal: what long work shows."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import ProgressColumn
    from typing_extensions import Self


class Live:
    """A context in which `bar` is shown. With `quiet` there are only warnings."""

    def __init__(self, quiet: bool, *columns: ProgressColumn) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self.quiet = quiet
        self.console = Console(stderr=True, highlight=False)
        shown = not quiet and self.console.is_terminal
        self.bar = Progress(*columns, console=self.console, transient=True, disable=not shown)

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        if not self.quiet:
            self.console.print(text, soft_wrap=True, markup=False)

    def warn(self, text: str) -> None:
        """Print a warning above the bar, also if quiet: whoever reads JSON wants to know too."""
        self.console.print(f"mnv3gen: warning: {text}", soft_wrap=True, markup=False)
