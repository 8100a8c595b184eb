"""Android devices through the platform tool `adb`."""

from __future__ import annotations

from pathlib import Path

from mnv3gen.devices.address import Address
from mnv3gen.devices.connection import Output
from mnv3gen.devices.shell import (
    DENIED,
    FULL,
    READ_ONLY,
    SECONDS,
    ShellConnection,
    explained,
)
from mnv3gen.errors import DeviceError

PARENT = "/data/local/tmp"
FIXES = {
    "unauthorized": "unlock it, and allow this computer in the dialog that it shows",
    "offline": "plug it in again, or `adb reconnect offline`",
    "no permissions": "see the udev rules of https://developer.android.com/studio/run/device",
    "recovery": "boot it into Android",
    "bootloader": "boot it into Android",
    "sideload": "boot it into Android",
}
LOST = ("error: device", "device offline", "error: closed", "protocol fault", "no devices")
ENABLE = "plug it in, with USB debugging enabled in its developer options"


class AdbConnection(ShellConnection):
    """adb, run with lists of arguments, always for one serial number."""

    _install = "install Android's platform tools and have `adb` on PATH"

    def __init__(self, device: str, address: Address, parent: str = "") -> None:
        super().__init__(device, parent or PARENT)
        self.serial = self._chosen(address.host, self._states())

    def _states(self) -> dict[str, str]:
        """The state of each device that adb knows, by its serial number."""
        output = self._client(["adb", "devices"], SECONDS, "adb devices")
        if output.code:
            raise self._failure(output, "adb fails")
        lines = output.text.partition("List of devices attached")[2].splitlines()
        pairs = (line.split(None, 1) for line in lines if line.strip())
        return {words[0]: words[1].strip() for words in pairs if len(words) == 2}

    def _chosen(self, serial: str, states: dict[str, str]) -> str:
        if not states:
            raise DeviceError(self.device, "adb knows no device", ENABLE)
        if not serial and len(states) > 1:
            names = ", ".join(sorted(states))
            raise DeviceError(
                self.device, f"adb knows several devices: {names}", "name one: adb://SERIAL"
            )
        serial = serial or next(iter(states))
        if serial not in states:
            problem = f"adb knows no device {serial}, but {', '.join(sorted(states))}"
            raise DeviceError(self.device, problem, ENABLE)
        self._check_state(serial, states[serial])
        return serial

    def _check_state(self, serial: str, state: str) -> None:
        if state.split()[0] == "device":
            return
        fix = next((fix for part, fix in FIXES.items() if part in state), ENABLE)
        raise DeviceError(self.device, f"{serial} is {state}", fix)

    def _command(self, line: str) -> list[str]:
        return ["adb", "-s", self.serial, "shell", line]

    def _copy(self, path: Path, to: str) -> list[str]:
        return ["adb", "-s", self.serial, "push", str(path.resolve()), to]

    def _is_lost(self, output: Output) -> bool:
        told = output.errors.lower()
        return output.code != 0 and any(part.lower() in told for part in LOST)

    def _failure(self, output: Output, problem: str) -> DeviceError:
        known = (
            *((part, ENABLE, True) for part in LOST),
            ("unauthorized", FIXES["unauthorized"], False),
            *(FULL, READ_ONLY, DENIED),
        )
        return explained(output, problem, self.device, known)
