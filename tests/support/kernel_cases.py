"""Random groups of kernels of every form that a generator may be asked for, with their data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import zip_longest
from random import Random
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import Kernel
from mnv3gen.compile.schedules import Schedule
from mnv3gen.generate.group import Generated, Group, Parameters
from mnv3gen.targets import Core
from mnv3gen.tune.integers import random_constants

SIDES = (1, 2, 3, 4, 5, 7, 8, 11)
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 19, 24, 31, 40)
ACTIVATIONS = ("", "relu", "relu6", "hswish", "hard_sigmoid", "sigmoid")
AHEAD = (0, 37)  # cache lines
STORAGES = ("float32", "float16")

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Case:
    """A group, the generator that writes it, and everything that the generator is given."""

    schedule: Schedule
    group: Group
    core: Core
    parameters: Parameters
    ahead: int

    def __str__(self) -> str:
        wiring = f"reads={self.group.reads} writes={self.group.writes}"
        core = f"{self.core.vector_bits} bits x {self.core.vector_registers}"
        parameters = f"{dict(self.parameters)} ahead={self.ahead}"
        return f"{self.schedule.name}: {self.group.name} {wiring} {core} {parameters}"

    def generated(self) -> Generated:
        """The written kernel."""
        return self.schedule.generate(self.group, self.core, self.parameters, self.ahead)

    def inputs(self) -> list[npt.NDArray[Any]]:
        """Normally distributed, or any int8, the same at every call."""
        random = np.random.default_rng(1)
        return [
            random.standard_normal(shape, np.float32)
            if dtype == "float32"
            else random.integers(-128, 128, shape).astype(dtype)
            for shape, dtype in zip(self.group.inputs, self.group.input_dtypes, strict=True)
        ]

    def weights(self) -> list[list[npt.NDArray[Any]]]:
        """Each kernel's, as Relax has them: HWIO or HWOI, and a bias of (1, 1, 1, o)."""
        random = np.random.default_rng(2)
        return [
            random_constants(kernel, random)
            if kernel.dtype == "int8"
            else _weights(kernel, self.group.storage, random)
            for kernel in self.group.kernels
        ]

    def packed(self) -> list[npt.NDArray[Any]]:
        """The weights as the generated function takes them."""
        return self.schedule.pack(self.group, self.core, self.parameters, self.weights())


def draw_cases(
    schedule: Schedule,
    cores: tuple[Core, ...],
    count: int,
    random: Random,
    storages: tuple[str, ...] = STORAGES,
) -> list[Case]:
    """`count` cases for a generator: groups that it accepts, with any of its parameters.

    Every form that it accepts is drawn equally often. There are fewer cases than wanted, or none,
    if it accepts nothing of what is drawn.
    """
    accepted: dict[str, list[Case]] = {}
    for name, form in (INTEGER_FORMS if schedule.dtype == "int8" else FORMS).items():
        for _ in range(40 * count):
            group, core = _stored(form(random), random.choice(storages)), random.choice(cores)
            if len(accepted.get(name, ())) == count:
                break
            if schedule.accepts(group, core):
                space = schedule.space(group, core)
                parameters = {key: random.choice(values) for key, values in space.items()}
                case = Case(schedule, group, core, parameters, random.choice(AHEAD))
                accepted.setdefault(name, []).append(case)
    rounds = zip_longest(*accepted.values())
    return [case for cases in rounds for case in cases if case is not None][:count]


def _stored(group: Group, storage: str) -> Group:
    """The group with its weights, if it has any, in a type of storage."""
    kinds = {kernel.kind for kernel in group.kernels}
    floats = all(kernel.dtype == "float32" for kernel in group.kernels)
    return replace(group, storage=storage) if floats and kinds & {"conv", "dwconv"} else group


