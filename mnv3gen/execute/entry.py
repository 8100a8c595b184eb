"""What is called in a library, for which machine it was compiled, and what the call gave."""

from __future__ import annotations

from dataclasses import dataclass

from mnv3gen.errors import Mnv3genError

ALIGNMENT = 64
"""All three pointers of the call are multiples of this many bytes."""


@dataclass(frozen=True)
class Entry:
    """A function ``int32_t symbol(const float *input, float *output, void *workspace)``.

    It returns 0 on success. The sizes of the three buffers are in bytes.
    """

    symbol: str
    input_bytes: int
    output_bytes: int
    workspace_bytes: int

    def check(self, code: int) -> None:
        """Raise ``Mnv3genError`` if the function returned another number than 0."""
        if code != 0:
            raise Mnv3genError(f"{self.symbol} returned the error code {code}")


@dataclass(frozen=True)
class Machine:
    """The processor for which a library was compiled.

    ``architecture`` is ``x86_64``, ``aarch64`` or ``arm`` (32 bits, hard float); ``features`` are
    the LLVM names of what the code may use beyond that base (``dotprod``, ``avx2``);
    ``unicorn`` and ``qemu`` name the CPU model that stands for it in each emulator, ``None`` when
    that emulator has no such model. ``emulated_cpu.py`` tells what each model of unicorn executes.
    """

    architecture: str
    features: tuple[str, ...]
    unicorn: str | None
    qemu: str | None


@dataclass(frozen=True)
class Execution:
    """The output of one call, in the library's own layout, and the seconds that the call took.

    ``executor`` is ``native``, ``unicorn`` or ``qemu``; only native seconds say anything of speed.
    With qemu they are those of the whole process.
    """

    output: bytes
    seconds: float
    executor: str
