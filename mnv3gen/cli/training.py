"""What training shows while it runs: a bar on a terminal, and a line for every epoch."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from mnv3gen.errors import InputError
from mnv3gen.train.session import Moment, Watcher
from mnv3gen.train.state import STATE, EpochRow

PARTS = 1000  # of the bar


class Printer(Watcher):
    """Prints epochs to stderr; on a terminal also a bar with loss, accuracy, rate and speed."""

    def __init__(self, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self.quiet = quiet
        self.console = Console(stderr=True, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(20))
        shown = not quiet and self.console.is_terminal
        self.bar = Progress(*columns, console=self.console, transient=True, disable=not shown)
        self.task: Any = None
        self.metric = "top-1"

    def __enter__(self) -> Printer:
        self.bar.start()
        self.task = self.bar.add_task("starting", total=PARTS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def began(self, metric: str) -> None:
        """Learn what the quality is called."""
        self.metric = metric

    def resumed(self, epoch: int, step: int) -> None:
        """Say where a killed run goes on."""
        self._line(f"resumed   epoch {epoch + 1}, step {step}")

    def stepped(self, moment: Moment) -> None:
        """Move the bar."""
        text = (
            f"epoch {moment.epoch + 1} loss {moment.loss:.3f} right {moment.accuracy:.1%} "
            f"rate {moment.rate:.2g} {moment.images_per_second:.0f} img/s, "
            f"{_left(moment.left)} left"
        )
        self.bar.update(self.task, description=text, completed=moment.progress * PARTS)

    def epoch_over(self, row: EpochRow) -> None:
        """Print an epoch."""
        self._line(
            f"epoch {row.epoch:4d}  loss {row.loss:.4f}  right {row.train_accuracy:7.2%}  "
            f"held out {self.metric} {row.accuracy:7.2%}  {row.images_per_second:6.0f} img/s  "
            f"{row.seconds:.0f} s"
        )

    def _line(self, text: str) -> None:
        if not self.quiet:
            self.console.print(text, soft_wrap=True)


def _left(seconds: float) -> str:
    if seconds == float("inf"):
        return "?"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def remove_run(folder: Path) -> None:
    """Remove an earlier run; InputError for a folder that is something else."""
    if not folder.exists():
        return
    if not (folder / STATE).is_file():
        raise InputError(
            "not the folder of a run", place=str(folder), expected=f"one with a {STATE}"
        )
    shutil.rmtree(folder)
    click.echo(f"removed   {folder}/", err=True)
