"""`Quantized`: an int8 network as data, in the form that the executor and the Relax pass read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Graph

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class Scale:
    """What an int8 tensor's elements stand for: `scale` * (element - `zero_point`)."""

    scale: float
    zero_point: int

    @property
    def inverse(self) -> np.float32:
        """What `quantize` multiplies by."""
        return np.float32(1 / self.scale)


@dataclass(frozen=True)
class ConvolutionConstants:
    """What the kernel of a convolution reads; `arithmetic.py` says what it does with them.

    `weight` is int8 OIHW, `bias` int32 with the zero point's part and the rounding half, `shift`
    int32, `multiplier` int16, each with one value a channel. `last` is int16, (zero point,) or
    (power, factor, zero point). `pad` is the input's zero point. `table` (int8, 256) follows as a
    `lookup` where the activation is neither saturation nor one of the integer forms; the tensor
    before it is called `sums_name(node)`.

    Of a convolution that makes an output of the network, `unit` (float32, a value a channel) is
    what its sums are multiplied by. They are then not requantized, and `shift` is 0, so that the
    bias has no rounding half.
    """

    weight: Array
    bias: Array
    shift: Array
    multiplier: Array
    last: Array
    pad: np.int8
    table: Array | None = None
    unit: Array | None = None

    @property
    def shifts_left(self) -> bool:
        """Whether the sums of a channel are too coarse for the output's scale."""
        return bool((self.shift < 0).any())


@dataclass(frozen=True)
class Raised:
    """A scale that had to be larger than the tensor's range asks for."""

    tensor: str
    wanted: float
    made: float


@dataclass(frozen=True)
class Quantized:
    """A network of int8 tensors.

    `graph` and `weights` have batch normalization folded into convolutions with a bias (`folding`);
    the Relax pass takes `to_relax` of these two. `scales` has every tensor of the graph, the
    input's included, and `sums_name(node)` for those before a table. `constants` has each node that
    is computed in integers and needs any: a convolution's `ConvolutionConstants`, of others the
    vector that their function in `arithmetic.py` takes. `float_nodes` are computed in float32,
    between a `dequantize` and a `quantize`.
    """

    graph: Graph
    weights: Mapping[str, Array]
    scales: Mapping[str, Scale]
    constants: Mapping[str, ConvolutionConstants | Array]
    float_nodes: frozenset[str] = frozenset()
    raised: tuple[Raised, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything that decides what is computed."""
        digest = hashlib.sha256(repr(sorted(self.float_nodes)).encode())
        for name, scale in sorted(self.scales.items()):
            digest.update(f"{name} {scale.scale.hex()} {scale.zero_point}\n".encode())
        for name, constants in sorted(self.constants.items()):
            digest.update(f"{name}\n".encode())
            for array in _arrays(constants):
                digest.update(f"{array.shape} {array.dtype}\n".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def convolution(self, name: str) -> ConvolutionConstants:
        """The constants of a convolution that is computed in integers."""
        constants = self.constants[name]
        assert isinstance(constants, ConvolutionConstants)
        return constants

    def vector(self, name: str) -> Array:
        """The constants of another operator that is computed in integers."""
        constants = self.constants[name]
        assert isinstance(constants, np.ndarray)
        return constants

    def leaves_integers(self, node: str) -> bool:
        """Whether a node is a convolution whose sums become float32."""
        constants = self.constants.get(node)
        return isinstance(constants, ConvolutionConstants) and constants.unit is not None


def _arrays(constants: ConvolutionConstants | Array) -> list[Array]:
    if isinstance(constants, np.ndarray):
        return [constants]
    values = (getattr(constants, field.name) for field in fields(constants))
    return [np.asarray(value) for value in values if value is not None]


def sums_name(node: str) -> str:
    """The name of what a convolution's activation is applied to; no node is called so."""
    return f"{node}:sums"
