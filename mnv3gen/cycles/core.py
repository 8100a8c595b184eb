"""What a core is made of, as far as cycles depend on it: read from `cores/*.toml`, and checked."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from mnv3gen.errors import InputError, TargetError, nearest_names
from mnv3gen.targets import Target

FOLDER = Path(__file__).with_name("cores")
SUFFIX = ".toml"
NARROW = "64"  # at the end of a class's name: its form on vectors of 64 bits, or scalars
BROADER = {
    "select": "logic",
    "vaddw": "vadd",
    "vextend": "vadd",
    "vmull": "vmul",
    "vmlal": "vmla",
    "vadalp": "vmla",
    "vshift_by": "vshift",
    "zip": "permute",
}
"""Of a class that a description may leave out, the one that it is taken for."""
INTEGERS = frozenset({*BROADER, "dot"})
"""Classes of integer vectors, which kernels of floats have none of."""


class MicroOp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A micro-operation: the ports that may execute it, by name with spaces; none if left out.

    ``latency`` in cycles; of a load, that of a hit in the first cache. ``busy`` is for how many
    cycles the port takes no other, ``late`` by how many after the start the accumulator is read.
    ``after`` means that it works on what the one before it gives.
    """

    ports: str = ""
    latency: int = 1
    busy: int = 1
    late: int = 0
    after: bool = False


class Cache(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A level of the data caches; its size is the target's.

    ``latency`` is a load's, ``interval`` the cycles from one line that it gives to the next.
    """

    ways: int
    latency: int
    interval: int = 1


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Beyond the caches: nanoseconds to a line, and the bytes of a nanosecond at most."""

    latency_ns: float
    bytes_per_ns: float


class Prefetcher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many lines ahead of a stream are fetched, to the first cache and to the second."""

    near: int
    far: int


class CoreModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A core: widths in instructions (``decode``) and micro-operations a cycle.

    ``window`` is the micro-operations in flight, ``queues`` the schedulers: their entries, and the
    ports that each serves. ``classes`` has the micro-operations of each class of instructions.
    """

    name: str
    architecture: str
    targets: tuple[str, ...]  # of which it is the core
    sources: tuple[str, ...]
    decode: int
    dispatch: int
    retire: int
    window: int
    mispredict: int
    store_buffer: int
    forward: int  # cycles from a store to a load of the same bytes
    misses: int
    ports: tuple[str, ...]
    caches: tuple[Cache, ...]
    memory: Memory
    prefetcher: Prefetcher
    classes: dict[str, tuple[MicroOp, ...]]
    queues: dict[str, tuple[int, str]] = {}
    in_order: bool = False

    def micro_ops(self, name: str) -> tuple[MicroOp, ...]:
        """The micro-operations of a class; the narrow form is the wide one if it has none.

        A class of `BROADER` may be left out.
        """
        found = self.classes.get(name)
        narrow = NARROW if name.endswith(NARROW) else ""
        wide = name.removesuffix(NARROW)
        if found is None:
            found = self.classes.get(wide)
        if found is None and wide in BROADER:
            return self.micro_ops(BROADER[wide] + narrow)
        if found is None:
            raise InputError(
                "the core's description lacks a class of instructions",
                place=f"cores of mnv3gen/cycles: {self.name}",
                found=name,
                expected="micro-operations of this class under [classes]",
                nearest=nearest_names(name, self.classes),
            )
        return found


@cache
def models() -> dict[str, CoreModel]:
    """Every description by its file's stem."""
    return {path.stem: read_model(path) for path in sorted(FOLDER.glob(f"*{SUFFIX}"))}


def read_model(path: Path) -> CoreModel:
    """Read a description. InputError names the file and the field that cannot be."""
    try:
        model = msgspec.convert(_fields(path), CoreModel)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not a core's description: {error}", place=str(path)) from error
    _check(model, path)
    return model


def model_of(target: Target) -> CoreModel:
    """The description of a target's core. TargetError if there is none."""
    for model in models().values():
        if target.name in model.targets:
            return model
        if target.detect and target.architecture == model.architecture == "x86_64":
            return model
    described = sorted(name for model in models().values() for name in model.targets)
    raise TargetError(
        "no description of this target's core, so no modelled cycles",
        place=f"targets: {target.name}",
        found=target.core.name,
        expected=f"one of {', '.join(described)}, or a file in mnv3gen/cycles/cores",
        nearest=nearest_names(target.name, described),
    )


def _fields(path: Path) -> dict[str, Any]:
    """The file's fields; one with a ``base`` says only what differs, class by class.

    An empty class is one that the base has, and this has not.
    """
    fields: dict[str, Any] = msgspec.toml.decode(path.read_bytes())
    base = fields.pop("base", None)
    if base is None:
        return fields
    if not isinstance(base, str) or not path.with_name(f"{base}{SUFFIX}").is_file():
        raise InputError("no such description", place=f"{path}: base", found=base)
    whole = _fields(path.with_name(f"{base}{SUFFIX}"))
    classes = whole["classes"] | fields.get("classes", {})
    return whole | fields | {"classes": {name: each for name, each in classes.items() if each}}


def _check(model: CoreModel, path: Path) -> None:
    queued = [port for _, ports in model.queues.values() for port in ports.split()]
    for place, names in [("queues", queued)] + [
        (f"classes.{name}", each.ports.split())
        for name, operations in model.classes.items()
        for each in operations
    ]:
        for port in names:
            if port not in model.ports:
                raise InputError(
                    "no such port",
                    place=f"{path}: {place}",
                    found=port,
                    expected=f"one of {', '.join(model.ports)}",
                )
    for port in model.ports:
        if model.queues and queued.count(port) != 1:
            raise InputError("a port belongs to one scheduler", place=f"{path}: queues", found=port)
