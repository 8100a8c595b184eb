"""A tracker and a server of TVM's RPC on loopback."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.command import Finished
from support.compiled import Compiled

from mnv3gen.devices.connection import Connection
from mnv3gen.devices.device import find_device
from mnv3gen.devices.opening import open_device, opened
from mnv3gen.errors import DeviceError, DeviceLostError, InputError

pytest.importorskip("tornado", reason="TVM's tracker needs tornado")
pytestmark = pytest.mark.compile
REGISTERED_SECONDS = 120  # at the most; the machine may be busy


@pytest.fixture(scope="module")
def tracker() -> Iterator[str]:
    """The address of a tracker with one device, called `board`."""
    from tvm.rpc.server import Server

    from mnv3gen.devices.tracker import serving_tracker

    with serving_tracker("127.0.0.1", free_port()) as port:
        place = ("127.0.0.1", port)
        first = free_port()
        server = Server(
            "127.0.0.1",
            port=first,
            port_end=first + 1,
            key="board",
            tracker_addr=place,
            silent=True,
        )
        wait_for("board", place)
        yield f"127.0.0.1:{port}"
        server.terminate()


def wait_for(key: str, place: tuple[str, int]) -> None:
    """Return when a device has told the tracker of itself, which it does on its own time."""
    from tvm import rpc

    end = time.monotonic() + REGISTERED_SECONDS
    while key not in rpc.connect_tracker(*place).text_summary():
        assert time.monotonic() < end, f"{key} does not register"
        time.sleep(0.2)


@pytest.fixture
def connection(tracker: str) -> Iterator[Connection]:
    """A session with the device, which is lent to nobody else meanwhile."""
    with opened(find_device(f"rpc://{tracker}/board", "host")) as made:
        yield made


def test_files_go_there_and_back(connection: Connection, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text('#!/bin/sh\necho "$1" "$2"; echo oops >&2; exit 3\n')
    connection.put(script, "script")
    lines: list[str] = []
    output = connection.run(
        ["./script", "a b; $(c)", "a-long-word-of-many-letters"], 20, lines.append
    )
    assert (output.code, output.errors) == (3, "oops\n")
    assert lines == ["a b; $(c) a-long-word-of-many-letters"]
    connection.get("script", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == script.read_bytes()
    with pytest.raises(DeviceError, match="script has more than 10 bytes"):
        connection.get("script", tmp_path / "back2", 10)


def test_a_program_that_is_ended(connection: Connection, tmp_path: Path) -> None:
    script = tmp_path / "killed"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    connection.put(script, "killed")
    assert connection.run(["./killed"], 20).code == -9
    with pytest.raises(DeviceLostError, match="no end of sleep within 1 s"):
        connection.run(["sleep", "600"], 1)
    assert connection.run(["true"], 20).code == 0


def test_it_describes_itself(connection: Connection) -> None:
    facts = connection.describe()
    assert facts.architecture == os.uname().machine
    assert facts.cpus and facts.free_kib


def test_a_device_that_the_tracker_does_not_know(tracker: str) -> None:
    with pytest.raises(DeviceError, match="knows no device pi: it has board\n  fix: on the board"):
        open_device(find_device(f"rpc://{tracker}/pi", "host"))


def test_no_tracker() -> None:
    with pytest.raises(DeviceLostError, match=r"no tracker answers at .*\n  fix: start it"):
        open_device(find_device(f"rpc://127.0.0.1:{free_port()}/pi", "host"))


def test_it_needs_a_target(tracker: str) -> None:
    with pytest.raises(InputError, match="what is to be compiled for this device"):
        open_device(find_device(f"rpc://{tracker}/board"))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_bundle_is_timed_there(
    tracker: str,
    tiny_bundle: Compiled,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[..., Finished],
) -> None:
    monkeypatch.setenv("MNV3GEN_RECORDS", str(tmp_path))
    words = ("--device", f"rpc://{tracker}/board", "--target", "host", "--seconds", 0.02)
    (row,) = command("bench", tiny_bundle.bundle.folder, *words, "--json").json
    assert 0 < row["min_ms"] <= row["median_ms"]
