"""The emulator as a device: it says what is computed, and never how fast."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from mnv3gen.compile.bundle import machine_of
from mnv3gen.devices.connection import OnLine, Output
from mnv3gen.devices.device import Device, target_name
from mnv3gen.devices.facts import Cpu, Facts
from mnv3gen.devices.local import LocalConnection
from mnv3gen.errors import DeviceError
from mnv3gen.execute.qemu import find_qemu
from mnv3gen.targets import load


class EmulatorConnection(LocalConnection):
    """A temporary folder; programs are run by qemu-user, where that is installed.

    Libraries are run by `mnv3gen.execute`, which needs nothing installed.
    """

    times = False

    def __init__(self, device: Device) -> None:
        self.target = load(target_name(device))
        self.machine = machine_of(self.target)
        super().__init__(device.name)

    def run(
        self, arguments: Sequence[str], seconds: float, on_line: OnLine | None = None
    ) -> Output:
        """See `Connection`; DeviceError without qemu-user."""
        qemu = find_qemu(self.machine.architecture)
        if qemu is None or self.machine.qemu is None:
            name = f"qemu-{self.machine.architecture}"
            raise DeviceError(self.device, "executables are run by qemu-user", f"install {name}")
        return super().run([qemu, "-cpu", self.machine.qemu, *arguments], seconds, on_line)

    def describe(self) -> Facts:
        """The processor that is emulated."""
        model = f"{self.machine.unicorn or 'no model'}, emulated on {platform.machine()}"
        return Facts("Linux", self.machine.architecture, (Cpu(0, model),), self.machine.features)
