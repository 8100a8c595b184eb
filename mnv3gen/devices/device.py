"""`Device`: an entry of the user's devices.toml, or a URL given in its place."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from mnv3gen.devices.address import Address, is_address, read_address
from mnv3gen.errors import InputError, nearest_names

FILE = "devices.toml"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
FOLDER = re.compile(r"/[A-Za-z0-9_./-]*")
BUILT_IN = {"local": "host", "emulator": "arm_cpu"}  # and the targets that they stand for

_EXAMPLE = """an entry, such as

    [pi]
    address = "ssh://pi@raspberrypi.local"
    target = "rpi4"
    cpu = 3"""


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a device stands.

    `target` is what to compile for it, "" where nothing says that; `cpu` the processor to run on,
    None for no choice; `folder` the folder of the device in which ours is made, "" for the usual.
    """

    name: str
    address: Address
    target: str = ""
    cpu: int | None = None
    folder: str = ""


def devices_file() -> Path:
    """The user's devices.toml, which need not exist; MNV3GEN_DEVICES names another one."""
    from platformdirs import user_config_path

    named = os.environ.get("MNV3GEN_DEVICES")
    return Path(named) if named else user_config_path("mnv3gen") / FILE


def all_devices() -> dict[str, Device]:
    """The built-in devices and the user's own, by name. InputError for a wrong file."""
    built_in = {
        name: Device(name=name, address=Address(name), target=target)
        for name, target in BUILT_IN.items()
    }
    return built_in | _read(devices_file())


def find_device(text: str, target: str | None = None, cpu: int | None = None) -> Device:
    """The device of that name or at that URL; `target` and `cpu` win over what its entry says.

    InputError if there is none, or if nothing says what to compile for it.
    """
    devices = all_devices()
    if text in devices:
        device = devices[text]
    elif is_address(text):
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", text)
        device = Device(name=name, address=read_address(text, "--device"))
    else:
        raise InputError(
            "no such device",
            place="--device",
            found=text,
            expected=f"one of {', '.join(devices)}, or an address; or {devices_file()} with "
            + _EXAMPLE,
            nearest=nearest_names(text, devices),
        )
    changes: dict[str, Any] = {"target": target} if target else {}
    changes |= {"cpu": cpu} if cpu is not None else {}
    return msgspec.structs.replace(device, **changes)


def target_name(device: Device) -> str:
    """What to compile for a device; InputError if nothing says it."""
    if not device.target:
        raise InputError(
            "what is to be compiled for this device?",
            place=device.name,
            expected=f"--target, or target = ... in its entry of {devices_file()}",
        )
    return device.target


def _read(path: Path) -> dict[str, Device]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if os.environ.get("MNV3GEN_DEVICES"):
            raise InputError(
                "no such file", place="MNV3GEN_DEVICES", found=str(path), expected=_EXAMPLE
            ) from None
        return {}
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path)) from error
    try:
        entries: dict[str, Any] = msgspec.toml.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not TOML: {error}", place=str(path), expected=_EXAMPLE) from error
    return {name: _device(name, fields, f"{path}: [{name}]") for name, fields in entries.items()}


def _device(name: str, fields: Any, place: str) -> Device:
    if not NAME.fullmatch(name) or name in BUILT_IN:
        expected = f"letters, digits, _ . and -, and none of {', '.join(BUILT_IN)}"
        raise InputError("not a device's name", place=place, found=name, expected=expected)
    if not isinstance(fields, dict):
        raise InputError("not a table", place=place, found=repr(fields), expected=_EXAMPLE)
    known = ("address", "target", "cpu", "folder")
    for field in fields:
        if field not in known:
            raise InputError(
                "unknown field",
                place=place,
                found=field,
                expected=f"one of {', '.join(known)}",
                nearest=nearest_names(field, known),
            )
    address = fields.get("address")
    if not isinstance(address, str):
        raise InputError("no address", place=place, found=repr(address), expected=_EXAMPLE)
    folder = fields.get("folder", "")
    if folder and (not isinstance(folder, str) or not FOLDER.fullmatch(folder)):
        expected = "an absolute path of letters, digits, _ . / and -"
        raise InputError("not a folder", place=place, found=repr(folder), expected=expected)
    own = {key: fields[key] for key in ("target", "cpu") if key in fields}
    try:
        own = msgspec.convert(own, _Own, strict=True)
    except msgspec.ValidationError as error:
        raise InputError("wrong type", place=place, found=str(error), expected=_EXAMPLE) from error
    where = read_address(address, place)
    target = own.target or BUILT_IN.get(where.scheme, "")
    return Device(name=name, address=where, target=target, cpu=own.cpu, folder=folder)


class _Own(msgspec.Struct, frozen=True):
    """The fields whose types msgspec checks."""

    target: str = ""
    cpu: int | None = msgspec.field(default=None)
