"""What NetAdapt shows while it runs: a line for every step, and on a terminal what goes on."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from mnv3gen.cli.damage import skipped_lines
from mnv3gen.cli.live import Live
from mnv3gen.cli.training import Printer
from mnv3gen.search.netadapt.watch import Watcher

if TYPE_CHECKING:
    from pathlib import Path

    from mnv3gen.search.netadapt.journal import Step, Verified


class NetAdaptPrinter(Live, Watcher):
    """Prints steps to stderr; `batches` is how many a proposal is fine-tuned by."""

    def __init__(self, quiet: bool, batches: int) -> None:
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn())
        super().__init__(quiet, *columns)
        self.batches = batches
        self.task = self.bar.add_task("starting", total=None)
        self.printer: Printer | None = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_training()
        super().__exit__(kind, error, trace)

    def busy(self, text: str) -> None:
        """Show what is being done."""
        self._end_training()
        self.bar.start()
        self.bar.update(self.task, description=text, completed=0, total=None)

    def skipped(self, path: Path, lines: list[int]) -> None:
        """Name damaged lines."""
        self.warn(skipped_lines(path, lines))

    def resumed(self, step: Step) -> None:
        """Say where a killed run goes on."""
        self.line(f"resumed   after step {step.number}")

    def within(self, step: Step, target_ms: float) -> None:
        """Warn of a target that asks for nothing."""
        self.warn(
            f"--target-ms {target_ms:g}: the network takes "
            f"{step.measured_ms:.4g} ms already; nothing is shrunk, and it is trained as it is"
        )

    def proposed(self, step: int, number: int, total: int) -> None:
        """Show which proposal is judged."""
        text = f"step {step}: proposal {number} of {total}"
        self.bar.update(self.task, description=text, completed=0, total=self.batches)

    def fine_tuned(self) -> None:
        """Move the bar."""
        self.bar.advance(self.task)

    def verified(self, step: int, verified: Verified) -> None:
        """Say what was measured and not accepted."""
        if not verified.accepted:
            self.line(
                f"          {verified.site}: not accepted, {verified.reduction:.2%} of the seed's "
                "latency as measured"
            )

    def stepped(self, step: Step) -> None:
        """Print a step."""
        what = "seed"
        if step.verified:
            last = step.verified[-1]
            (proposal,) = [it for it in step.proposals if it.table == step.table][-1:]
            what = (
                f"{step.chosen} to {proposal.after}, {last.reduction:.2%} ± "
                f"{1.96 * last.error * step.share:.2%} of the seed less, {step.seconds:.0f} s"
            )
        self.line(f"step {step.number:4d} {step.measured_ms:9.4g} ms  {step.accuracy:7.2%}  {what}")

    def training(self, what: str) -> Printer:
        """Epochs are shown as `mnv3gen train` shows them."""
        self.busy(f"train {what}")
        self.line(f"train     {what}")
        self.bar.stop()  # there is one live display at a time
        self.printer = Printer(self.quiet)
        return self.printer.__enter__()

    def _end_training(self) -> None:
        if self.printer is not None:
            self.printer.__exit__(None, None, None)
            self.printer = None
