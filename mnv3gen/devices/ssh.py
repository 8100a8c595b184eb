"""Devices that the system's own ssh reaches, with its keys, aliases and jump hosts."""

from __future__ import annotations

from pathlib import Path

from mnv3gen.devices.address import Address
from mnv3gen.devices.connection import Output
from mnv3gen.devices.shell import DENIED, FULL, READ_ONLY, ShellConnection, explained
from mnv3gen.errors import DeviceError

PARENT = "/tmp"  # noqa: S108
FAILED = 255  # the client's own exit code
# The user's ~/.ssh/config says the rest. Nobody is asked, and no unknown host is believed.
OPTIONS = (
    *("-o", "BatchMode=yes"),
    *("-o", "StrictHostKeyChecking=yes"),
    *("-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=5"),
    *("-o", "ServerAliveCountMax=3"),
)


class SshConnection(ShellConnection):
    """ssh and scp, run with lists of arguments."""

    _install = "install OpenSSH's client, such as Debian's openssh-client"

    def __init__(self, device: str, address: Address, parent: str = "") -> None:
        super().__init__(device, parent or PARENT)
        self.address = address
        self.host = f"{address.user}@{address.host}" if address.user else address.host

    def _command(self, line: str) -> list[str]:
        port = ["-p", str(self.address.port)] if self.address.port else []
        return ["ssh", *OPTIONS, "-T", *port, "--", self.host, line]

    def _copy(self, path: Path, to: str) -> list[str]:
        port = ["-P", str(self.address.port)] if self.address.port else []
        host = f"[{self.host}]" if ":" in self.host else self.host
        return ["scp", *OPTIONS, "-q", "-p", *port, "--", str(path.resolve()), f"{host}:{to}"]

    def _is_lost(self, output: Output) -> bool:
        return output.code == FAILED

    def _failure(self, output: Output, problem: str) -> DeviceError:
        host = self.host if self.address.port is None else f"-p {self.address.port} {self.host}"
        by_hand = f"`ssh {host}` once by hand"
        known = (
            (
                "host key verification failed",
                f"{by_hand}, and compare the key that it shows",
                False,
            ),
            (
                "host identification has changed",
                "another machine answers: see ssh's message",
                False,
            ),
            ("permission denied (", f"have {by_hand} let you in without a password", False),
            ("could not resolve", "see the host's name, or its alias in ~/.ssh/config", False),
            ("connection refused", "start its ssh server, or see the port", True),
            ("connection timed out", "see whether it is on, and in this network", True),
            ("no route to host", "see whether it is on, and in this network", True),
            ("not responding", "see whether it hangs", True),
            ("closed by remote host", "it went down or refused; see its log", True),
            ("connection closed", "it went down or refused; see its log", True),
            ("connection reset", "it went down; see whether it is on again", True),
            ("broken pipe", "it went down; see whether it is on again", True),
            *(FULL, READ_ONLY, DENIED),
        )
        return explained(output, problem, self.device, known)
