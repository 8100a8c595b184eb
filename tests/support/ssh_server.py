"""An sshd of our own on loopback, with keys of its own, and clients that know only these."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd") or next((it for it in ("/usr/sbin/sshd",) if Path(it).exists()), None)

# Those of the system: the ones that `write_clients` makes call them, and stand before them on PATH.
TOOLS = {tool: shutil.which(tool) for tool in ("ssh", "scp", "ssh-keygen")}


@dataclass
class SshServer:
    """`folder` has keys and configuration; `board` is the alias by which the clients know it."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End it and its sessions."""
        self.process.kill()
        self.process.wait()


def lacks() -> str | None:
    """Why no server can be started here, or None."""
    if SSHD is None:
        return "no sshd: install openssh-server"
    for tool, path in TOOLS.items():
        if path is None:
            return f"no {tool}: install openssh-client"
    return None


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[SshServer]:
    """A server; programs `ssh` and `scp` that use its configuration lie in `folder`/bin."""
    assert SSHD is not None
    for key in ("host_key", "user_key", "other_key"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(words, check=True)
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    port = _free_port()
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
        "Subsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    write_clients(folder, port)
    with (folder / "log").open("wb") as log:
        command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    server = SshServer(folder, port, process)
    try:
        _wait(server)
        yield server
    finally:
        server.stop()


def write_clients(folder: Path, port: int, known: str = "host_key") -> None:
    """The clients' configuration: `board`, and `far`, which is reached through it."""
    key = (folder / f"{known}.pub").read_text().split()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key[0]} {key[1]}\n")
    common = (
        f"  HostName 127.0.0.1\n  Port {port}\n  User {getpass.getuser()}\n"
        f"  IdentityFile {folder}/user_key\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {folder}/known_hosts\n  GlobalKnownHostsFile /dev/null\n"
        # What a careless user may have: it must not matter.
        "  StrictHostKeyChecking no\n"
    )
    jump = f"  ProxyCommand {TOOLS['ssh']} -F {folder}/config -W %h:%p board\n"
    (folder / "config").write_text(f"Host board\n{common}Host far\n{common}{jump}")
    (folder / "bin").mkdir(exist_ok=True)
    for tool in ("ssh", "scp"):
        program = folder / "bin" / tool
        program.write_text(f'#!/bin/sh\nexec {TOOLS[tool]} -F {folder}/config "$@"\n')
        program.chmod(0o755)


def _wait(server: SshServer) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", server.port), 1).close()
            return
        assert server.process.poll() is None, (server.folder / "log").read_text()
        time.sleep(0.05)
    raise AssertionError("sshd does not answer")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
