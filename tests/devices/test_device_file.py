"""The user's devices.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnv3gen.devices.address import Address
from mnv3gen.devices.device import Device, all_devices, find_device, target_name
from mnv3gen.errors import InputError

PI = '[pi]\naddress = "ssh://pi@board"\ntarget = "rpi4"\ncpu = 3\nfolder = "/mnt/ram"\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that stands for the user's own."""
    path = tmp_path / "devices.toml"
    monkeypatch.setenv("MNV3GEN_DEVICES", str(path))
    return path


def test_entries_stand_beside_the_built_in_devices(file: Path) -> None:
    file.write_text(PI)
    assert list(all_devices()) == ["local", "emulator", "pi"]
    address = Address("ssh", "board", "pi")
    whole = Device(name="pi", address=address, target="rpi4", cpu=3, folder="/mnt/ram")
    assert find_device("pi") == whole
    assert find_device("pi", "cortex-a72", 0).target == "cortex-a72"
    assert find_device("pi", cpu=0).cpu == 0


def test_an_address_stands_for_an_entry(file: Path) -> None:
    file.write_text("")
    device = find_device("ssh://pi@board:22", "rpi4")
    assert (device.name, device.target) == ("ssh-pi-board-22", "rpi4")
    with pytest.raises(InputError, match="expected: --target"):
        target_name(find_device("ssh://pi@board"))


def test_a_name_that_is_none_offers_the_nearest(file: Path) -> None:
    file.write_text(PI)
    with pytest.raises(InputError, match="nearest:  pi"):
        find_device("pie")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[pi", "not TOML"),
        ("[pi]\n", "no address"),
        ('[pi]\naddress = "ssh://a"\ntraget = "rpi4"\n', "nearest:  target"),
        ('[pi]\naddress = "ssh://a"\ncpu = "3"\n', "wrong type"),
        ('[pi]\naddress = "ssh://a b"\n', r"\[pi\]: not a device's address"),
        ('[pi]\naddress = "ssh://a"\nfolder = "/tmp/$(x)"\n', "not a folder"),
        ('[local]\naddress = "ssh://a"\n', "not a device's name"),
        ('["../x"]\naddress = "ssh://a"\n', "not a device's name"),
        ("pi = 3\n", "not a table"),
    ],
)
def test_it_refuses(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        all_devices()


def test_a_named_file_must_be_there(file: Path) -> None:
    with pytest.raises(InputError, match="MNV3GEN_DEVICES: no such file"):
        all_devices()
