"""The choice of an executor, and one call with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mnv3gen.errors import InputError, nearest_names
from mnv3gen.execute import host
from mnv3gen.execute.emulator import Emulated
from mnv3gen.execute.entry import Entry, Execution, Machine
from mnv3gen.execute.native import calling
from mnv3gen.execute.qemu import run_qemu

EXECUTORS = ("auto", "native", "unicorn", "qemu")


def choose(machine: Machine, executor: str = "auto") -> str:
    """``native`` if this machine has the architecture and all features, else ``unicorn``.

    Another ``executor`` than ``auto`` is given back; an ``InputError`` says what this machine
    lacks for ``native``.
    """
    if executor not in EXECUTORS:
        raise InputError(
            "no such executor",
            found=executor,
            expected=f"one of {', '.join(EXECUTORS)}",
            nearest=nearest_names(executor, EXECUTORS),
        )
    lack = host.lacks(machine)
    if executor == "auto":
        return "unicorn" if lack else "native"
    if executor == "native" and lack:
        raise InputError(
            "the code cannot be executed natively here",
            found=lack,
            expected=" ".join((machine.architecture, *(f"+{name}" for name in machine.features))),
        )
    return executor


def execute(
    library: Path,
    entry: Entry,
    machine: Machine,
    data: bytes,
    executor: str = "auto",
    program: Path | None = None,
) -> Execution:
    """Call ``entry`` of the library once with ``data`` (``entry.input_bytes`` bytes) as input.

    qemu runs ``program``, the network's static executable, instead of the library.
    ``InputError`` if the files, the data or the executor do not fit; ``Mnv3genError`` if the call
    fails, touches memory that is not its own, or executes what the machine does not have.
    """
    checked = _checked(data, entry)
    with executing(library, entry, machine, executor, program) as call:
        return call(checked)


@contextmanager
def executing(
    library: Path,
    entry: Entry,
    machine: Machine,
    executor: str = "auto",
    program: Path | None = None,
) -> Iterator[Callable[[bytes], Execution]]:
    """A function that calls ``entry`` as `execute` does, for many inputs.

    The library is loaded once, natively or by unicorn; each call by qemu starts anew.
    """
    chosen = choose(machine, executor)
    if chosen == "native":
        with calling(library, entry, machine) as call:
            yield lambda data: call(_checked(data, entry))
    elif chosen == "unicorn":
        emulated = Emulated(library, entry, machine)
        yield lambda data: emulated.call(_checked(data, entry))
    elif program is None:
        raise InputError("qemu runs an executable, and none was given", place=str(library))
    else:
        yield lambda data: run_qemu(program, entry, machine, _checked(data, entry))


def _checked(data: bytes, entry: Entry) -> bytes:
    if len(data) == entry.input_bytes:
        return data
    raise InputError(
        f"the input of {entry.symbol} has another size",
        found=f"{len(data)} bytes",
        expected=f"{entry.input_bytes} bytes",
    )