def _weights(
    kernel: Kernel, storage: str, random: np.random.Generator
) -> list[npt.NDArray[np.float32]]:
    """Sums reach all parts of the activations; exact in the type of storage."""
    if kernel.kind not in ("conv", "dwconv"):
        return []
    reads, channels = kernel.input[-1], kernel.output[-1]
    last = (channels, 1) if kernel.kind == "dwconv" else (reads, channels)
    weight = random.standard_normal((kernel.window, kernel.window, *last), np.float32)
    scale = np.sqrt(kernel.window**2 * last[0] if kernel.kind == "conv" else kernel.window**2)
    bias = random.standard_normal((1, 1, 1, channels), np.float32)
    exact = (array.astype(storage) for array in (weight * np.float32(3 / scale), bias))
    return [array.astype(np.float32) for array in exact]


def _shape(random: Random) -> Shape:
    return random.choice(SIDES), random.choice(SIDES), random.choice(CHANNELS)


def _wide(random: Random) -> Shape:
    return random.choice(SIDES), random.choice(SIDES[1:]), random.choice(CHANNELS)


def _epilogue(random: Random) -> tuple[str, ...]:
    activation = random.choice(ACTIVATIONS)
    return ("bias", activation) if activation else ("bias",)


def _pointwise(shape: Shape, channels: int, epilogue: tuple[str, ...]) -> Kernel:
    output = (*shape[:2], channels)
    others = (output,) if "add" in epilogue else ()
    return Kernel("conv", shape, output, epilogue=epilogue, others=others)


