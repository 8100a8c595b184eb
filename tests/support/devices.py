"""A device that answers as a test scripts it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mnv3gen.devices.address import Address
from mnv3gen.devices.connection import MOST_BYTES, OnLine, Output
from mnv3gen.devices.device import Device
from mnv3gen.devices.facts import Facts

DEVICE = Device(name="fake", address=Address("local"), target="host")
Script = Callable[[Sequence[str]], Output]


@dataclass
class FakeConnection:
    """Answers each run by `script`; `opened` counts connections, `put_names` what was copied."""

    script: Script
    device: str = "fake"
    times: bool = True
    opened: int = 0
    closed: int = 0
    put_names: list[str] = field(default_factory=list)
    runs: list[list[str]] = field(default_factory=list)

    def open(self, device: Device) -> FakeConnection:
        """Stand for `open_device`."""
        self.opened += 1
        return self

    def put(self, path: Path, name: str) -> None:
        """See `Connection`."""
        self.put_names.append(name)

    def run(
        self, arguments: Sequence[str], seconds: float, on_line: OnLine | None = None
    ) -> Output:
        """See `Connection`."""
        self.runs.append(list(arguments))
        output = self.script(arguments)
        for line in output.text.splitlines() if on_line else []:
            assert on_line is not None
            on_line(line)
        return output

    def get(self, name: str, path: Path, most_bytes: int = MOST_BYTES) -> None:
        """See `Connection`."""
        raise NotImplementedError

    def describe(self) -> Facts:
        """See `Connection`."""
        return Facts("Linux", "x86_64")

    def close(self) -> None:
        """See `Connection`."""
        self.closed += 1


def option(arguments: Sequence[str], name: str) -> str:
    """The word after an option."""
    return arguments[list(arguments).index(name) + 1]
