"""Modelled cycles of a bundle, by kernel; kept in the user's cache by all that they depend on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from mnv3gen.compile.bundle import Bundle
from mnv3gen.cycles.core import INTEGERS, NARROW, CoreModel, model_of
from mnv3gen.cycles.native_library import kept_folder
from mnv3gen.cycles.simulator import VERSION
from mnv3gen.execute.library import Library, read_library
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.profile.names import madds_of
from mnv3gen.targets import Core

_HELPER = re.compile(r"_compute_\d*$")  # what TVM makes of a kernel's body
_UNNAMED = "(no symbol)"


class KernelCycles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kernel, all its calls together; ``madds`` is what they compute, None if not known."""

    name: str
    calls: int
    cycles: int
    instructions: int
    madds: int | None


class BundleCycles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Modelled cycles of one call of a bundle, with weights and input in memory at its start.

    ``kernels`` have most cycles first; those of the driver and the like are among them.
    """

    network: str
    target: str
    core: str
    cycles: int
    instructions: int
    l1_misses: int
    memory_lines: int
    mispredictions: int
    kernels: tuple[KernelCycles, ...]


def model_cycles(bundle: Bundle, advance: Callable[[], None] = lambda: None) -> BundleCycles:
    """The modelled cycles of a bundle, from the cache if they were modelled before.

    ``advance`` is called with about each kernel's call. TargetError if its core is not described,
    InputError if it is not emulated.
    """
    model = model_of(bundle.target)
    path = kept_folder() / "cycles" / f"{_key(bundle, model)}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=BundleCycles)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        found = _modelled(bundle, model, advance)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_bytes(msgspec.json.encode(found))
    temporary.replace(path)
    return found


def _key(bundle: Bundle, model: CoreModel) -> str:
    stamp = stamp_of(model, bundle.target.core)
    return hashlib.sha256(stamp.encode() + bundle.library.read_bytes()).hexdigest()[:32]


def stamp_of(model: CoreModel, core: Core, integers: bool = True) -> str:
    """What decides beside the code: the version of the simulation and the core, as a hash.

    Without ``integers`` it is that for kernels of floats, whatever `INTEGERS` cost; what a
    description says about itself (name, targets, sources) decides nothing.
    """
    told: dict[str, Any] = {"name": "", "targets": (), "sources": ()}
    if not integers:
        told["classes"] = {
            name: each
            for name, each in model.classes.items()
            if name.removesuffix(NARROW) not in INTEGERS
        }
    caches = (core.clock_mhz, core.cache_line, core.l1d_kib, core.l2_kib, core.l3_kib)
    decisive = msgspec.structs.replace(model, **told)
    return hashlib.sha256(msgspec.json.encode((VERSION, decisive, caches))).hexdigest()[:16]


def _modelled(bundle: Bundle, model: CoreModel, advance: Callable[[], None]) -> BundleCycles:
    from mnv3gen.cycles.emulated import simulate_call

    manifest = bundle.manifest
    library = read_library(bundle.library, bundle.machine.architecture)
    data = seeded_input(manifest.input.shape[1:], manifest.expected.seed).tobytes()
    simulator = simulate_call(library, bundle.entry, bundle.target, model, data, advance)
    counters = simulator.counters
    calls = {kernel.name: kernel.calls for kernel in manifest.kernels}
    totals: dict[str, tuple[int, int]] = {}
    names = _names(library, manifest.name, set(calls))
    addresses = simulator.code.addresses.tolist()
    for name, cycles, executions in zip(
        map(names, addresses),
        simulator.cycles_of.tolist(),
        simulator.executions_of.tolist(),
        strict=True,
    ):
        if executions:
            before = totals.get(name, (0, 0))
            totals[name] = before[0] + cycles, before[1] + executions
    kernels = [
        KernelCycles(name, calls.get(name, 0), cycles, executions, _madds(name, calls))
        for name, (cycles, executions) in totals.items()
    ]
    return BundleCycles(
        network=manifest.name,
        target=bundle.target.name,
        core=model.name,
        cycles=counters.cycles,
        instructions=sum(each.instructions for each in kernels),
        l1_misses=counters.l1_misses,
        memory_lines=counters.memory_lines,
        mispredictions=counters.mispredictions,
        kernels=tuple(sorted(kernels, key=lambda each: -each.cycles)),
    )


def _madds(name: str, calls: dict[str, int]) -> int | None:
    each = madds_of(name) if name in calls else None
    return None if each is None else each * calls[name]


def _names(library: Library, network: str, kernels: set[str]) -> Callable[[int], str]:
    """The kernel, or else the function, that an address belongs to."""
    from bisect import bisect_right

    ordered = sorted({(each.address, each.size, each.name) for each in library.functions})
    starts = [address for address, _, _ in ordered]

    def name_of(address: int) -> str:
        index = bisect_right(starts, address) - 1
        if index < 0 or address >= ordered[index][0] + ordered[index][1]:
            return _UNNAMED
        symbol = ordered[index][2]
        kernel = _HELPER.sub("", symbol).removeprefix(f"{network}_")
        return kernel if kernel in kernels else symbol

    return name_of


def library_hash(path: Path) -> str:
    """A short hash of a library, which says whether it is the one that was modelled."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
