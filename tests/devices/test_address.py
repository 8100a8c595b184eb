"""Addresses of devices: what is read, and what is refused before anything is run."""

from __future__ import annotations

import pytest

from mnv3gen.devices.address import Address, is_address, read_address, written
from mnv3gen.errors import InputError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("local", Address("local")),
        ("emulator", Address("emulator")),
        ("ssh://pi@raspberrypi.local", Address("ssh", "raspberrypi.local", "pi")),
        ("ssh://Alias", Address("ssh", "Alias")),
        ("ssh://10.0.0.7:2222", Address("ssh", "10.0.0.7", port=2222)),
        ("adb://R58M123ABC", Address("adb", "R58M123ABC")),
        ("adb://192.168.1.5:5555", Address("adb", "192.168.1.5:5555")),
        ("adb://", Address("adb")),
        ("rpc://tracker:9190/rpi4", Address("rpc", "tracker", port=9190, key="rpi4")),
    ],
)
def test_it_is_read_and_written(text: str, address: Address) -> None:
    assert is_address(text)
    assert read_address(text, "--device") == address
    assert written(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "ssh://-oProxyCommand=touch%20x",
        "ssh://-l@host",
        "ssh://host/path",
        "ssh://user:secret@host",
        "ssh://host;reboot",
        "ssh://$(reboot)",
        "ssh://host:notaport",
        "ssh://",
        "adb://-s",
        "adb://a b",
        "rpc://tracker/rpi4",
        "rpc://tracker:9190",
        "telnet://host",
        "http://host",
    ],
)
def test_it_refuses(text: str) -> None:
    with pytest.raises(InputError, match="expected: local, emulator, ssh://"):
        read_address(text, "--device")
