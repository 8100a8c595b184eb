"""Time by kernel, on this machine: the bundle's driver with a clock reading after each call."""

from __future__ import annotations

import ctypes
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.bundle import Bundle
from mnv3gen.errors import BundleError, InputError, Mnv3genError
from mnv3gen.execute import Entry, host
from mnv3gen.execute.native import loaded, new_buffer
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.profile.names import madds_of

WARMUP = 5  # rounds that do not count
_TEMPLATE = Path(__file__).resolve().parent / "templates" / "timing.c"
_CALL = re.compile(r"^  CALL\((\w+), ", re.MULTILINE)
Marks = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CallTime:
    """One call of the sequence; milliseconds over all rounds."""

    kernel: str
    min_ms: float
    median_ms: float


@dataclass(frozen=True)
class KernelTime:
    """All calls of a kernel; milliseconds are the mean of its calls' minima or medians.

    ``madds`` is what one call computes, None where the name does not say; ``share`` the part of
    the sum of all medians.
    """

    name: str
    calls: int
    madds: int | None
    min_ms: float
    median_ms: float
    share: float

    @property
    def gmacs(self) -> float | None:
        """Multiply-adds in 1e9 a second, at the median."""
        return self.madds / self.median_ms / 1e6 if self.madds else None


@dataclass(frozen=True)
class TimeProfile:
    """``calls`` in order, and the whole of a round in milliseconds, over ``rounds`` rounds."""

    calls: tuple[CallTime, ...]
    rounds: int
    min_ms: float
    median_ms: float

    @property
    def kernels(self) -> list[KernelTime]:
        """By kernel, the longest first."""
        groups: dict[str, list[CallTime]] = {}
        for call in self.calls:
            groups.setdefault(call.kernel, []).append(call)
        whole = sum(call.median_ms for call in self.calls)
        kernels = [
            KernelTime(
                name=name,
                calls=len(calls),
                madds=madds_of(name),
                min_ms=statistics.fmean(call.min_ms for call in calls),
                median_ms=statistics.fmean(call.median_ms for call in calls),
                share=sum(call.median_ms for call in calls) / whole,
            )
            for name, calls in groups.items()
        ]
        return sorted(kernels, key=lambda kernel: -kernel.share)

    @property
    def gmacs(self) -> float:
        """Multiply-adds of all kernels whose name says them, in 1e9 a second of the median."""
        return sum(madds_of(call.kernel) or 0 for call in self.calls) / self.median_ms / 1e6


def profile_times(
    bundle: Bundle, rounds: int, advance: Callable[[], None] = lambda: None
) -> TimeProfile:
    """Time a bundle's kernels, in order, on its seeded input; ``advance`` is called a round.

    InputError if this machine cannot execute the bundle, BundleError if its driver has no place for
    a clock. Compiles the driver anew; the kernels are the bundle's own, from its static library.
    """
    check_native(bundle)
    kernels = driver_calls(bundle)
    manifest = bundle.manifest
    data = seeded_input(manifest.input.shape[1:], manifest.expected.seed)
    with tempfile.TemporaryDirectory(prefix="mnv3gen-") as folder:
        library = _build(bundle, Path(folder).resolve())
        marks = _run(library, bundle.entry, data, len(kernels), WARMUP + rounds, advance)
    spans = np.diff(marks[WARMUP:], axis=1) / 1e6
    wholes = spans.sum(axis=1)
    return TimeProfile(
        calls=tuple(
            CallTime(kernel, float(column.min()), float(np.median(column)))
            for kernel, column in zip(kernels, spans.T, strict=True)
        ),
        rounds=rounds,
        min_ms=float(wholes.min()),
        median_ms=float(np.median(wholes)),
    )


def check_native(bundle: Bundle) -> None:
    """InputError if this machine's processor does not execute the bundle."""
    if (lack := host.lacks(bundle.machine)) is not None:
        raise InputError(
            "no time can be taken, as this bundle is not executed natively here",
            place=str(bundle.folder),
            found=f"a bundle for {bundle.target.name}; {lack}",
            expected="one for `--target host`; or --instructions, which counts in the emulator",
        )


def driver_calls(bundle: Bundle) -> list[str]:
    """The kernels that the bundle's driver calls, in order."""
    path = bundle.folder / f"{bundle.manifest.name}.c"
    kernels = _CALL.findall(path.read_text(encoding="utf-8"))
    expected = sum(kernel.calls for kernel in bundle.manifest.kernels)
    if len(kernels) != expected:
        raise BundleError(
            "the driver is of another version of mnv3gen",
            place=str(path),
            found=f"{len(kernels)} calls that can be timed",
            expected=f"{expected}; compile again with this mnv3gen",
        )
    return kernels


def _build(bundle: Bundle, folder: Path) -> Path:
    """The library that takes times, linked from the bundle's files; it needs the process's libc."""
    name = bundle.manifest.name
    for file in (f"{name}.c", f"{name}.h", f"lib{name}.a"):
        (folder / file).symlink_to((bundle.folder / file).resolve())
    text = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(name=name)
    (folder / "timing.c").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "ziglang", "cc", "-target", bundle.target.link.zig_target]
    command += ["-std=c11", "-O2", "-fPIC", "-ffreestanding", "-g0", "-w", "-shared", "-nostdlib"]
    command += ["-fvisibility=hidden", "-fno-stack-protector", "-Wl,-z,undefs"]
    command += ["-o", "timing.so", "timing.c", f"lib{name}.a"]
    environment = os.environ | {"ZIG_LOCAL_CACHE_DIR": str(folder / ".zig-cache")}
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise Mnv3genError(f"the driver with a clock cannot be linked:\n{result.stderr.strip()}")
    return folder / "timing.so"


def _run(
    path: Path,
    entry: Entry,
    data: npt.NDArray[np.float32],
    calls: int,
    rounds: int,
    advance: Callable[[], None],
) -> Marks:
    """Nanoseconds of a clock: for each round before the first call and after each."""
    source = new_buffer("input", entry.input_bytes)
    source.bytes[:] = np.frombuffer(data.tobytes(), np.uint8)
    output = new_buffer("output", entry.output_bytes)
    workspace = new_buffer("workspace", entry.workspace_bytes)
    buffers = (source, output, workspace)
    marks = np.zeros((rounds, calls + 1), np.int64)
    clock = ctypes.cast(ctypes.CDLL(None).clock_gettime, ctypes.c_void_p)
    with loaded(path) as library:
        function = library.timed_run
        function.argtypes = [ctypes.c_void_p] * 5
        function.restype = ctypes.c_int32
        for row in marks:
            entry.check(function(*(each.address for each in buffers), clock, row.ctypes.data))
            advance()
    for buffer in buffers:
        buffer.check()
    return marks
