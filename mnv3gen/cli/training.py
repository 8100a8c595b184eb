"""What training shows while it runs: a bar on a terminal, and a line for every epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mnv3gen.cli.live import Live
from mnv3gen.train.session import Moment, Watcher
from mnv3gen.train.state import EpochRow

if TYPE_CHECKING:
    from typing_extensions import Self

PARTS = 1000  # of the bar


class Printer(Live, Watcher):
    """Prints epochs to stderr; on a terminal also a bar with loss, accuracy, rate and speed."""

    def __init__(self, quiet: bool) -> None:
        from rich.progress import BarColumn, TextColumn

        super().__init__(quiet, TextColumn("{task.description}"), BarColumn(20))
        self.task: Any = None
        self.metric = "top-1"

    def __enter__(self) -> Self:
        super().__enter__()
        self.task = self.bar.add_task("starting", total=PARTS)
        return self

    def began(self, metric: str) -> None:
        """Learn what the quality is called."""
        self.metric = metric

    def resumed(self, epoch: int, step: int) -> None:
        """Say where a killed run goes on."""
        self.line(f"resumed   epoch {epoch + 1}, step {step}")

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
        self.line(
            f"epoch {row.epoch:4d}  loss {row.loss:.4f}  right {row.train_accuracy:7.2%}  "
            f"held out {self.metric} {row.accuracy:7.2%}  {row.images_per_second:6.0f} img/s  "
            f"{row.seconds:.0f} s"
        )


def _left(seconds: float) -> str:
    if seconds == float("inf"):
        return "?"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
