"""What int8 kernels compute with: products that are summed in int32, and the steps in int16.

`docs/quantization.md` and `mnv3gen/quantize/arithmetic.py` define every step; here they are the
instructions of a core. Channels go by units of 8: one vector of sums with AVX2, two with NEON.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mnv3gen.generate.builder import Builder, Index, Memory, Value, broadcast
from mnv3gen.quantize.arithmetic import FRACTION, HALF
from mnv3gen.targets import Core

UNIT = 8  # channels
AVX2_LANES, NEON_LANES = 8, 4
# Values that one lane sums at a time: of a reduction, and of rows of a depthwise window.
GROUPS = {"vpdpbusd": 4, "pmaddwd": 2, "sdot": 4, "smlal": 4, "plain": 1}
ROW_GROUPS = GROUPS | {"smlal": 1}
ALONG_GROUPS = GROUPS | {"smlal": 8}
X86 = ("vpdpbusd", "pmaddwd", "plain")
UNSIGNED = 128  # what `vpdpbusd` needs added to activations: it takes them for unsigned
SIGNS = -0x7F7F7F80  # a word of four bytes 0x80: an exclusive or with it adds 128 to each


class Integers:
    """A core's instructions for int8: vectors of `lanes` sums, each of `group` products at a time.

    Products read activations that are as `data_dtype` in memory: int16 with AVX2, else as they are.
    NEON without dot products sums pairs of products in int16, and pairs of those in a channel's
    lane; `along`, each channel has a vector of sums over the reduction. `by_rows`, in depthwise
    convolutions, it multiplies int16.
    """

    def __init__(
        self, builder: Builder, core: Core, by_rows: bool = False, along: bool = False
    ) -> None:
        self.builder, self.products = builder, core.products
        self.lanes = AVX2_LANES if self.products in ("vpdpbusd", "pmaddwd") else NEON_LANES
        self.group = groups_of(along, by_rows)[self.products]
        self.adds_along = self.products == "smlal" and along
        self.multiplies_halves = self.products == "smlal" and by_rows
        widens = self.products == "pmaddwd" or self.multiplies_halves
        self.data_dtype = "int16" if widens else "int8"
        self.is_arm32 = self.products == "smlal" and core.vector_registers < 32
        two = self.multiplies_halves and not self.is_arm32  # whose registers are few
        self.loaded = UNIT if two else self.lanes  # channels of `values`

    @property
    def vector(self) -> tuple[str, int]:
        """Type and lanes of a vector of what is multiplied: each lane's group of values."""
        match self.products:
            case "pmaddwd":
                return "int16", 2 * self.lanes
            case "plain":
                return "int32", self.lanes
        if self.multiplies_halves:
            return "int16", self.loaded
        return "int8", 4 * self.lanes

    def values(self, memory: Memory, at: Index) -> Value:
        """Groups of values of consecutive channels, as weights lie and depthwise data."""
        from tvm import tirx

        dtype, count = self.vector
        value = self.builder.load(memory, at, count)
        return value if memory.dtype == dtype else tirx.Cast(f"{dtype}x{count}", value)

    def data(self, memory: Memory, at: Index) -> Value:
        """A group of activations in every lane."""
        from tvm import tirx

        load = self.builder.load
        match self.products:
            case "vpdpbusd":
                word = tirx.reinterpret("int32", load(memory, at, 4))
                signs = constant_of(SIGNS, "int32", self.lanes)
                return tirx.reinterpret("int8x32", broadcast(word, self.lanes) ^ signs)
            case "pmaddwd":
                pair = tirx.reinterpret("int32", load(memory, at, 2))
                return tirx.reinterpret("int16x16", broadcast(pair, self.lanes))
            case "sdot" | "smlal":
                return self.lane(load(memory, at, 4), 0)
        return broadcast(tirx.Cast("int32", load(memory, at, 1)), self.lanes)

    def lane(self, vector: Value, number: int) -> Value:
        """As `data`, one of the groups in a vector of int8, where products go by lanes.

        Without dot products it is two vectors, each with one pair of the group in every lane.
        """
        from tvm import tirx

        size = lanes_of_value(vector)
        if self.products == "smlal":
            pairs = tirx.reinterpret(f"int16x{size // 2}", vector)
            return [_repeated(pairs, 2 * number + it) for it in (0, 1)]
        words = tirx.reinterpret("int32" if size == 4 else f"int32x{size // 4}", vector)
        word = words if size == 4 else shuffled([words], [number])
        return tirx.reinterpret("int8x16", broadcast(word, self.lanes))

    def share(self, values: Value, number: int) -> Value:
        """Of `values`, what one vector of sums takes."""
        if self.loaded == self.lanes:
            return values
        return part(values, number * self.lanes, self.lanes)

    def dot(self, total: Value, data: Value, weights: Value) -> Value:
        """The sums after a group's products were added to each lane."""
        from tvm import tirx

        match self.products:
            case "vpdpbusd":
                return _call("int32x8", "llvm.x86.avx512.vpdpbusd.256", total, data, weights)
            case "pmaddwd":
                return total + _call("int32x8", "llvm.x86.avx2.pmadd.wd", data, weights)
            case "sdot":
                name = "llvm.aarch64.neon.sdot.v4i32.v16i8"
                return _call("int32x4", name, total, data, weights)
            case "smlal" if self.multiplies_halves:
                wide = f"int32x{self.lanes}"
                return total + tirx.Cast(wide, data) * tirx.Cast(wide, weights)
            case "smlal":
                halves = [part(pair, at, 8) for at, pair in zip((0, 8), data, strict=True)]
                return self._added_pairs(total, halves, weights)
        return total + data * weights

    def along(self, total: Value | None, data: Value, weights: Value) -> Value:
        """Sums of a channel's products of 8 or 16 values, int32x4, added to those there were."""
        halves = [part(data, at, 8) for at in range(0, lanes_of_value(data), 8)]
        return self._added_pairs(total, halves, weights)

    def _added_pairs(self, total: Value | None, halves: Sequence[Value], weights: Value) -> Value:
        """int32x4 and pairs of what lies side by side, of one or two int8x8 times weights' parts.

        Two products are summed in int16: |-128 * 127 * 2| is less than 2^15. LLVM makes one
        instruction of pairs and their addition for 64-bit ARM only.
        """
        from tvm import tirx

        first, *others = (
            tirx.Cast("int16x8", half) * tirx.Cast("int16x8", part(weights, 8 * number, 8))
            for number, half in enumerate(halves)
        )
        value = first + others[0] if others else first
        if self.is_arm32 and total is not None:
            return _call("int32x4", "llvm.arm.neon.vpadals.v4i32.v8i16", total, value)
        arm32, arm64 = "llvm.arm.neon.vpaddls.v4i32.v8i16", "llvm.aarch64.neon.saddlp.v4i32.v8i16"
        pairs = _call("int32x4", arm32 if self.is_arm32 else arm64, value)
        return pairs if total is None else total + pairs

    def joined_sums(self, sums: Sequence[Value]) -> Value:
        """Four channels' sums along the reduction, each int32x4, as one lane a channel."""
        first, second = (self._pairs(*sums[at : at + 2]) for at in (0, 2))
        return self._pairs(first, second)

    def _pairs(self, first: Value, second: Value) -> Value:
        """Sums of neighbouring lanes of two int32x4."""
        if not self.is_arm32:
            return _call("int32x4", "llvm.aarch64.neon.addp.v4i32", first, second)
        halves = [
            _call("int32x2", "llvm.arm.neon.vpadd.v2i32", part(it, 0, 2), part(it, 2, 2))
            for it in (first, second)
        ]
        return _joined(halves, 2)

    def scaled(
        self,
        sums: Sequence[Value],
        shifts: Sequence[Value],
        multiplier: Value,
        left: bool = False,
    ) -> Value:
        """`arithmetic.scaled`: vectors of sums to one of int16; ARM shifts right by less than 0.

        Some shifts may go left only with `left`.
        """
        pairs = zip(sums, shifts, strict=True)
        shifted = [self._shifted(value, shift, left) for value, shift in pairs]
        return self.high_product(self._narrow(shifted), multiplier)

    def _shifted(self, value: Value, shift: Value, left: bool) -> Value:
        if self.products in X86:
            return self._shifted_both(value, shift) if left else value >> shift
        saturating = "q" if left else ""
        name = f"llvm.aarch64.neon.s{saturating}shl.v4i32"
        if self.is_arm32:
            name = f"llvm.arm.neon.v{saturating}shifts.v4i32"
        return _call("int32x4", name, value, shift)

    def _shifted_both(self, value: Value, shift: Value) -> Value:
        """What is saturated before it goes left by at most 15 bits fits in int32."""
        import numpy as np
        from tvm import tirx

        lanes = lanes_of_value(value)
        none = constant_of(0, "int32", lanes)
        right, left = tirx.max(shift, none), tirx.max(none - shift, none)
        limits = np.iinfo(np.int16)
        low, high = (constant_of(int(it), "int32", lanes) for it in (limits.min, limits.max))
        return tirx.max(tirx.min(value >> right, high), low) << left

    def _narrow(self, values: Sequence[Value]) -> Value:
        """int32 to int16, saturated."""
        lanes = len(values) * self.lanes
        if self.products in X86:
            return _clamped(_joined(values, self.lanes), "int32", "int16", lanes)
        name = "llvm.arm.neon.vqmovns.v4i16" if self.is_arm32 else "llvm.aarch64.neon.sqxtn.v4i16"
        return _joined([_call("int16x4", name, value) for value in values], 4)

    def high_product(self, first: Value, second: Value) -> Value:
        """`arithmetic.high_product` of int16 vectors."""
        from tvm import tirx

        lanes = lanes_of_value(first)
        name = self._high_products().get(lanes)
        if name is not None:
            return _call(f"int16x{lanes}", name, first, second)
        wide = f"int32x{lanes}"
        product = tirx.Cast(wide, first) * tirx.Cast(wide, second) + constant_of(
            HALF, "int32", lanes
        )
        return tirx.Cast(f"int16x{lanes}", product >> constant_of(15, "int32", lanes))

    def _high_products(self) -> dict[int, str]:
        """The instruction by the number of lanes."""
        if self.products in ("vpdpbusd", "pmaddwd"):
            return {16: "llvm.x86.avx2.pmul.hr.sw", 8: "llvm.x86.ssse3.pmul.hr.sw.128"}
        if self.products == "plain":
            return {}
        arm = "llvm.arm.neon.vqrdmulh" if self.is_arm32 else "llvm.aarch64.neon.sqrdmulh"
        return {8: f"{arm}.v8i16"}

    def saturating_sum(self, first: Value, second: Value) -> Value:
        """The sum of int16 vectors, saturated."""
        lanes = lanes_of_value(first)
        return _call(f"int16x{lanes}", f"llvm.sadd.sat.v{lanes}i16", first, second)

    def narrowed(self, value: Value, offset: Value) -> Value:
        """`arithmetic.narrowed` as int8; `offset` is 32 * zero point + 16 in every lane."""
        lanes = lanes_of_value(value)
        moved = self.saturating_sum(value, offset)
        if self.products in X86:
            shifted = moved >> constant_of(FRACTION, "int16", lanes)
            return _clamped(shifted, "int16", "int8", lanes)
        if self.is_arm32:
            shifted = moved >> constant_of(FRACTION, "int16", lanes)
            return _call("int8x8", "llvm.arm.neon.vqmovns.v8i8", shifted)
        return _call("int8x8", "llvm.aarch64.neon.sqshrn.v8i8", moved, _number(FRACTION))

    def hard_sigmoid(self, value: Value, low: Value, high: Value, power: Value) -> Value:
        """`clip(x/6 + 1/2, 0, 1)` in units of 2^-15; the limits are in memory with the power."""
        from tvm import tirx

        lanes = lanes_of_value(value)
        inner = tirx.max(tirx.min(value, high), low)
        return inner * power + constant_of(HALF, "int16", lanes)

    def centered(self, value: Value, zero: Value) -> Value:
        """The distance of int8 elements to their zero point, in units of 2^-7, as int16.

        `zero` is 128 * zero point.
        """
        from tvm import tirx

        lanes = lanes_of_value(value)
        wide = tirx.Cast(f"int16x{lanes}", value)
        return (wide << constant_of(7, "int16", lanes)) - zero


