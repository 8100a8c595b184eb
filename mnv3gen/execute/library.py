"""A library file: read, checked, and laid out as its memory will be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnv3gen.errors import InputError, nearest_names
from mnv3gen.execute.elf import ARCHITECTURES, MALFORMED, not_whole, open_elf
from mnv3gen.execute.relocations import Patch, patches

_LARGEST_SPAN = 1 << 30


@dataclass(frozen=True)
class Segment:
    """A part of the library's memory: ``size`` bytes, of which the file gives the first."""

    address: int
    data: bytes
    size: int
    readable: bool
    writable: bool
    executable: bool


@dataclass(frozen=True)
class Symbol:
    """A function; on ``arm`` an odd address is that of Thumb code."""

    name: str
    address: int
    size: int


@dataclass(frozen=True)
class Library:
    """A shared object as it stands in its file; all addresses are relative to where it is loaded.

    ``exports`` are the functions that can be called, ``functions`` all whose name the file still
    has; ``sealed`` are the ranges (address, size) that become read-only once patched.
    """

    path: Path
    architecture: str
    segments: tuple[Segment, ...]
    exports: dict[str, Symbol]
    functions: tuple[Symbol, ...]
    patches: tuple[Patch, ...]
    sealed: tuple[tuple[int, int], ...]

    def export(self, name: str) -> Symbol:
        """The exported function of this name; an ``InputError`` names the nearest ones."""
        if name in self.exports:
            return self.exports[name]
        raise InputError(
            "the library does not export the function",
            place=str(self.path),
            found=name,
            expected=f"one of {', '.join(sorted(self.exports)) or '(it exports none)'}",
            nearest=nearest_names(name, self.exports),
        )

    def function_at(self, address: int) -> Symbol | None:
        """The function that holds the address, if the file has its name."""
        for function in self.functions:
            if function.address & ~1 <= address < function.address + function.size:
                return function
        return None


def read_library(path: Path, architecture: str) -> Library:
    """Read a shared object; an ``InputError`` says what is wrong with the file.

    A ``Mnv3genError`` names a symbol or a relocation that only a dynamic linker could serve.
    """
    elf = open_elf(path, architecture)
    try:
        return _library(path, elf)
    except InputError:
        raise
    except MALFORMED as error:
        raise not_whole(path, error) from error


def _library(path: Path, elf: Any) -> Library:
    headers = list(elf.iter_segments())
    dynamic = next((header for header in headers if header["p_type"] == "PT_DYNAMIC"), None)
    if elf["e_type"] != "ET_DYN" or dynamic is None:
        raise InputError(
            "not a shared object", place=str(path), found=elf["e_type"], expected="ET_DYN"
        )
    symbols = list(dynamic.iter_symbols())
    exports = {symbol.name: symbol for symbol in _functions(symbols)}
    symbol_table = elf.get_section_by_name(".symtab")
    named = _functions(symbol_table.iter_symbols()) if symbol_table else ()
    return Library(
        path=path,
        architecture=ARCHITECTURES[elf["e_machine"]],
        segments=_segments(path, headers),
        exports=exports,
        functions=(*exports.values(), *named),
        patches=patches(path, elf, dynamic, symbols),
        sealed=tuple(
            (header["p_vaddr"], header["p_memsz"])
            for header in headers
            if header["p_type"] == "PT_GNU_RELRO"
        ),
    )


def _segments(path: Path, headers: list[Any]) -> tuple[Segment, ...]:
    loads = [header for header in headers if header["p_type"] == "PT_LOAD"]
    if any(header["p_vaddr"] + header["p_memsz"] > _LARGEST_SPAN for header in loads):
        raise InputError("the library needs more than 1 GiB of memory", place=str(path))
    return tuple(_segment(path, header) for header in loads)


def _segment(path: Path, header: Any) -> Segment:
    data = header.data()
    if len(data) != header["p_filesz"] or header["p_memsz"] < len(data):
        raise InputError(
            "the file is cut off",
            place=str(path),
            found=f"{len(data)} bytes at offset {header['p_offset']}",
            expected=f"{header['p_filesz']} bytes",
        )
    flags = header["p_flags"]
    return Segment(
        address=header["p_vaddr"],
        data=data,
        size=header["p_memsz"],
        readable=bool(flags & 4),
        writable=bool(flags & 2),
        executable=bool(flags & 1),
    )


def _functions(symbols: Any) -> Iterator[Symbol]:
    for symbol in symbols:
        if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_shndx"] != "SHN_UNDEF":
            yield Symbol(symbol.name, symbol["st_value"], symbol["st_size"])
