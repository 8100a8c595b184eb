"""What a search shows while it runs: a bar on a terminal, and a line for every trial."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mnv3gen.cli.damage import skipped_lines
from mnv3gen.cli.live import Live
from mnv3gen.search.accuracy import Accuracy
from mnv3gen.search.session import Watcher
from mnv3gen.search.trials import Trial


class Printer(Live, Watcher):
    """Prints trials to stderr as they end; on a terminal also a bar."""

    def __init__(self, quiet: bool, trials: int) -> None:
        super().__init__(quiet)
        self.trials, self.best = trials, 0.0
        self.task: Any = None

    def began(self, lines: dict[str, str], known: Sequence[Trial]) -> None:
        """Every resolved argument, before the trials."""
        for name, text in lines.items():
            self.line(f"{name:10s}{text}")
        self.best = max((trial.reward or 0.0 for trial in known), default=0.0)
        self.task = self.bar.add_task("trials", total=self.trials, completed=len(known))

    def skipped(self, path: Path, lines: list[int]) -> None:
        """Name damaged lines."""
        self.warn(skipped_lines(path, lines))

    def epoch_over(self, epoch: int, epochs: int, loss: float, seconds: float) -> None:
        """An epoch of the supernet."""
        self.line(f"supernet  epoch {epoch} of {epochs}, loss {loss:.4f}, {seconds:.0f} s")

    def trial_over(self, trial: Trial) -> None:
        """A trial, and the best reward so far."""
        self.bar.advance(self.task)
        self.best = max(self.best, trial.reward or 0.0)
        if trial.accuracy is None or trial.latency is None:
            self.line(f"trial {trial.number:4d}  {trial.state}: {trial.reason.splitlines()[0]}")
            return
        end = f"  {trial.reason}" if trial.reason else ""
        self.line(
            f"trial {trial.number:4d}  accuracy {trial.accuracy.value:.2%}  "
            f"{trial.latency.ms:.4f} ms  reward {trial.reward:.4f}  best {self.best:.4f}{end}"
        )

    def finalists_chosen(self, count: int) -> None:
        """Finalists that will be trained alone."""
        self.line(f"finalists {count} are trained alone")
        self.task = self.bar.add_task("finalists", total=count)

    def finalist_trained(self, trial: Trial, accuracy: Accuracy | str) -> None:
        """A finalist's own training."""
        self.bar.advance(self.task)
        if isinstance(accuracy, str):
            self.line(f"finalist  trial {trial.number}  failed: {accuracy.splitlines()[0]}")
            return
        assert trial.accuracy is not None
        self.line(
            f"finalist  trial {trial.number}  trained alone {accuracy.value:.2%} "
            f"({trial.accuracy.value:.2%} in the search), {accuracy.seconds:.0f} s"
        )
