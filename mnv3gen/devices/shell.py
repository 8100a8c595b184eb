"""What this machine, ssh and adb have in common: a folder, and programs run in it by a client."""

from __future__ import annotations

import contextlib
import re
import secrets
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mnv3gen.devices.connection import MOST_BYTES, OnLine, Output
from mnv3gen.devices.facts import Facts, ask_facts
from mnv3gen.devices.process import SizeLimitError, TimeLimitError, execute
from mnv3gen.errors import DeviceError, DeviceLostError

SECONDS = 20.0  # that a small request may take
COPY_SECONDS = 300.0
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def our_folder(parent: str) -> str:
    """A name that nobody else has."""
    return f"{parent.rstrip('/')}/mnv3gen-{secrets.token_hex(8)}"


def script(folder: str, arguments: Sequence[str]) -> str:
    """What a POSIX shell reads as these very words, run in a folder; for ssh's and adb's shells."""
    return f"cd {shlex.quote(folder)} && exec {shlex.join(arguments)}"


class ShellConnection:
    """A folder on a device that a client program of this machine reaches.

    Subclasses say how a command line of the device is one of this machine's (`_command`), how a
    file is copied (`_copy`), and what a failure of the client means (`_failure`).
    """

    times = True

    def __init__(self, device: str, parent: str) -> None:
        self.device = device
        self.folder = our_folder(parent)
        self._made = False

    def put(self, path: Path, name: str) -> None:
        """See `Connection`."""
        self._make_folder()
        command = self._copy(path, self._path(name))
        output = self._client(command, COPY_SECONDS, f"copying {name}")
        if output.code:
            raise self._failure(output, f"cannot copy {name} to {self.folder}")

    def run(
        self, arguments: Sequence[str], seconds: float, on_line: OnLine | None = None
    ) -> Output:
        """See `Connection`."""
        self._make_folder()
        command = self._command(script(self.folder, arguments))
        output = self._client(command, seconds, arguments[0], on_line)
        if self._is_lost(output):
            raise self._failure(output, f"lost while running {arguments[0]}")
        return output

    def get(self, name: str, path: Path, most_bytes: int = MOST_BYTES) -> None:
        """See `Connection`."""
        command = self._command(script(self.folder, ["cat", self._path(name)]))
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as file:
            output = self._client(command, COPY_SECONDS, name, None, most_bytes, file.file)
            if output.code:
                raise self._failure(output, f"cannot read {name}")
            file.flush()
            path.write_bytes(Path(file.name).read_bytes())

    def describe(self) -> Facts:
        """See `Connection`."""
        self._make_folder()

        def ask(arguments: Sequence[str]) -> str:
            output = self.run(arguments, SECONDS)
            return output.text

        return ask_facts(ask, self.folder)

    def close(self) -> None:
        """See `Connection`."""
        if self._made:
            self._made = False
            with contextlib.suppress(DeviceError):
                self._client(self._command(f"rm -rf {shlex.quote(self.folder)}"), SECONDS, "rm")

    def _make_folder(self) -> None:
        if self._made:
            return
        quoted = shlex.quote(self.folder)
        output = self._client(self._command(f"mkdir -m 700 {quoted}"), SECONDS, "mkdir")
        if output.code:
            raise self._failure(output, f"cannot make {self.folder}")
        self._made = True

    def _path(self, name: str) -> str:
        assert FILE.fullmatch(name), name
        return f"{self.folder}/{name}"

    def _client(
        self,
        command: Sequence[str],
        seconds: float,
        what: str,
        on_line: OnLine | None = None,
        most_bytes: int = MOST_BYTES,
        keep: object = None,
    ) -> Output:
        with self._explained(what, seconds, most_bytes):
            return execute(command, seconds, None, on_line, most_bytes, keep)  # type: ignore[arg-type]
        raise AssertionError

    @contextlib.contextmanager
    def _explained(self, what: str, seconds: float, most_bytes: int) -> Iterator[None]:
        try:
            yield
        except TimeLimitError:
            problem = f"no end of {what} within {seconds:g} s"
            raise DeviceLostError(self.device, problem, "see whether it hangs or sleeps") from None
        except SizeLimitError:
            problem = f"{what} gave more than {most_bytes} bytes, which cannot be right"
            raise DeviceError(self.device, problem) from None
        except FileNotFoundError as error:
            raise DeviceError(self.device, f"there is no {error.filename}", self._install) from None

    _install = "install it and have it on PATH"

    def _command(self, line: str) -> list[str]:
        raise NotImplementedError

    def _copy(self, path: Path, to: str) -> list[str]:
        raise NotImplementedError

    def _is_lost(self, output: Output) -> bool:
        raise NotImplementedError

    def _failure(self, output: Output, problem: str) -> DeviceError:
        raise NotImplementedError


def explained(
    output: Output, problem: str, device: str, known: Sequence[tuple[str, str, bool]]
) -> DeviceError:
    """The error that a client's message means.

    `known` has a part of a message, what to do about it, and whether the device has gone.
    """
    told = " ".join((output.errors or output.text).split())[-300:]
    text = f"{problem}: {told or f'exit code {output.code}'}"
    for part, fix, lost in known:
        if part.lower() in told.lower():
            kind: Callable[..., DeviceError] = DeviceLostError if lost else DeviceError
            return kind(device, text, fix)
    return DeviceError(device, text)


FULL = ("no space left", "free some space on it, or name another `folder` in its entry", False)
READ_ONLY = ("read-only file system", "name another `folder` in its entry", False)
DENIED = ("permission denied", "name a `folder` in its entry that may be written to", False)
