"""Many pictures through bundles: what is emulated, and for how long, is said when it begins."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

from mnv3gen.cli.live import Live

NATIVE = ("native", "torch")
MEASURED = 2  # pictures, by which the time for all is told
WORTH = 20.0  # seconds that are worth a word


@contextlib.contextmanager
def counted_pictures(
    label: str,
    total: int,
    executors: Sequence[str],
    limited: bool,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[], None]]:
    """A function to call after each of `total` pictures; a bar on stderr, with the time left.

    `executors` are what computes them. If one emulates, lines say so before the first picture,
    and, a pipe or not, how long it takes after a few; they name --limit unless `limited`.
    """
    from rich.progress import Progress

    emulators = sorted({each for each in executors if each not in NATIVE})
    with Live(False, *Progress.get_default_columns()) as live:
        task = live.bar.add_task(label, total=total)
        begun, done = now(), 0
        if emulators:
            live.line(f"emulated  by {' and '.join(emulators)}: {total:,} pictures")

        def advance() -> None:
            nonlocal done
            done += 1
            live.bar.advance(task)
            if emulators and done == MEASURED:
                each = (now() - begun) / done
                if (rest := each * (total - done)) > WORTH:
                    live.line(_told(each, rest, limited))

        yield advance


def _told(each: float, rest: float, limited: bool) -> str:
    fewer = "" if limited else "; --limit N takes so many, at equal distances"
    return f"          {each:.2g} s a picture, about {duration(rest)} to go{fewer}"


def duration(seconds: float) -> str:
    """A time as one says it: 40 s, 12 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
