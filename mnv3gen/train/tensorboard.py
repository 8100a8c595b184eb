"""Curves for TensorBoard, where it is installed."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from mnv3gen.train.state import EpochRow

EVERY = 20  # steps between two points


class Board:
    """Writes scalars to the run's folder; does nothing without the package tensorboard."""

    def __init__(self, folder: Path, wanted: bool) -> None:
        self.writer: Any = None
        if wanted:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return
            self.writer = SummaryWriter(str(folder / "tensorboard"))

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.writer is not None:
            self.writer.close()

    def step(self, step: int, loss: float, rate: float) -> None:
        """Note a step."""
        if self.writer is not None and step % EVERY == 0:
            self.writer.add_scalar("training/loss", loss, step)
            self.writer.add_scalar("training/rate", rate, step)

    def epoch(self, row: EpochRow) -> None:
        """Note an epoch."""
        if self.writer is not None:
            self.writer.add_scalar("held out/accuracy", row.accuracy, row.epoch)
            self.writer.add_scalar("held out/loss", row.held_out_loss, row.epoch)