def _windowed(random: Random, kind: Literal["conv", "dwconv"], shape: Shape, out: int) -> Kernel:
    """With one of the paddings that tables know, or none, if a window fits in."""
    window = random.choice((1, 3, 3, 5) if kind == "conv" else (3, 3, 3, 5, 5, 7))
    dilation, stride = random.choice((1, 1, 1, 2)), random.choice((1, 2))
    reach = (window - 1) * dilation + 1
    (top, bottom), (left, right) = (_same(side, reach, stride) for side in shape[:2])
    paddings = [(top, left, bottom, right), (reach // 2,) * 4]
    if reach <= min(shape[:2]):
        paddings.append((0,) * 4)
    top, left, bottom, right = random.choice(paddings)
    rows = (shape[0] + top + bottom - reach) // stride + 1
    columns = (shape[1] + left + right - reach) // stride + 1
    return Kernel(
        kind,
        shape,
        (rows, columns, out),
        window=window,
        stride=stride,
        dilation=dilation,
        padding=(top, left, bottom, right),
        epilogue=_epilogue(random),
    )


def _same(side: int, reach: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME padding."""
    total = max((-(-side // stride) - 1) * stride + reach - side, 0)
    return total // 2, total - total // 2


def _mean(shape: tuple[int, ...]) -> Kernel:
    return Kernel("pool", shape, (1, 1, shape[2]))


def _with_residual(kernel: Kernel) -> Kernel:
    return Kernel(
        kernel.kind,
        kernel.input,
        kernel.output,
        kernel.window,
        kernel.stride,
        kernel.dilation,
        kernel.padding,
        ("bias", "add"),
        others=(kernel.output,),
    )


def _single(kernel: Kernel, *reads: int) -> Group:
    return Group((kernel,), (reads or (-1,),), (0,))


def _convolution_1x1(random: Random) -> Group:
    return _single(_pointwise(_wide(random), random.choice(CHANNELS), _epilogue(random)))


def _convolution_1x1_and_residual(random: Random) -> Group:
    shape = _wide(random)
    channels = random.choice((random.choice(CHANNELS), shape[2]))
    kernel = _pointwise(shape, channels, ("bias", "add"))
    return _single(kernel, -1, random.choice((-1, -2)) if kernel.output == shape else -2)


def _fully_connected(random: Random) -> Group:
    shape = (1, 1, random.choice((*CHANNELS, 67)))
    kernel = _pointwise(shape, random.choice((*CHANNELS, 150)), _epilogue(random))
    if random.random() < 0.3:
        return _single(_with_residual(kernel), -1, -2)
    return _single(kernel)


def _convolution(random: Random) -> Group:
    kernel = _windowed(random, "conv", _shape(random), random.choice(CHANNELS))
    if random.random() < 0.3:
        return _single(_with_residual(kernel), -1, -2)
    return _single(kernel)


def _gated(random: Random) -> Group:
    shape = _wide(random)
    gate = Kernel("gate", shape, shape, others=((1, 1, shape[2]),))
    kernel = _pointwise(shape, random.choice((random.choice(CHANNELS), shape[2])), ("bias",))
    if random.random() < 0.5:
        kernel = _with_residual(kernel)
        residual = random.choice((-1, -3, 0)) if kernel.output == shape else -3
        return Group((gate, kernel), ((-1, -2), (0, residual)), (1,))
    kernel = _pointwise(shape, kernel.output[2], _epilogue(random))
    return Group((gate, kernel), ((-1, -2), (0,)), (1,))


def _convolution_and_mean(random: Random) -> Group:
    kernel = _pointwise(_wide(random), random.choice(CHANNELS), _epilogue(random))
    return Group((kernel, _mean(kernel.output)), ((-1,), (0,)), (1,))


def _gated_and_mean(random: Random) -> Group:
    shape = _wide(random)
    gate = Kernel("gate", shape, shape, others=((1, 1, shape[2]),))
    kernel = _pointwise(shape, random.choice(CHANNELS), _epilogue(random))
    return Group((gate, kernel, _mean(kernel.output)), ((-1, -2), (0,), (1,)), (2,))


def _depthwise(random: Random) -> Group:
    shape = _shape(random)
    return _single(_windowed(random, "dwconv", shape, shape[2]))


def _depthwise_and_mean(random: Random) -> Group:
    (kernel,) = _depthwise(random).kernels
    writes = random.choice(((0, 1), (1,)))
    return Group((kernel, _mean(kernel.output)), ((-1,), (0,)), writes)


def _expand_depthwise(random: Random) -> Group:
    expand = _pointwise(_shape(random), random.choice(CHANNELS), _epilogue(random))
    depthwise = _windowed(random, "dwconv", _as_shape(expand.output), expand.output[2])
    if random.random() < 0.5:
        return Group((expand, depthwise), ((-1,), (0,)), (1,))
    return Group((expand, depthwise, _mean(depthwise.output)), ((-1,), (0,), (1,)), (1, 2))


def _inverted_residual(random: Random) -> Group:
    """Half of them with a residual, where the shapes allow one."""
    shape, wanted = _shape(random), random.choice((None, None, -1, 0))
    first = _windowed(random, "conv", shape, random.choice(CHANNELS))
    if random.random() < 0.5:
        first = _pointwise(shape, random.choice(CHANNELS), _epilogue(random))
    depthwise = _windowed(random, "dwconv", _as_shape(first.output), first.output[2])
    ends = {-1: shape, 0: first.output}
    channels = ends[wanted][2] if wanted is not None else random.choice(CHANNELS)
    project = _pointwise(_as_shape(depthwise.output), channels, ("bias",))
    residual: tuple[int, ...] = ()
    if wanted is not None and ends[wanted] == project.output:
        project, residual = _with_residual(project), (wanted,)
    return Group((first, depthwise, project), ((-1,), (0,), (1, *residual)), (2,))


def _as_shape(shape: tuple[int, ...]) -> Shape:
    height, width, channels = shape
    return height, width, channels


def _pool(random: Random) -> Group:
    return _single(_mean(_shape(random)))


def _average_pool(random: Random) -> Group:
    height, width, channels = _shape(random)
    window = random.randint(1, height), random.randint(1, width)
    strides = random.randint(1, 4), random.randint(1, 4)
    rows, columns = (height - window[0]) // strides[0] + 1, (width - window[1]) // strides[1] + 1
    detail = f"{window[0]}x{window[1]}by{strides[0]}x{strides[1]}"
    return _single(
        Kernel("average", (height, width, channels), (rows, columns, channels), detail=detail)
    )


def _gate(random: Random) -> Group:
    """Squeeze-and-excite's, a product of like tensors, or one side broadcast."""
    shape = height, width, channels = _shape(random)
    other = random.choice([(1, 1, channels), shape, (height, width, 1)])
    first, second = random.choice([(shape, other), (other, shape)])
    detail = "" if second[:2] == (1, 1) else "x".join(map(str, second))
    kernel = Kernel("gate", first, shape, detail=detail, others=(second,))
    return _single(kernel, -1, random.choice((-1, -2)) if first == second else -2)


def _add(random: Random) -> Group:
    shape = _shape(random)
    return _single(Kernel("add", shape, shape, others=(shape,)), -1, random.choice((-1, -2)))


def _concat(random: Random) -> Group:
    height, width, _ = _shape(random)
    channels = [random.choice(CHANNELS) for _ in range(random.randint(2, 4))]
    shapes = [(height, width, width_of) for width_of in channels]
    reads = list(range(-1, -1 - len(shapes), -1))
    if random.random() < 0.3:  # one tensor twice
        shapes.append(shapes[0])
        reads.append(-1)
    output = (height, width, sum(shape[2] for shape in shapes))
    kernel = Kernel("concat", shapes[0], output, others=tuple(shapes[1:]))
    return _single(kernel, *reads)


def _resize(random: Random) -> Group:
    shape = _shape(random)
    output = (random.choice((*SIDES, 22)), random.choice((*SIDES, 22)), shape[2])
    mode = random.choice(("align_corners", "half_pixel"))
    return _single(Kernel("resize", shape, output, detail=mode))


FORMS: dict[str, Callable[[Random], Group]] = {
    "1x1 convolution": _convolution_1x1,
    "1x1 convolution and residual": _convolution_1x1_and_residual,
    "fully connected": _fully_connected,
    "convolution": _convolution,
    "gate, 1x1 convolution": _gated,
    "1x1 convolution, mean": _convolution_and_mean,
    "gate, 1x1 convolution, mean": _gated_and_mean,
    "depthwise convolution": _depthwise,
    "depthwise convolution, mean": _depthwise_and_mean,
    "expansion, depthwise convolution": _expand_depthwise,
    "convolution, depthwise convolution, projection": _inverted_residual,
    "mean": _pool,
    "average": _average_pool,
    "gate": _gate,
    "add": _add,
    "concat": _concat,
    "resize": _resize,
}


def _as_integers(form: Callable[[Random], Group]) -> Callable[[Random], Group]:
    """The same of int8, which saturates where float32 has a ReLU."""

    def converted(random: Random) -> Group:
        group = form(random)
        kernels = (
            replace(
                kernel,
                dtype="int8",
                epilogue=tuple(name for name in kernel.epilogue if name in INTEGER_STEPS),
            )
            for kernel in group.kernels
        )
        return replace(group, kernels=tuple(kernels))

    return converted


def _elementwise(kind: Literal["quantize", "dequantize", "lookup"]) -> Callable[[Random], Group]:
    def form(random: Random) -> Group:
        shape = _shape(random)
        return _single(Kernel(kind, shape, shape, dtype="int8"))

    return form


INTEGER_STEPS = ("bias", "hswish", "hard_sigmoid", "add")


def _leaving(form: Callable[[Random], Group]) -> Callable[[Random], Group]:
    """The same of int8, whose sums become float32."""

    def converted(random: Random) -> Group:
        (kernel,) = form(random).kernels
        return _single(replace(kernel, dtype="int8", others=(), epilogue=("bias", "dequantize")))

    return converted


def _shifting_left(form: Callable[[Random], Group]) -> Callable[[Random], Group]:
    """The same of int8, with sums that are shifted to the left."""

    def converted(random: Random) -> Group:
        group = _as_integers(form)(random)
        (kernel,) = group.kernels
        bias, *others = kernel.epilogue
        return replace(group, kernels=(replace(kernel, epilogue=(bias, "left", *others)),))

    return converted


INTEGER_FORMS = {name: _as_integers(form) for name, form in FORMS.items()} | {
    "quantize": _elementwise("quantize"),
    "dequantize": _elementwise("dequantize"),
    "lookup": _elementwise("lookup"),
    "1x1 convolution to float32": _leaving(_convolution_1x1),
    "fully connected to float32": _leaving(_fully_connected),
    "convolution to float32": _leaving(_convolution),
    "depthwise convolution to float32": _leaving(_depthwise),
    "1x1 convolution, left": _shifting_left(_convolution_1x1),
    "1x1 convolution and residual, left": _shifting_left(_convolution_1x1_and_residual),
    "convolution, left": _shifting_left(_convolution),
    "depthwise convolution, left": _shifting_left(_depthwise),
}
