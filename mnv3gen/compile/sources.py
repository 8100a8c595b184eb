"""The C sources of a bundle: header, driver, weights and benchmark, from `templates/`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen import __version__
from mnv3gen.compile.memory import MemoryPlan
from mnv3gen.compile.program import ALIGNMENT, Argument, Output, Program, Step

TEMPLATES = Path(__file__).resolve().parent / "templates"
WEIGHTS_FILE = "weights.bin"
EXPECTED_VALUES = 1024  # of the outputs, at most, that a bundle carries to check itself by


def write_sources(
    name: str, target: str, labels: Mapping[str, str], program: Program, plan: MemoryPlan
) -> dict[str, str]:
    """The header, the driver and what is linked with it, by file name.

    `labels` has what only people read: `summary`, `identity` and `input_meaning`. A hyphen sets
    our own files apart, since a network may be called `memory` but not `tiny-memory`.
    """
    values: dict[str, Any] = {
        **_common(name, target),
        **labels,
        "input_shape": _by(program.input_shape),
        "input_bytes": program.input_bytes,
        "output_shapes": ", ".join(_by(output.shape) for output in program.outputs),
        "output_bytes": program.output_bytes,
        "output_macros": _output_macros(name, program),
        "workspace_bytes": plan.arena_bytes,
        "peak_alive_bytes": plan.peak_alive_bytes,
        "weights_bytes": len(program.weights),
        "weights_file": WEIGHTS_FILE,
        "declarations": _declarations(name, program),
        "calls": "\n".join(_call(step, plan) for step in program.steps),
    }
    return {
        f"{name}.h": _fill("library.h", values),
        f"{name}.c": _fill("library.c", values),
        f"{name}-weights.c": _fill("weights.c", values),
        f"{name}-memory.c": _fill("memory.c", values),
        f"{name}-config.cmake": _fill("config.cmake", values),
    }


def output_buffer(
    outputs: tuple[Output, ...], values: list[npt.NDArray[np.float32]]
) -> npt.NDArray[np.float32]:
    """The flat output buffer with each output's values at its offset, zeros between them."""
    last = outputs[-1]
    buffer = np.zeros((last.offset + last.bytes) // np.float32().itemsize, dtype=np.float32)
    for output, value in zip(outputs, values, strict=True):
        start = output.offset // buffer.itemsize
        buffer[start : start + value.size] = value.ravel()
    return buffer


def write_benchmark(
    name: str, target: str, expected: npt.NDArray[np.float32], tolerance: float
) -> dict[str, str]:
    """The benchmark and what it has in place of a libc, by file name.

    `expected` is the flat output buffer for the seeded input.
    """
    stride = expected_stride(expected.size)
    values = _common(name, target) | {
        "stride": stride,
        "expected": ", ".join(f"{float(value).hex()}f" for value in expected[::stride]),
        "largest": repr(float(np.abs(expected).max())),
        "tolerance": repr(tolerance),
    }
    parts = ("benchmark.c", "text.h", "linux.h", "state.h")
    return {f"{name}-{part}": _fill(part, values) for part in parts}


def write_support(name: str) -> dict[str, str]:
    """What a program without a libc has in its place, by file name."""
    parts = ("text.h", "linux.h", "state.h", "memory.c")
    return {f"{name}-{part}": _fill(part, {"name": name}) for part in parts}


def expected_stride(size: int) -> int:
    """Every how manieth of `size` output values is kept; odd, so that it walks through channels."""
    return -(-size // EXPECTED_VALUES) | 1


def _common(name: str, target: str) -> dict[str, Any]:
    return {
        "name": name,
        "macro": name.upper(),
        "version": __version__,
        "target": target,
        "alignment": ALIGNMENT,
    }


def _fill(template: str, values: Mapping[str, Any]) -> str:
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return Template(text).substitute(values)


def _output_macros(name: str, program: Program) -> str:
    if len(program.outputs) == 1:
        return ""
    return "\n".join(
        f"#define {name.upper()}_OUTPUT{index}_OFFSET {output.offset} /* {_by(output.shape)} */"
        for index, output in enumerate(program.outputs)
    )


def _declarations(name: str, program: Program) -> str:
    counts = {step.kernel: len(step.arguments) for step in program.steps}
    return "\n".join(
        f"int32_t {name}_{kernel}({', '.join(['void *'] * count)});"
        for kernel, count in counts.items()
    )


def _call(step: Step, plan: MemoryPlan) -> str:
    arguments = ", ".join(_pointer(argument, plan) for argument in step.arguments)
    return f"  CALL({step.kernel}, ({arguments})); /* {step.tensor} */"


def _pointer(argument: Argument, plan: MemoryPlan) -> str:
    match argument.place:
        case "input":
            return "INPUT"
        case "output":
            return f"OUTPUT({argument.offset})"
        case "weights":
            return f"WEIGHTS({argument.offset})"
        case "arena":
            return f"ARENA({plan.offsets[argument.tensor]})"


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
