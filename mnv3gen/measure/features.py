"""What a kernel is to the learned model: numbers from its shapes and its schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate.group import Group
from mnv3gen.measure.answer import STATES

KINDS = ("conv", "dwconv", "pool", "average", "gate", "add", "clip", "concat", "resize")
EPILOGUES = ("relu", "relu6", "hswish", "hard_sigmoid", "sigmoid", "add")
SHOWN = 3  # kernels of a group whose shapes are features: the first, the second, the last
FLOAT_BYTES = 4
# A rough core: what it is off by, the model learns.
MADDS_A_MS = 4e7
BYTES_A_MS = 2e7
CALL_MS = 1e-4


@dataclass(frozen=True)
class Sample:
    """A kernel as a row of features, without the state that its weights are in."""

    group: Group
    schedule: str
    parameters: Mapping[str, int]


@dataclass(frozen=True)
class Vocabulary:
    """The names that are features of their own: schedules, and their parameters."""

    schedules: tuple[str, ...]
    parameters: tuple[str, ...]

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Vocabulary:
        """The names in some samples."""
        parameters = {name for sample in samples for name in sample.parameters}
        schedules = {sample.schedule for sample in samples}
        return cls(tuple(sorted(schedules)), tuple(sorted(parameters)))

    def rows(self, samples: Sequence[Sample]) -> npt.NDArray[np.float32]:
        """A row for each sample in each state, state by state within a sample."""
        return np.array(
            [
                [*self._row(sample), float("near" in state), float("small" in state)]
                for sample in samples
                for state in STATES
            ],
            np.float32,
        )

    def _row(self, sample: Sample) -> list[float]:
        group = sample.group
        kernels = group.kernels
        shown = (kernels[0], kernels[min(1, len(kernels) - 1)], kernels[-1])
        row = [_log(group.madds), _log(weights_of(group)), _log(tensors_of(group))]
        row += [float(len(kernels)), estimate_ms(group)]
        for kernel in shown:
            row += _shapes(kernel)
        row += [float(sum(kernel.kind == kind for kernel in kernels)) for kind in KINDS]
        row += [float(sum(it in kernel.epilogue for kernel in kernels)) for it in EPILOGUES]
        row += [float(sample.schedule == name) for name in self.schedules]
        return row + [float(sample.parameters.get(name, -1)) for name in self.parameters]


def estimates(samples: Sequence[Sample]) -> npt.NDArray[np.float32]:
    """The logarithm of a rough time of each row, which the model corrects."""
    return np.repeat(
        np.array([math.log(estimate_ms(sample.group)) for sample in samples], np.float32),
        len(STATES),
    )


def estimate_ms(group: Group) -> float:
    """What a group would take on a rough core: its arithmetic, its memory, its call."""
    moved = weights_of(group) + tensors_of(group)
    return group.madds / MADDS_A_MS + moved / BYTES_A_MS + CALL_MS


def weights_of(group: Group) -> int:
    """Bytes of the weights and biases."""
    floats = 0
    for kernel in group.kernels:
        if kernel.kind in ("conv", "dwconv"):
            depth = 1 if kernel.kind == "dwconv" else kernel.input[-1]
            floats += kernel.output[-1] * (kernel.window**2 * depth + 1)
    return floats * group.item_bytes


def tensors_of(group: Group) -> int:
    """Bytes of what a group reads and writes."""
    shapes = [*group.inputs, *(group.kernels[number].output for number in group.writes)]
    return FLOAT_BYTES * sum(math.prod(shape) for shape in shapes)


def _shapes(kernel: Kernel) -> list[float]:
    height, width, channels = kernel.output
    return [
        _log(height * width),
        float(width),
        float(kernel.input[-1]),
        float(channels),
        float(channels % 16),
        float(kernel.window),
        float(kernel.stride),
        _log(kernel.madds),
    ]


def _log(value: float) -> float:
    return math.log2(value + 1)
