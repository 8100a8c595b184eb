"""`Kernel`: what a fused kernel computes, read from its Relax function, and the name that says it.

The name is the key of tuning logs and records, so it depends on what is computed and on nothing
else: kind, window, shapes, stride, padding, epilogue, type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from mnv3gen.lower import operators
from mnv3gen.quantize.operators import LEFT as LEFT_SUFFIX
from mnv3gen.quantize.operators import PREFIX as INT8

Kind: TypeAlias = Literal[
    "conv",
    "dwconv",
    "pool",
    "average",
    "gate",
    "add",
    "clip",
    "concat",
    "resize",
    "max",
    "activation",
    "softmax",
    "quantize",
    "dequantize",
    "lookup",
]
SHORT_NAMES = {"float32": "f32", "int8": "i8"}

LEAVES = "dequantize"  # sums of integers as they are, in float32
LEFT = "left"  # sums some of which are shifted to the left before they are requantized
EPILOGUE_NAMES = {
    "relax.nn.relu": "relu",
    "relax.clip": "relu6",
    operators.HSWISH: "hswish",
    operators.HARD_SIGMOID: "hard_sigmoid",
    operators.SIGMOID: "sigmoid",
    INT8 + "requantize": "",
    INT8 + "requantize_hswish": "hswish",
    INT8 + "requantize_hard_sigmoid": "hard_sigmoid",
    INT8 + "add": "add",
    INT8 + "dequantize_sums": LEAVES,
}


@dataclass(frozen=True)
class Kernel:
    """A fused kernel; shapes are (height, width, channels), `padding` (top, left, bottom, right).

    `stride` is the step down, and along a row too unless `along` is another.
    `epilogue` lists what follows the sum of products, in order: "bias", an activation, "add" for a
    residual input. `detail` is what else tells kernels of a kind apart. `others` has the shapes of
    the tensors that are read beside the first: the residual, a gate, what is concatenated. `dtype`
    is "float32" or "int8"; what "quantize" reads and "dequantize" writes is float32 all the same,
    be it a kernel or the last step of a convolution.
    """

    kind: Kind
    input: tuple[int, ...]
    output: tuple[int, ...]
    window: int = 1
    stride: int = 1
    dilation: int = 1
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    epilogue: tuple[str, ...] = ()
    dtype: str = "float32"
    detail: str = ""
    others: tuple[tuple[int, ...], ...] = ()
    along: int = 0

    @property
    def reads(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the tensors that are read; weights and other constants are none."""
        return (self.input, *self.others)

    @property
    def read_dtype(self) -> str:
        """The element type of the tensors that are read."""
        return "float32" if self.kind == "quantize" else self.dtype

    @property
    def written_dtype(self) -> str:
        """The element type of what is made."""
        leaves = self.kind == "dequantize" or LEAVES in self.epilogue
        return "float32" if leaves else self.dtype

    @property
    def name(self) -> str:
        """Such as `dwconv5x5_56x56x72_28x28x72_s2_p1122_bias_relu_f32`; a C identifier."""
        window = f"{self.window}x{self.window}" if self.kind in ("conv", "dwconv") else ""
        parts = [f"{self.kind}{window}", _by(self.input), _by(self.output)]
        if self.detail:
            parts.append(self.detail)
        if self.along:
            parts.append(f"s{self.stride}x{self.along}")
        elif self.stride > 1:
            parts.append(f"s{self.stride}")
        if self.dilation > 1:
            parts.append(f"d{self.dilation}")
        if any(self.padding):
            parts.append("p" + ("x" if max(self.padding) > 9 else "").join(map(str, self.padding)))
        return "_".join([*parts, *self.epilogue, SHORT_NAMES[self.dtype]])

    @property
    def madds(self) -> int:
        """Multiply-adds of the convolution, counting padded positions too; 0 for other kinds."""
        if self.kind not in ("conv", "dwconv"):
            return 0
        height, width, channels = self.output
        reads = 1 if self.kind == "dwconv" else self.input[-1]
        return height * width * channels * self.window**2 * reads


def read_kernel(function: Any) -> Kernel:
    """The kernel that a fused Relax function (FuseOpsByPattern's composite) computes."""
    from tvm import relax

    bindings = [binding for block in function.body.blocks for binding in block.bindings]
    calls = [binding.value for binding in bindings if isinstance(binding.value, relax.Call)]
    inputs = [_shape(variable) for variable in function.params if hasattr(variable.ty, "dtype")]
    written = _shape(calls[-1])
    name = str(calls[0].op.name)
    if name in ("relax.nn.conv2d", INT8 + "pad"):
        return _read_convolution(calls, inputs[0], written)
    kind, detail = OTHER_KINDS[name]
    inputs = [shape for shape in inputs if len(shape) in (0, len(written))]
    if kind in ("gate", "add") and len(inputs) == 1:  # a tensor with itself
        inputs = inputs * 2
    others = tuple(shape for shape in inputs[1:] if len(shape) == len(written))
    dtype = "int8" if name.startswith(INT8) else str(calls[0].ty.dtype)
    return Kernel(
        kind, inputs[0], written, dtype=dtype, detail=detail(calls[0], inputs), others=others
    )


