"""A network's own executable, run by qemu-user where that is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from mnv3gen.errors import InputError, Mnv3genError
from mnv3gen.execute.elf import open_elf
from mnv3gen.execute.entry import Entry, Execution, Machine


def find_qemu(architecture: str) -> str | None:
    """The path of qemu-user for the architecture, dynamic or static; ``None`` if not on PATH."""
    name = f"qemu-{architecture}"
    return shutil.which(name) or shutil.which(f"{name}-static")


def run_qemu(program: Path, entry: Entry, machine: Machine, data: bytes) -> Execution:
    """Run ``program --input FILE --output FILE`` on the CPU model ``machine.qemu``.

    ``InputError`` if qemu or the model is missing or ``program`` is not an executable for the
    architecture; ``Mnv3genError`` if it fails or writes an output of another size.
    """
    command = [*_emulator(machine), str(program.resolve())]
    open_elf(program, machine.architecture)
    with tempfile.TemporaryDirectory(prefix="mnv3gen-") as folder:
        source, output = Path(folder, "input"), Path(folder, "output")
        source.write_bytes(data)
        begin = time.perf_counter()
        _call([*command, "--input", str(source), "--output", str(output)])
        seconds = time.perf_counter() - begin
        return Execution(_read(output, entry), seconds, "qemu")


def _emulator(machine: Machine) -> tuple[str, ...]:
    qemu = find_qemu(machine.architecture)
    if qemu is None:
        raise InputError(
            "qemu-user is not installed",
            expected=f"qemu-{machine.architecture} or qemu-{machine.architecture}-static on PATH",
        )
    if machine.qemu is None:
        raise InputError("qemu has no CPU model of this machine", found=machine.architecture)
    return (qemu, "-cpu", machine.qemu)


def _call(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode < 0:
        raise Mnv3genError(f"qemu was ended by signal {-result.returncode}\n{result.stderr}")
    if result.returncode > 0:
        problem = f"the program failed under qemu with exit code {result.returncode}"
        raise Mnv3genError(f"{problem}\n{result.stderr}".rstrip())


def _read(output: Path, entry: Entry) -> bytes:
    if not output.is_file():
        raise Mnv3genError("the program wrote no output file under qemu")
    data = output.read_bytes()
    if len(data) != entry.output_bytes:
        raise Mnv3genError(f"the program wrote {len(data)} bytes, not {entry.output_bytes}")
    return data
