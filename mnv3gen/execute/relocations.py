"""The words of a library that depend on where it is loaded.

ELF for the Arm 64-bit Architecture (AAELF64), section 5.7.16; ELF for the Arm Architecture
(AAELF32), section 5.6.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnv3gen.errors import Mnv3genError

_NONE = "none"
_RELATIVE = "relative"  # load address + addend
_ABSOLUTE = "absolute"  # symbol + addend
_SLOT = "slot"  # symbol + addend, but what stands in the slot itself is no addend

_KINDS = {
    "EM_X86_64": {0: _NONE, 1: _ABSOLUTE, 6: _SLOT, 7: _SLOT, 8: _RELATIVE},
    "EM_AARCH64": {0: _NONE, 257: _ABSOLUTE, 1025: _SLOT, 1026: _SLOT, 1027: _RELATIVE},
    "EM_ARM": {0: _NONE, 2: _ABSOLUTE, 21: _SLOT, 22: _SLOT, 23: _RELATIVE},
}


@dataclass(frozen=True)
class Patch:
    """A word at ``address`` that becomes the load address plus ``value``.

    Both are relative to the load address; with ``adds`` the word that the file holds there is
    added too.
    """

    address: int
    value: int
    adds: bool


def patches(path: Path, elf: Any, dynamic: Any, symbols: list[Any]) -> tuple[Patch, ...]:
    """All patches of a library; a ``Mnv3genError`` names an undefined symbol or unknown kind."""
    found: list[Patch] = []
    for form, table in dynamic.get_relocation_tables().items():
        if form == "RELR":
            found += (Patch(row["r_offset"], 0, True) for row in table.iter_relocations())
        else:
            found += _table(path, _KINDS[elf["e_machine"]], table, symbols)
    return tuple(found)


def _table(path: Path, kinds: dict[int, str], table: Any, symbols: list[Any]) -> Iterator[Patch]:
    for row in table.iter_relocations():
        number = row["r_info_type"]
        kind = kinds.get(number)
        if kind is None:
            raise Mnv3genError(f"{path}: relocation type {number} needs a dynamic linker")
        if kind == _NONE:
            continue
        value = 0 if kind == _RELATIVE else _defined(path, symbols[row["r_info_sym"]])
        if row.is_RELA():
            yield Patch(row["r_offset"], value + row["r_addend"], False)
        else:
            yield Patch(row["r_offset"], value, kind != _SLOT)


def _defined(path: Path, symbol: Any) -> int:
    if symbol["st_shndx"] == "SHN_UNDEF":
        raise Mnv3genError(f"{path}: undefined symbol {symbol.name!r}; a library must be complete")
    return int(symbol["st_value"])
