"""An ELF file opened and found to be for the right architecture."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from mnv3gen.errors import InputError

ARCHITECTURES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64", "EM_ARM": "arm"}
# Besides its own errors, pyelftools lets these escape from a file whose tables make no sense.
MALFORMED = (
    ELFError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    StopIteration,
    TypeError,
    ValueError,
    struct.error,
)


def open_elf(path: Path, architecture: str) -> Any:
    """The file's ELF header and contents, once it is one for the architecture."""
    try:
        elf = ELFFile(io.BytesIO(path.read_bytes()))
        found = ARCHITECTURES.get(elf["e_machine"], str(elf["e_machine"]))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path)) from error
    except MALFORMED as error:
        raise not_whole(path, error) from error
    if found != architecture or not elf.little_endian:
        order = "" if elf.little_endian else ", big endian"
        raise InputError(
            "the file was compiled for another architecture",
            place=str(path),
            found=found + order,
            expected=architecture,
        )
    return elf


def not_whole(path: Path, error: BaseException) -> InputError:
    """The error for a file whose contents make no sense, for instance one cut off."""
    return InputError(
        "not a whole ELF file",
        place=str(path),
        found=str(error) or type(error).__name__,
        expected="a shared object",
    )
