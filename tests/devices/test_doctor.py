"""`mnv3gen doctor` and `mnv3gen devices`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Finished

from mnv3gen.devices.device import find_device
from mnv3gen.devices.doctor import check_device
from mnv3gen.targets import load

pytestmark = pytest.mark.compile
Command = Callable[..., Finished]


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty devices.toml."""
    path = tmp_path / "devices.toml"
    path.write_text("")
    monkeypatch.setenv("MNV3GEN_DEVICES", str(path))
    return path


def test_this_machine_is_ready(command: Command) -> None:
    checks = {
        check["name"]: check for check in command("doctor", "local", "--cpu", 0, "--json").json
    }
    assert checks["reachable"]["verdict"] == "ok"
    assert checks["program"] == {
        "name": "program",
        "verdict": "ok",
        "found": "runs there",
        "fix": "",
    }
    assert checks["processor"]["found"].startswith("0: ")


def test_what_does_not_fit_is_told_with_a_fix() -> None:
    other = "rpi4" if load("host").architecture == "x86_64" else "host"
    checks = {it.name: it for it in check_device(find_device("local", other, 4095))}
    if other == "rpi4":
        assert checks["system"].verdict == "fail"
        assert "rpi4 is aarch64" in checks["system"].found
        assert checks["program"].verdict == "fail"
    assert checks["processor"].verdict == "fail"
    assert "no processor 4095" in checks["processor"].found


def test_the_emulator_takes_no_times() -> None:
    checks = {it.name: it for it in check_device(find_device("emulator"))}
    assert checks["times"].found.startswith("none")
    assert "program" not in checks


def test_a_device_without_a_target(command: Command) -> None:
    result = command("doctor", "ssh://nowhere.invalid")
    assert result.code == 1
    assert result.out.startswith("FAIL target")
    assert "-> --target" in result.out


def test_devices_are_listed(command: Command, file: Path) -> None:
    file.write_text('[board]\naddress = "rpc://127.0.0.1:1/x"\ntarget = "rpi4"\n')
    rows = {row["name"]: row for row in command("devices", "--json").json}
    assert list(rows) == ["local", "emulator", "board"]
    assert rows["local"]["reachable"] and rows["emulator"]["reachable"]
    assert not rows["board"]["reachable"]
    assert "no tracker answers at 127.0.0.1:1" in rows["board"]["lacks"][0]
    text = command("devices", "--no-check").out
    assert "rpc://127.0.0.1:1/x" in text and "rpi4" in text


def test_the_host_tools_are_listed(command: Command) -> None:
    names = [check["name"] for check in command("doctor", "--json").json]
    assert names == ["ssh", "scp", "adb", "tornado", "xgboost", "devices"]