def is_neon64(core: Core) -> bool:
    """Whether a core has the vector instructions of 64-bit ARM."""
    return core.products in ("sdot", "smlal") and core.vector_registers >= 32


def groups_of(along: bool = False, by_rows: bool = False) -> dict[str, int]:
    """Values that one lane sums at a time, by the products' name."""
    return ALONG_GROUPS if along else ROW_GROUPS if by_rows else GROUPS


def lanes_of_value(value: Value) -> int:
    """How many lanes a TIR expression has."""
    text = str(value.ty.dtype) if hasattr(value, "ty") else str(value.dtype)
    return int(text.rpartition("x")[2]) if "x" in text else 1


def _repeated(pairs: Value, number: int) -> Value:
    """One int16 of a vector in every lane of another, as int8x16.

    The fence keeps LLVM from making two vectors of it, of whose halves it would not know that
    `smlal2` can take them.
    """
    from tvm import tirx

    value = broadcast(shuffled([pairs], [number]), 8)
    fenced = _call("float32x4", "llvm.arithmetic.fence.v4f32", tirx.reinterpret("float32x4", value))
    return tirx.reinterpret("int8x16", fenced)


def _clamped(value: Value, source: str, dtype: str, lanes: int) -> Value:
    """Saturated to a smaller type: LLVM knows the pattern as one instruction."""
    import numpy as np
    from tvm import tirx

    limits = np.iinfo(dtype)
    low, high = (constant_of(int(it), source, lanes) for it in (limits.min, limits.max))
    return tirx.Cast(f"{dtype}x{lanes}", tirx.max(tirx.min(value, high), low))


def _joined(values: Sequence[Value], lanes: int) -> Value:
    """Vectors one after the other."""
    return values[0] if len(values) == 1 else shuffled(values, range(lanes * len(values)))


def _part(value: Value, start: int, lanes: int) -> Value:
    return shuffled([value], range(start, start + lanes))


def shuffled(values: Sequence[Value], lanes: Iterable[int]) -> Value:
    """A vector of some lanes of others, which are counted through."""
    from tvm import tirx

    return tirx.Shuffle(list(values), [_number(lane) for lane in lanes])


def part(value: Value, start: int, lanes: int) -> Value:
    """Some consecutive lanes of a vector."""
    return value if lanes == lanes_of_value(value) else _part(value, start, lanes)


def _call(dtype: str, name: str, *arguments: Any) -> Value:
    from tvm import tirx

    return tirx.call_llvm_pure_intrin(dtype, name, *arguments)


def _number(value: int) -> Value:
    from tvm import tirx

    return tirx.const(value, "int32")


def constant_of(value: int, dtype: str, lanes: int) -> Value:
    """A number of a type in every lane."""
    from tvm import tirx

    return broadcast(tirx.const(value, dtype), lanes)
