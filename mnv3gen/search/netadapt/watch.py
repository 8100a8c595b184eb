"""What a NetAdapt run tells those who watch it; the default is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from mnv3gen.search.netadapt.journal import Step, Verified
    from mnv3gen.train.session import Watcher as TrainWatcher


class Watcher:
    """Told of everything that takes long."""

    def busy(self, text: str) -> None:
        """What is being done from now on."""

    def skipped(self, path: Path, lines: list[int]) -> None:
        """Lines of a file of the run that are none, and count for nothing."""

    def resumed(self, step: Step) -> None:
        """A run goes on after a step."""

    def within(self, step: Step, target_ms: float) -> None:
        """The seed is as fast as the target already, so that nothing is shrunk."""

    def proposed(self, step: int, number: int, total: int) -> None:
        """A step's proposal, of so many, is going to be judged."""

    def fine_tuned(self) -> None:
        """A batch of fine-tuning is over."""

    def verified(self, step: int, verified: Verified) -> None:
        """A proposal was measured."""

    def stepped(self, step: Step) -> None:
        """A step was taken."""

    def training(self, what: str) -> TrainWatcher | None:
        """Somebody who watches the training of the seed or of the final network."""
        return None
