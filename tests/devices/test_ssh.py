"""ssh and scp against an sshd on loopback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import ssh_server
from support.command import Finished
from support.compiled import TINY
from support.ssh_server import SshServer

from mnv3gen.devices.connection import Connection
from mnv3gen.devices.device import find_device
from mnv3gen.devices.opening import opened
from mnv3gen.devices.shell import ShellConnection
from mnv3gen.errors import DeviceError, DeviceLostError

Command = Callable[..., Finished]
pytestmark = pytest.mark.skipif(ssh_server.lacks() is not None, reason=str(ssh_server.lacks()))


@pytest.fixture
def server(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SshServer]:
    """A server, and on PATH the clients that know it."""
    folder = tmp_path_factory.mktemp("sshd")
    with ssh_server.serving(folder) as started:
        monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
        yield started


def connected(alias: str = "board") -> Connection:
    """A connection by an alias of the clients' configuration."""
    from mnv3gen.devices.opening import open_device

    return open_device(find_device(f"ssh://{alias}", "host"))


@pytest.mark.parametrize("alias", ["board", "far"])
def test_files_go_there_and_back(server: SshServer, tmp_path: Path, alias: str) -> None:
    script = tmp_path / "script"
    script.write_text('#!/bin/sh\nprintf \'%s\' "$1" > result\necho "$PWD"\nexit 4\n')
    script.chmod(0o755)
    word = "a b; $(touch x) 'c' \"d\" \\ ü"
    with opened(find_device(f"ssh://{alias}", "host")) as connection:
        assert isinstance(connection, ShellConnection)
        connection.put(script, "script")
        output = connection.run(["./script", word], 30)
        assert (output.code, output.text) == (4, f"{connection.folder}\n")
        connection.get("result", tmp_path / "result")
        folder = Path(connection.folder)  # on this very machine
        assert folder.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "result").read_text() == word
    assert not folder.exists()


def test_it_describes_itself(server: SshServer) -> None:
    with opened(find_device("ssh://board", "host")) as connection:
        facts = connection.describe()
    assert facts.system == os.uname().sysname
    assert facts.architecture == os.uname().machine
    assert len(facts.cpus) == os.cpu_count()


def test_a_changed_host_key_is_refused_whatever_the_user_configured(
    server: SshServer, tmp_path: Path
) -> None:
    ssh_server.write_clients(server.folder, server.port, known="other_key")
    with pytest.raises(DeviceError, match=r"(?i)host key verification failed") as error:
        connected().run(["true"], 20)
    assert "fix:" in str(error.value)


def test_an_unknown_host_is_refused(server: SshServer) -> None:
    (server.folder / "known_hosts").write_text("")
    with pytest.raises(DeviceError, match=r"(?i)host key verification failed"):
        connected().run(["true"], 20)


def test_a_key_that_is_not_let_in(server: SshServer) -> None:
    (server.folder / "authorized_keys").write_text("")
    with pytest.raises(DeviceError, match=r"(?is)permission denied.*without a password"):
        connected().run(["true"], 20)


def test_a_program_that_hangs(server: SshServer) -> None:
    with opened(find_device("ssh://board", "host")) as connection:
        connection.run(["true"], 20)
        with pytest.raises(DeviceLostError, match="no end of sleep within 1 s"):
            connection.run(["sleep", "600"], 1)


def test_what_comes_back_has_a_limit(server: SshServer, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(100_000))
    with opened(find_device("ssh://board", "host")) as connection:
        connection.put(tmp_path / "large", "large")
        with pytest.raises(DeviceError, match="gave more than 1000 bytes"):
            connection.get("large", tmp_path / "back", 1000)
        with pytest.raises(DeviceError, match="cannot read nothing"):
            connection.get("nothing", tmp_path / "back")
        with pytest.raises(DeviceError, match="yes gave more than"):
            connection.run(["yes"], 60)
    assert not (tmp_path / "back").exists()


def test_a_folder_that_cannot_be_made(server: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    import msgspec

    device = msgspec.structs.replace(find_device("ssh://board", "host"), folder="/proc")
    with opened(device) as connection, pytest.raises(DeviceError, match="cannot make /proc/mnv3"):
        connection.run(["true"], 20)


def test_a_server_that_goes_down(server: SshServer) -> None:
    with opened(find_device("ssh://board", "host")) as connection:
        assert connection.run(["true"], 20).code == 0
        server.stop()
        with pytest.raises(DeviceLostError, match=r"(?i)connection refused"):
            connection.run(["true"], 20)


@pytest.mark.compile
def test_a_table_is_measured_there(
    server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.setenv("MNV3GEN_RECORDS", str(tmp_path / "records"))
    table = tmp_path / "tiny.bneck"
    table.write_text(TINY)
    words = ("--device", "ssh://board", "--target", "host", "--json")
    summary = command("latency-table", table, "--runs", 3, *words).json
    assert summary["measured"] == summary["kernels"] > 5
    (row,) = command("bench", table, "--seconds", 0.02, *words).json
    prediction = command("predict", table, *words).json
    assert prediction["measured"] == prediction["calls"]
    assert row["median_ms"] > 0 and prediction["ms"] > 0
