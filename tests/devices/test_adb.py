"""adb, by a stand-in for the platform tool: there is no Android device to test with."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from support.adb_stand_in import AdbStandIn

from mnv3gen.devices.connection import Connection
from mnv3gen.devices.device import find_device
from mnv3gen.devices.opening import open_device, opened
from mnv3gen.errors import DeviceError, DeviceLostError


@pytest.fixture
def adb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AdbStandIn:
    """The stand-in, in front of PATH."""
    made = AdbStandIn(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{made.bin}{os.pathsep}{os.environ['PATH']}")
    return made


def connect(adb: AdbStandIn, serial: str = "") -> Connection:
    """A connection whose folder is one of this machine's."""
    device = find_device(f"adb://{serial}", "pixel1-android")
    return open_device(msgspec.structs.replace(device, folder=str(adb.bin / "device")))


def test_it_makes_a_folder_runs_and_cleans_up(adb: AdbStandIn) -> None:
    connection = connect(adb)
    output = connection.run(["printf", "%s|", "a b", "$(touch x)", "c'd"], 20)
    assert output.text == "a b|$(touch x)|c'd|"
    (folder,) = (path for path in (adb.bin / "device").iterdir())
    assert folder.name.startswith("mnv3gen-")
    connection.close()
    assert list((adb.bin / "device").iterdir()) == []
    assert all(line.startswith(("devices", "-s SERIAL1 ")) for line in adb.requests)


def test_it_pushes(adb: AdbStandIn, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    with opened(find_device("adb://SERIAL1", "pixel1-android")) as connection:
        adb.fail("")
        connection._made = True  # type: ignore[attr-defined]
        connection.put(tmp_path / "file", "file")
    assert (adb.bin / "device" / "file").read_text() == "content"
    (push,) = (line for line in adb.requests if " push " in line)
    assert push.split()[-1].startswith("/data/local/tmp/mnv3gen-")


def test_no_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match="there is no adb\n  fix: install Android's platform"):
        open_device(find_device("adb://", "pixel1-android"))


@pytest.mark.parametrize(
    ("lines", "serial", "message"),
    [
        ([], "", "adb knows no device\n  fix: plug it in"),
        (["A\tunauthorized"], "", "A is unauthorized\n  fix: unlock it, and allow"),
        (["A\toffline"], "A", "A is offline\n  fix: plug it in again"),
        (
            ["A\tno permissions (user in plugdev group)"],
            "",
            "no permissions.*\n  fix: see the udev",
        ),
        (["A\trecovery"], "", "A is recovery\n  fix: boot it into Android"),
        (["A\tdevice", "B\tdevice"], "", "several devices: A, B\n  fix: name one"),
        (["A\tdevice"], "B", "no device B, but A"),
    ],
)
def test_a_device_that_is_not_ready(
    adb: AdbStandIn, lines: list[str], serial: str, message: str
) -> None:
    adb.show(*lines)
    with pytest.raises(DeviceError, match=message):
        connect(adb, serial)


@pytest.mark.parametrize(
    ("told", "lost", "message"),
    [
        ("error: device 'SERIAL1' not found\n", True, "not found\n  fix: plug it in"),
        ("error: device offline\n", True, "device offline"),
        ("error: closed\n", True, "closed"),
        ("adb: error: failed to copy: No space left on device\n", False, "free some space"),
        ("/system/bin/sh: permission denied\n", False, "may be written to"),
    ],
)
def test_a_device_that_fails_in_between(
    adb: AdbStandIn, tmp_path: Path, told: str, lost: bool, message: str
) -> None:
    connection = connect(adb)
    connection.run(["true"], 20)
    adb.fail(told)
    (tmp_path / "file").write_text("content")
    with pytest.raises(DeviceError, match=message) as error:
        connection.put(tmp_path / "file", "file")
    assert isinstance(error.value, DeviceLostError) is lost
    if lost:
        with pytest.raises(DeviceLostError, match=message):
            connection.run(["true"], 20)
