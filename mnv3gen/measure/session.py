"""`Session`: a device that is opened again if it goes, with the files that it had."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mnv3gen.devices.connection import Connection, OnLine, Output
from mnv3gen.devices.device import Device
from mnv3gen.devices.opening import open_device
from mnv3gen.errors import DeviceLostError

T = TypeVar("T")
TRIES = 3  # in all
PAUSE = 5.0  # seconds before a device that was lost is tried again: it may be booting


@dataclass
class Session:
    """Runs programs on a device; one that is lost meanwhile is connected to anew."""

    device: Device
    open: Callable[[Device], Connection] = open_device
    pause: float = PAUSE
    files: dict[str, Path] = field(default_factory=dict)
    _connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The connection, opened if there is none, with all files on it."""
        if self._connection is None:
            self._connection = self.open(self.device)
            for name, path in self.files.items():
                self._connection.put(path, name)
        return self._connection

    def put(self, path: Path, name: str) -> None:
        """Have a file on the device from now on."""
        self.retried(lambda: self.connection.put(path, name))
        self.files[name] = path

    def run(
        self, arguments: Sequence[str], seconds: float, on_line: OnLine | None = None
    ) -> Output:
        """Run a program once; DeviceLostError leaves the next call to connect again."""
        try:
            return self.connection.run(arguments, seconds, on_line)
        except DeviceLostError:
            self.drop()
            raise

    def retried(self, action: Callable[[], T]) -> T:
        """What an action gives; one that loses the device is tried again."""
        for left in reversed(range(TRIES)):
            try:
                return action()
            except DeviceLostError:
                self.drop()
                if not left:
                    raise
                time.sleep(self.pause)
        raise AssertionError

    def drop(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def close(self) -> None:
        """The same, in the end."""
        self.drop()
