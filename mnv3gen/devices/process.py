"""Programs of this machine with a time limit and a limit of what they may print."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from mnv3gen.devices.connection import MOST_BYTES, OnLine, Output

BLOCK = 1 << 16


class TimeLimitError(Exception):
    """The program did not end in time, and was killed."""


class SizeLimitError(Exception):
    """The program printed more than it may, and was killed."""


@dataclass
class _Reader:
    """Reads a pipe to its end, or to a limit, in a thread of its own."""

    pipe: IO[bytes]
    most: int
    on_line: OnLine | None = None
    content: bytearray = field(default_factory=bytearray)
    full: bool = False
    failure: Exception | None = None

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        told = 0
        while block := os.read(self.pipe.fileno(), BLOCK):
            if len(self.content) + len(block) > self.most:
                self.full = True
                return
            self.content += block
            end = self.content.rfind(b"\n") + 1
            if self.on_line is not None and end > told and self.failure is None:
                told = self._tell(told, end)

    def _tell(self, told: int, end: int) -> int:
        assert self.on_line is not None
        try:
            for line in self.content[told:end].decode("utf-8", "replace").splitlines():
                self.on_line(line)
        except Exception as error:
            self.failure = error
        return end

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


def execute(
    arguments: Sequence[str],
    seconds: float,
    folder: Path | None = None,
    on_line: OnLine | None = None,
    most_bytes: int = MOST_BYTES,
    keep: IO[bytes] | None = None,
) -> Output:
    """Run a program, without a shell, in a process group that ends with it.

    `keep` is a file that gets the raw output instead of `Output.text`. TimeLimitError after so many
    seconds, SizeLimitError if it prints more than `most_bytes`; FileNotFoundError if there is none.
    """
    process = subprocess.Popen(
        list(arguments),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        output = _Reader(process.stdout, most_bytes, on_line)
        errors = _Reader(process.stderr, most_bytes)
        _wait(process, (output, errors), seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()
    if output.failure is not None:
        raise output.failure
    if keep is not None:
        keep.write(output.content)
    return Output(process.returncode, "" if keep else output.text, errors.text)


def _wait(process: subprocess.Popen[bytes], readers: tuple[_Reader, ...], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for reader in readers:
        while reader.thread.is_alive():
            reader.thread.join(min(0.05, max(deadline - time.monotonic(), 0.001)))
            if any(each.full for each in readers):
                raise SizeLimitError
            if readers[0].failure is not None:
                return
            if time.monotonic() > deadline:
                raise TimeLimitError
    if any(each.full for each in readers):
        raise SizeLimitError
    try:
        process.wait(max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        raise TimeLimitError from None
