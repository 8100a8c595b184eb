"""`Connection`: the few things that every device does, however it is reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mnv3gen.devices.facts import Facts

MOST_BYTES = 1 << 20  # of what a program prints, and of a file that is fetched

OnLine = Callable[[str], None]


@dataclass(frozen=True)
class Output:
    """What a program printed, and how it ended: its exit code, or minus the signal's number."""

    code: int
    text: str
    errors: str = ""


class Connection(Protocol):
    """A folder of our own on a device, and programs that are run in it.

    Names are those of files in this folder. Every method raises `DeviceError` with the device's
    name and a way out, `DeviceLostError` where the device has gone or does not answer in time.
    """

    device: str
    times: bool
    """Whether time passes there as on a device; an emulator's means nothing."""

    def put(self, path: Path, name: str) -> None:
        """Copy a file into the folder, executable if it is that here."""

    def run(
        self, arguments: Sequence[str], seconds: float, on_line: OnLine | None = None
    ) -> Output:
        """Run a program, the folder's `./name` or one of the system's, for so long at most.

        `on_line` is given each line that it prints, as soon as the connection has it.
        """

    def get(self, name: str, path: Path, most_bytes: int = MOST_BYTES) -> None:
        """Copy a file of the folder to a path here."""

    def describe(self) -> Facts:
        """What the device tells of itself."""

    def close(self) -> None:
        """Remove the folder and let the device go."""
