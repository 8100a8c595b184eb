"""Candidates as callable machine code, with data to run them on."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.schedules import Schedule
from mnv3gen.errors import Mnv3genError
from mnv3gen.generate.group import Generated, Group, Parameters
from mnv3gen.targets import Target
from mnv3gen.tune.reference import computed

ALIGNMENT = 64
TOLERANCE = 1e-4  # of the largest output


@dataclass(frozen=True)
class Task:
    """A group under a schedule that can compute it: what is tuned."""

    group: Group
    schedule: Schedule

    @property
    def key(self) -> tuple[str, str]:
        """The key of its record."""
        return self.group.name, self.schedule.name


@dataclass(frozen=True)
class Candidate:
    """A task with parameters."""

    task: Task
    parameters: Parameters


class Data:
    """Random inputs and weights of a group, and the outputs that a right kernel makes of them."""

    def __init__(self, group: Group, seed: int) -> None:
        random = np.random.default_rng(seed)

        def values(*shape: int) -> npt.NDArray[np.float32]:
            return random.standard_normal(shape, dtype=np.float32)

        self.group = group
        self.inputs = [values(*shape) for shape in group.inputs]
        self.weights: list[list[Any]] = []
        for kernel in group.kernels:
            depth = 1 if kernel.kind == "dwconv" else kernel.input[-1]
            fan = kernel.window**2 * depth
            inner = (
                (kernel.output[-1], 1) if kernel.kind == "dwconv" else (depth, kernel.output[-1])
            )
            weight = values(kernel.window, kernel.window, *inner) / np.float32(fan**0.5)
            own = [weight, values(1, 1, 1, kernel.output[-1])]
            self.weights.append(own if kernel.kind in ("conv", "dwconv") else [])
        self.expected = computed(group, self.inputs, self.weights)


class Runnable:
    """A candidate with its buffers, ready to be called."""

    def __init__(
        self, candidate: Candidate, generated: Generated, function: Any, data: Data, target: Target
    ) -> None:
        self.candidate, self.function, self.data = candidate, function, data
        task = candidate.task
        packed = task.schedule.pack(task.group, target.core, candidate.parameters, data.weights)
        shapes = [task.group.kernels[index].output for index in task.group.writes]
        self.outputs = [_buffer(int(np.prod(shape))) for shape in shapes]
        scratch = [_buffer(generated.frame.scratch_elements)] if generated.frame.scratch else []
        buffers = [*map(_copied, (*data.inputs, *packed)), *self.outputs, *scratch]
        self.buffers = buffers  # kept alive for the pointers
        self.arguments = [ctypes.c_void_p(buffer.ctypes.data) for buffer in buffers]

    def is_right(self) -> bool:
        """Whether it computes the expected values."""
        self.function(*self.arguments)
        for output, expected in zip(self.outputs, self.data.expected, strict=True):
            error = np.abs(output - expected.ravel()).max()
            if not error <= TOLERANCE * max(float(np.abs(expected).max()), 1e-6):
                return False
        return True

    def microseconds(self, calls: int) -> float:
        """The mean time of some calls."""
        function, arguments = self.function, self.arguments
        start = time.perf_counter_ns()
        for _ in range(calls):
            function(*arguments)
        return (time.perf_counter_ns() - start) / calls / 1e3


def build(
    candidates: Sequence[Candidate], data: Sequence[Data], target: Target, folder: Path
) -> list[Runnable]:
    """Compile candidates into one library in `folder` and load it."""
    import tvm
    from tvm.target import Target as TvmTarget
    from tvm.tirx.transform import LowerIntrin, LowerTVMBuiltin, StmtSimplify

    tvm_target = TvmTarget(target.tvm_dict())
    written = [
        candidate.task.schedule.generate(candidate.task.group, target.core, candidate.parameters, 0)
        for candidate in candidates
    ]
    functions = {
        f"candidate{number}": generated.builder.function(f"candidate{number}", tvm_target)
        for number, generated in enumerate(written)
    }
    with tvm_target:
        passes = [StmtSimplify(), LowerTVMBuiltin(), LowerIntrin()]
        module = tvm.transform.Sequential(passes)(tvm.IRModule(functions))
        code = tvm.get_global_func("target.build.llvm")(module, tvm_target)
    code.write_to_file(str(folder / "candidates.o"))
    library = ctypes.CDLL(str(_linked(folder)))
    return [
        Runnable(candidate, generated, library[f"candidate{number}"], values, target)
        for number, (candidate, generated, values) in enumerate(
            zip(candidates, written, data, strict=True)
        )
    ]


def _linked(folder: Path) -> Path:
    """A shared object under a name of its own: the loader keeps one library a name."""
    number = len(list(folder.glob("candidates*.so")))
    library = folder / f"candidates{number}.so"
    command = [sys.executable, "-m", "ziglang", "ld.lld", "-shared", "--allow-shlib-undefined"]
    result = subprocess.run(
        [*command, "-o", str(library), str(folder / "candidates.o")],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise Mnv3genError(f"cannot link candidates: {result.stderr.strip()[-500:]}")
    return library


def _buffer(elements: int, dtype: Any = np.float32) -> Any:
    whole = np.zeros(elements + ALIGNMENT, dtype)
    skipped = -whole.ctypes.data % ALIGNMENT // whole.itemsize
    return whole[skipped : skipped + elements]


def _copied(array: npt.NDArray[Any]) -> Any:
    buffer = _buffer(array.size, array.dtype)
    buffer[:] = array.ravel()
    return buffer
