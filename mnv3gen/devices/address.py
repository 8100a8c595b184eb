"""`Address`: where a device is, as a URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from mnv3gen.errors import InputError, nearest_names

SCHEMES = ("local", "emulator", "ssh", "adb", "rpc")
FORMS = "local, emulator, ssh://[user@]host[:port], adb://[serial], rpc://tracker:port/key"
# Nothing that a program could take for an option, and nothing that a shell reads.
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:%+-]*")


@dataclass(frozen=True)
class Address:
    """`host` is ssh's host or alias, adb's serial ("" for the only device), or the tracker.

    `key` is the tracker's name of a kind of device.
    """

    scheme: str
    host: str = ""
    user: str = ""
    port: int | None = None
    key: str = ""


def is_address(text: str) -> bool:
    """Whether a text is a URL, or one of the two words that need none."""
    return text in ("local", "emulator") or "://" in text


def read_address(text: str, place: str) -> Address:
    """Read a URL; InputError, which names `place`, if it is none of ours."""
    if text in ("local", "emulator"):
        return Address(text)
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in SCHEMES[2:]:
        nearest = nearest_names(scheme, SCHEMES)
        raise _refused("not a device's address", place, text, nearest)
    if scheme == "adb":
        if rest and not _WORD.fullmatch(rest):
            raise _refused("not a serial number", place, text)
        return Address("adb", rest)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _refused("not a port", place, text) from None
    key = parts.path.removeprefix("/")
    host, user = parts.hostname or "", parts.username or ""
    if scheme == "ssh":
        # An alias of ~/.ssh/config may have capital letters, which `hostname` takes away.
        host = next((it for it in re.split(r"[@:/\[\]]", rest) if it.lower() == host), host)
    words = [host, *filter(None, (user, key))]
    if parts.password or parts.query or parts.fragment or not all(map(_WORD.fullmatch, words)):
        raise _refused("not a device's address", place, text)
    if scheme == "ssh" and key:
        raise _refused("an address with a path", place, text)
    if scheme == "rpc" and not (key and port):
        raise _refused("a tracker's address needs its port and a key", place, text)
    return Address(scheme, host, user, port, key)


def _refused(problem: str, place: str, found: str, nearest: tuple[str, ...] = ()) -> InputError:
    return InputError(problem, place=place, found=found, expected=FORMS, nearest=nearest)


def written(address: Address) -> str:
    """The address as a URL again."""
    if address.scheme in ("local", "emulator"):
        return address.scheme
    user = f"{address.user}@" if address.user else ""
    port = f":{address.port}" if address.port else ""
    key = f"/{address.key}" if address.key else ""
    return f"{address.scheme}://{user}{address.host}{port}{key}"
