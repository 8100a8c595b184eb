"""Generated kernels as machine code: built into one library, and run between guards."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.execute.entry import ALIGNMENT
from mnv3gen.execute.native import loaded
from mnv3gen.generate.group import Generated
from mnv3gen.targets import Target
from mnv3gen.tune.reference import computed
from support.kernel_cases import Case
from support.kernel_reference import reference

TOLERANCE = 2e-5  # of the largest output
GUARD = 32  # elements
# What lies around a buffer must not matter, and no activation makes the same of both.
SURROUNDINGS = (np.nan, 6e4)
WRITTEN = ("output", "scratch")

TEMPLATES = Path(__file__).resolve().parents[2] / "mnv3gen" / "compile" / "templates"

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Library:
    """A shared library with a function for each case, named k0, k1, ..."""

    path: Path
    cases: tuple[Case, ...]
    generated: tuple[Generated, ...]


def build(cases: Sequence[Case], target: Target, folder: Path) -> Library:
    """Compile all cases at once; a case may be written for another core than the target's."""
    import tvm
    from tvm.target import Target as TvmTarget
    from tvm.tirx.transform import LowerIntrin, LowerTVMBuiltin, StmtSimplify

    tvm_target = TvmTarget(target.tvm_dict())
    generated = tuple(case.generated() for case in cases)
    functions = {
        f"k{number}": kernel.builder.function(f"k{number}", tvm_target)
        for number, kernel in enumerate(generated)
    }
    with tvm_target:
        module = tvm.IRModule(functions)
        for phase in (StmtSimplify(), LowerTVMBuiltin(), LowerIntrin()):
            module = phase(module)
        code = tvm.get_global_func("target.build.llvm")(module, tvm_target)
    code.write_to_file(str(folder / "kernels.o"))
    return Library(_linked(target, folder), tuple(cases), generated)


def _linked(target: Target, folder: Path) -> Path:
    library = folder / "kernels.so"
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target.link.zig_target]
    options = ["-shared", "-fPIC", "-O1", "-nostdlib", "-fno-builtin", "-g0", "-o", str(library)]
    sources = [str(TEMPLATES / "memory.c"), str(folder / "kernels.o")]
    subprocess.run([*command, *options, *sources], check=True)
    return library


def wrong(case: Case, outputs: Sequence[Array]) -> str:
    """What is wrong with the outputs of a case; nothing if they are right."""
    if case.schedule.dtype == "int8":
        return _different(case, outputs)
    off = error(case, outputs)
    return "" if off < TOLERANCE else f"off by {off:.1e} of the largest value"


def error(case: Case, outputs: Sequence[Array]) -> float:
    """The largest difference from the reference, in units of the largest value of its tensor."""
    weights = [[array.astype(np.float64) for array in own] for own in case.weights()]
    errors = []
    for output, right in zip(outputs, reference(case.group, case.inputs(), weights), strict=True):
        difference = np.abs(output.reshape(right.shape) - right).max()
        errors.append(float(difference / max(1e-3, np.abs(right).max())))
    return float(np.max(errors))  # NaN if one is


def _different(case: Case, outputs: Sequence[Array]) -> str:
    """Integer kernels are right to the bit."""
    rights = computed(case.group, case.inputs(), case.weights())
    for output, right in zip(outputs, rights, strict=True):
        if not np.array_equal(output.ravel(), right.ravel()):
            wrong = int((output.ravel() != right.ravel()).sum())
            return f"{wrong} of {right.size} elements differ"
    return ""


@contextmanager
def native(library: Library) -> Iterator[ctypes.CDLL]:
    """The library in this process."""
    with loaded(library.path) as handle:
        yield handle


def run_native(handle: ctypes.CDLL, library: Library, number: int) -> tuple[list[Array], str]:
    """Call a case's function twice, in different surroundings: its outputs, and what is wrong."""
    case, generated = library.cases[number], library.generated[number]
    results = []
    for around in SURROUNDINGS:
        pointers = _pointers(case, generated, around)
        arguments = [ctypes.c_void_p(pointer.array.ctypes.data) for pointer in pointers]
        code = handle[f"k{number}"](*arguments)
        faults = [pointer.fault() for pointer in pointers]
        if code or any(faults):
            return [], f"returned {code}; {'; '.join(filter(None, faults))}"
        results.append([pointer.array for pointer in pointers if pointer.name == "output"])
    same = all(np.array_equal(a, b) for a, b in zip(*results, strict=True))
    return results[0], "" if same else "the outputs depend on what lies outside of the tensors"


def arguments(case: Case, generated: Generated) -> list[tuple[str, Array]]:
    """Each pointer's name, and what it points to; what it may write is 0."""
    frame = generated.frame
    pointers: list[tuple[str, Array]] = [("input", data) for data in case.inputs()]
    pointers += [("weights", packed) for packed in case.packed()]
    sizes = [(array.size, str(array.dtype)) for array in case.packed()]
    declared = [(int(memory.buffer.shape[0]), memory.dtype) for memory in frame.weights]
    assert sizes == declared, f"{case}: packs {sizes}, reads {declared}"
    if frame.ahead is not None:
        pointers.append(("ahead", np.zeros(ALIGNMENT // 4, np.float32)))
    for index in case.group.writes:
        kernel = case.group.kernels[index]
        pointers.append(("output", np.zeros(kernel.output, kernel.written_dtype)))
    if frame.scratch is not None:
        pointers.append(("scratch", np.zeros(frame.scratch_bytes, np.int8)))
    return pointers


@dataclass(frozen=True)
class _Pointer:
    """An array within its guards, and what is to stay in it."""

    name: str
    array: Array
    frame: Array
    kept: Array

    def fault(self) -> str:
        """What was overwritten, if anything was."""
        inside = slice(GUARD, GUARD + self.array.size)
        frame, kept = self.frame.copy(), self.kept.copy()
        if self.name in WRITTEN:
            frame[inside] = kept[inside] = 0
        same = np.array_equal(frame.view(np.uint8), kept.view(np.uint8))
        return "" if same else f"it wrote to its {self.name} or around it, where it may not"


def _pointers(case: Case, generated: Generated, around: float) -> list[_Pointer]:
    return [_guarded(name, content, around) for name, content in arguments(case, generated)]


def _guarded(name: str, content: Array, around: float) -> _Pointer:
    """A copy of the contents, or memory to write that holds what lies around it too."""
    size, dtype = content.size, content.dtype
    extra = ALIGNMENT // dtype.itemsize
    filled = np.full(4, around, np.float32).view(np.uint8)
    count = (size + 2 * GUARD + 2 * extra) * dtype.itemsize
    memory = np.resize(filled, count).view(dtype)
    start = -(memory.ctypes.data // dtype.itemsize + GUARD) % extra
    frame = memory[start : start + size + 2 * GUARD]
    array = frame[GUARD : GUARD + size]
    assert array.ctypes.data % ALIGNMENT == 0
    if name not in WRITTEN:
        array[:] = content.ravel()
    return _Pointer(name, array, frame, frame.copy())
