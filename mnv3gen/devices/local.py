"""The machine that we run on, as a device."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mnv3gen.devices.connection import MOST_BYTES, OnLine, Output
from mnv3gen.devices.facts import Facts, ask_facts
from mnv3gen.devices.process import SizeLimitError, TimeLimitError, execute
from mnv3gen.devices.shell import FILE, SECONDS
from mnv3gen.errors import DeviceError, DeviceLostError


class LocalConnection:
    """A temporary folder, and programs run in it without a shell."""

    times = True

    def __init__(self, device: str, parent: str = "") -> None:
        self.device = device
        self.folder = Path(tempfile.mkdtemp(prefix="mnv3gen-", dir=parent or None))

    def put(self, path: Path, name: str) -> None:
        """See `Connection`."""
        try:
            shutil.copy(path, self._path(name))
        except OSError as error:
            problem = f"cannot copy {name} to {self.folder}: {error.strerror}"
            raise DeviceError(self.device, problem) from error

    def run(
        self, arguments: Sequence[str], seconds: float, on_line: OnLine | None = None
    ) -> Output:
        """See `Connection`."""
        program = arguments[0]
        try:
            return execute(arguments, seconds, self.folder, on_line)
        except TimeLimitError:
            raise DeviceLostError(
                self.device, f"no end of {program} within {seconds:g} s"
            ) from None
        except SizeLimitError:
            problem = f"{program} gave more than {MOST_BYTES} bytes, which cannot be right"
            raise DeviceError(self.device, problem) from None
        except OSError as error:
            raise DeviceError(self.device, f"cannot run {program}: {error.strerror}") from error

    def get(self, name: str, path: Path, most_bytes: int = MOST_BYTES) -> None:
        """See `Connection`."""
        try:
            with self._path(name).open("rb") as file:
                content = file.read(most_bytes + 1)
        except OSError as error:
            raise DeviceError(self.device, f"cannot read {name}: {error.strerror}") from error
        if len(content) > most_bytes:
            raise DeviceError(self.device, f"{name} has more than {most_bytes} bytes")
        path.write_bytes(content)

    def describe(self) -> Facts:
        """See `Connection`."""
        return ask_facts(lambda words: self.run(words, SECONDS).text, str(self.folder))

    def close(self) -> None:
        """See `Connection`."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        assert FILE.fullmatch(name), name
        return self.folder / name
