"""This machine as a device."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnv3gen.devices.device import find_device
from mnv3gen.devices.local import LocalConnection
from mnv3gen.devices.opening import opened
from mnv3gen.errors import DeviceError, DeviceLostError


@pytest.fixture
def connection() -> Iterator[LocalConnection]:
    """A connection to this machine."""
    with opened(find_device("local")) as made:
        assert isinstance(made, LocalConnection)
        yield made


def test_files_go_there_and_back(connection: LocalConnection, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\necho $1 > result\necho done\n")
    script.chmod(0o755)
    connection.put(script, "script")
    assert connection.run(["./script", "a b; $(c)"], 30).text == "done\n"
    connection.get("result", tmp_path / "result")
    assert (tmp_path / "result").read_text() == "a b; $(c)\n"
    folder = connection.folder
    connection.close()
    assert not folder.exists()


def test_what_is_fetched_has_a_limit(connection: LocalConnection, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(2000))
    connection.put(tmp_path / "large", "large")
    with pytest.raises(DeviceError, match="local: large has more than 1000 bytes"):
        connection.get("large", tmp_path / "back", 1000)
    assert not (tmp_path / "back").exists()
    with pytest.raises(DeviceError, match="cannot read nothing: No such file"):
        connection.get("nothing", tmp_path / "back")


def test_programs_have_limits(connection: LocalConnection) -> None:
    with pytest.raises(DeviceLostError, match=r"no end of sleep within 0.5 s"):
        connection.run(["sleep", "60"], 0.5)
    with pytest.raises(DeviceError, match=r"cannot run ./nothing"):
        connection.run(["./nothing"], 5)


def test_it_describes_itself(connection: LocalConnection) -> None:
    facts = connection.describe()
    assert (facts.system, facts.architecture) == (platform.system(), platform.machine())
    assert facts.cpus and facts.cpus[0].number == 0
    assert facts.free_kib is not None and facts.free_kib > 0
    assert facts.load is not None