def _window_and_strides(call: Any, _inputs: list[tuple[int, ...]]) -> str:
    return f"{_by(call.attrs.pool_size)}by{_by(call.attrs.strides)}"


def _sides_of_window(call: Any, _inputs: list[tuple[int, ...]]) -> str:
    """Window, strides and padding of a largest."""
    pads = _by(int(side) for side in call.attrs.padding)
    return f"{_by(call.attrs.pool_size)}by{_by(call.attrs.strides)}_p{pads}"


def _short_name(call: Any, _inputs: list[tuple[int, ...]]) -> str:
    return EPILOGUE_NAMES[str(call.op.name)]


def _coordinates(call: Any, _inputs: list[tuple[int, ...]]) -> str:
    return str(call.attrs.coordinate_transformation_mode)


def _further_inputs(_call: Any, inputs: list[tuple[int, ...]]) -> str:
    return "_".join(map(_by, inputs[1:]))


def _gate_shape(_call: Any, inputs: list[tuple[int, ...]]) -> str:
    """Nothing for squeeze-and-excite's one value a channel."""
    return "" if inputs[1][:-1] == (1, 1) else _scalar(_call, inputs) or _by(inputs[1])


def _scalar(_call: Any, inputs: list[tuple[int, ...]]) -> str:
    return "scalar" if inputs[1] == () else ""


def _nothing(_call: Any, _inputs: list[tuple[int, ...]]) -> str:
    return ""


def _sides_of_argument(call: Any, _inputs: list[tuple[int, ...]]) -> str:
    """The window and the strides of an integer average."""
    down, right, *strides = (int(side) for side in call.args[2].ty.values)
    return f"{_by((down, right))}by{_by(strides)}"


def _named_coordinates(call: Any, _inputs: list[tuple[int, ...]]) -> str:
    return str(call.attrs["coordinates"])


OTHER_KINDS: dict[str, tuple[Kind, Callable[[Any, list[tuple[int, ...]]], str]]] = {
    "relax.mean": ("pool", _nothing),
    "relax.nn.avg_pool2d": ("average", _window_and_strides),
    "relax.multiply": ("gate", _gate_shape),
    "relax.add": ("add", _scalar),
    "relax.clip": ("clip", _nothing),
    "relax.concat": ("concat", _further_inputs),
    "relax.image.resize2d": ("resize", _coordinates),
    "relax.nn.max_pool2d": ("max", _sides_of_window),
    "relax.nn.softmax": ("softmax", _nothing),
    "relax.nn.relu": ("activation", _short_name),
    operators.HSWISH: ("activation", _short_name),
    operators.HARD_SIGMOID: ("activation", _short_name),
    operators.SIGMOID: ("activation", _short_name),
    INT8 + "quantize": ("quantize", _nothing),
    INT8 + "dequantize": ("dequantize", _nothing),
    INT8 + "mean": ("pool", _nothing),
    INT8 + "average": ("average", _sides_of_argument),
    INT8 + "gate": ("gate", _gate_shape),
    INT8 + "add": ("add", _nothing),
    INT8 + "resize": ("resize", _named_coordinates),
    INT8 + "lookup": ("lookup", _nothing),
}


def _read_convolution(calls: list[Any], read: tuple[int, ...], written: tuple[int, ...]) -> Kernel:
    """One that is padded by an operator of its own is one of integers."""
    pad, convolution, *after = calls if calls[0].op.name == INT8 + "pad" else [None, *calls]
    attributes = convolution.attrs
    sides = attributes.padding if pad is None else pad.args[2].ty.values
    top, left, bottom, right = (int(side) for side in sides)
    epilogue = _epilogue([str(call.op.name) for call in after])
    down, along = (int(step) for step in attributes.strides)
    return Kernel(
        "dwconv" if int(attributes.groups) > 1 else "conv",
        read,
        written,
        window=int(convolution.args[1].ty.shape[0]),
        stride=down,
        dilation=int(attributes.dilation[0]),
        padding=(top, left, bottom, right),
        epilogue=epilogue,
        dtype="int8" if str(convolution.ty.dtype) == "int32" else str(calls[-1].ty.dtype),
        others=(written,) if "add" in epilogue else (),
        along=0 if along == down else along,
    )


def _epilogue(operators_after: list[str]) -> tuple[str, ...]:
    """The first addition after the sums is the bias, a later one the residual.

    Integers are always requantized, so that this alone is nothing worth a name.
    """
    names: list[str] = []
    for name in operators_after:
        added = "add" if "bias" in names else "bias"
        known = name.removesuffix(LEFT_SUFFIX)
        if known != name:
            names.append(LEFT)
        names.append(added if name == "relax.add" else EPILOGUE_NAMES[known])
    return tuple(name for name in names if name)


def _shape(value: Any) -> tuple[int, ...]:
    """Without the batch axis."""
    return tuple(int(side) for side in value.ty.shape)[1:]


def _by(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape))
