"""From a `Device` to a `Connection`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from mnv3gen.devices.connection import Connection
from mnv3gen.devices.device import Device


def open_device(device: Device) -> Connection:
    """Connect; DeviceError if that is not possible, InputError if the entry lacks something."""
    address = device.address
    match address.scheme:
        case "local":
            from mnv3gen.devices.local import LocalConnection

            return LocalConnection(device.name, device.folder)
        case "ssh":
            from mnv3gen.devices.ssh import SshConnection

            return SshConnection(device.name, address, device.folder)
        case "adb":
            from mnv3gen.devices.adb import AdbConnection

            return AdbConnection(device.name, address, device.folder)
        case "rpc":
            from mnv3gen.devices.tracker import TrackerConnection

            return TrackerConnection(device)
        case _:
            from mnv3gen.devices.emulator import EmulatorConnection

            return EmulatorConnection(device)


@contextlib.contextmanager
def opened(device: Device) -> Iterator[Connection]:
    """A connection that is closed in the end, whatever happens."""
    connection = open_device(device)
    try:
        yield connection
    finally:
        connection.close()
