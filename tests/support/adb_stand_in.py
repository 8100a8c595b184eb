"""A program that behaves like Android's `adb`, with a folder of this machine as the device."""

from __future__ import annotations

from pathlib import Path

SCRIPT = r"""#!/bin/sh
# State: devices lists what `devices` prints; failure is what every other request ends with.
here="$(dirname "$0")"
echo "$*" >> "$here/log"
case "$1" in
devices)
  printf 'List of devices attached\n'
  cat "$here/devices"
  printf '\n'
  exit 0 ;;
-s) shift; serial="$1"; shift ;;
esac
if [ -s "$here/failure" ]; then cat "$here/failure" >&2; exit 1; fi
case "$1" in
push) exec cp "$2" "$here/device/$(basename "$3")" ;;
shell) PATH="$PATH" exec sh -c "$2" ;;
esac
echo "adb: unknown command $1" >&2
exit 1
"""


class AdbStandIn:
    """`bin` belongs in front of PATH; files of the device's folder lie in `bin`/device."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "device").mkdir(exist_ok=True)
        program = folder / "adb"
        program.write_text(SCRIPT)
        program.chmod(0o755)
        self.show("SERIAL1\tdevice")
        self.fail("")

    def show(self, *lines: str) -> None:
        """What `adb devices` knows."""
        (self.bin / "devices").write_text("".join(f"{line}\n" for line in lines))

    def fail(self, message: str) -> None:
        """What every request but `devices` ends with from now on."""
        (self.bin / "failure").write_text(message)

    @property
    def requests(self) -> list[str]:
        """What was asked of it."""
        return (self.bin / "log").read_text().splitlines()
