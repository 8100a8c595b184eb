"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

TABLE_WIDTH = 250  # characters; a narrower terminal wraps, and a pipe gets whole lines


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[str] = ()
) -> None:
    """Print aligned columns; those named in `right` are aligned to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    aligned_right = set(right)
    for heading in headings:
        table.add_column(
            heading, justify="right" if heading in aligned_right else "left", no_wrap=True
        )
    for row in rows:
        table.add_row(*row)
    Console(width=TABLE_WIDTH, highlight=False).print(table)
