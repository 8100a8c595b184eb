"""Progress of long work: a spinner with the phase and the time; silent in a pipe."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def phases() -> Iterator[Callable[[str], None]]:
    """A function to call with each phase as it begins; shown on stderr, cleared at the end."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda phase: None
        return
    start = time.monotonic()
    number = 0
    with console.status("starting") as status:

        def observe(phase: str) -> None:
            nonlocal number
            number += 1
            status.update(f"{number:2d} {phase} ({time.monotonic() - start:.1f} s so far)")

        yield observe


@contextlib.contextmanager
def counted(label: str, total: int) -> Iterator[Callable[[], None]]:
    """A function to call with each of about `total` steps, from any thread; a bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda: progress.advance(task)
