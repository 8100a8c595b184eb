"""`Builder` writes one kernel as TIR with explicit vectors: what it says is what the core does.

Loops, loads and stores appear in the order in which the methods are called. Offsets and sizes count
elements, not bytes. A register lives in one vector register of the core because LLVM promotes the
one-element buffer that stands for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from tvm import tirx

Index: TypeAlias = Any  # an int, or a TIR expression of loop variables
Value: TypeAlias = Any  # a TIR expression of a number or a vector of some

READ, DATA_CACHE = 0, 1  # llvm.prefetch's second and fourth argument
FAR = 2  # its third: into the L2 cache and beyond, not into the first
CACHE_LINE = 64  # bytes


@dataclass(frozen=True)
class Memory:
    """A parameter of the kernel: elements that lie one after the other."""

    buffer: Any
    dtype: str

    @property
    def item_bytes(self) -> int:
        """The size of an element."""
        return int(np.dtype(self.dtype).itemsize)

    @property
    def line_elements(self) -> int:
        """How many elements a cache line has."""
        return CACHE_LINE // self.item_bytes


@dataclass(frozen=True)
class Register:
    """A vector register (or, with one lane, a scalar one)."""

    buffer: Any
    lanes: int

    @property
    def value(self) -> Value:
        """What it holds at this place of the program."""
        from tvm import tirx

        return tirx.BufferLoad(self.buffer, [_constant_index(0)])


class Builder:
    """Collects statements; `function` makes a TIR function of them."""

    def __init__(self) -> None:
        self._blocks: list[list[Any]] = [[]]
        self._parameters: list[Any] = []
        self._declarations: list[Any] = []
        self._names = 0
        self._stored: set[str] = set()  # names of buffers

    def parameter(self, name: str, size: int, dtype: str = "float32") -> Memory:
        """The next pointer that the kernel is given."""
        from tvm import tirx
        from tvm.ir import PointerType, PrimType

        pointer = tirx.Var(f"{name}_pointer", PointerType(PrimType(dtype), "global"))
        buffer = tirx.decl_buffer((size,), dtype, name=name)
        self._parameters.append(pointer)
        self._declarations.append(tirx.DeclBuffer(buffer, data=pointer))
        return Memory(buffer, dtype)

    def loop(self, count: int, body: Callable[[Index], None], name: str = "i") -> None:
        """Call `body` with the loop's variable; a loop of one round is none."""
        from tvm import tirx

        if count <= 1:
            if count == 1:
                body(0)
            return
        variable = tirx.Var(self._name(name), "int32")
        statements = self._collected(lambda: body(variable))
        if statements is not None:
            zero, extent = _constant_index(0), _constant_index(count)
            self._emit(tirx.For(variable, zero, extent, tirx.ForKind.SERIAL, statements))

    def span(
        self, first: Index, after: Index, body: Callable[[Index], None], name: str = "i"
    ) -> None:
        """Call `body` for each number from `first` to `after` - 1, which need not be constants."""
        from tvm import tirx

        variable = tirx.Var(self._name(name), "int32")
        statements = self._collected(lambda: body(variable))
        if statements is not None:
            extent = _index(after) - _index(first)
            self._emit(tirx.For(variable, _index(first), extent, tirx.ForKind.SERIAL, statements))

    def when(self, condition: Any, body: Callable[[], None]) -> None:
        """Run what `body` writes only where a TIR condition holds."""
        from tvm import tirx

        statements = self._collected(body)
        if statements is not None:
            self._emit(tirx.IfThenElse(condition, statements, None))

    def register(self, lanes: int, value: Value | None = None, dtype: str = "float32") -> Register:
        """A new register of a type, set to a value if one is given."""
        from tvm import tirx

        dtype = dtype if lanes == 1 else f"{dtype}x{lanes}"
        buffer = tirx.decl_buffer((1,), dtype, name=self._name("r"), scope="local")
        self._emit(tirx.AllocBuffer(buffer, {"disable_lower_builtin": tirx.const(True, "bool")}))
        register = Register(buffer, lanes)
        if value is not None:
            self.set(register, value)
        return register

    def set(self, register: Register, value: Value) -> None:
        """Assign to a register."""
        from tvm import tirx

        self._emit(tirx.BufferStore(register.buffer, value, [_constant_index(0)]))

    def counter(self, start: int = 0) -> Any:
        """A scalar int32 that starts at a number, for `advance` and `count`."""
        from tvm import tirx

        buffer = tirx.decl_buffer((1,), "int32", name=self._name("n"), scope="local")
        self._emit(tirx.AllocBuffer(buffer, {"disable_lower_builtin": tirx.const(True, "bool")}))
        self._emit(tirx.BufferStore(buffer, _constant_index(start), [_constant_index(0)]))
        return buffer

    def count(self, counter: Any) -> Index:
        """The value of a counter."""
        from tvm import tirx

        return tirx.BufferLoad(counter, [_constant_index(0)])

    def advance(self, counter: Any, by: int) -> None:
        """Add to a counter."""
        from tvm import tirx

        value = self.count(counter) + _constant_index(by)
        self._emit(tirx.BufferStore(counter, value, [_constant_index(0)]))

    def load(self, memory: Memory, offset: Index, lanes: int) -> Value:
        """Consecutive elements: integers as they are, others as float32."""
        from tvm import tirx

        loaded = tirx.BufferLoad(memory.buffer, [_span(offset, lanes)])
        if memory.dtype != "float16":
            return loaded
        return tirx.Cast("float32" if lanes == 1 else f"float32x{lanes}", loaded)

    def store(self, memory: Memory, offset: Index, value: Value, lanes: int) -> None:
        """Write consecutive elements."""
        from tvm import tirx

        self._stored.add(str(memory.buffer.name))
        self._emit(tirx.BufferStore(memory.buffer, value, [_span(offset, lanes)]))

    def fresh(self, memory: Memory) -> Memory:
        """The same memory under a pointer that LLVM takes for another one.

        What is loaded through it inside of a loop stays there. LLVM moves loads that do not depend
        on a loop out of it even if there are more of them than registers, and spills them. Memory
        that was stored to stays as it is: LLVM would take the loads for independent of the stores.
        """
        from tvm import tirx
        from tvm.ir import PointerType, PrimType

        if str(memory.buffer.name) in self._stored:
            return memory
        pointer = PointerType(PrimType(memory.dtype), "global")
        variable = tirx.Var(self._name("same"), pointer)
        address = tirx.op.address_of(tirx.BufferLoad(memory.buffer, [_constant_index(0)]))
        call = tirx.call_llvm_intrin(pointer, "llvm.launder.invariant.group", address)
        self._emit(tirx.Bind(variable, call))
        shape, dtype = memory.buffer.shape, memory.dtype
        buffer = tirx.decl_buffer(shape, dtype, name=self._name("m"), data=variable)
        self._emit(tirx.DeclBuffer(buffer, data=variable))
        return Memory(buffer, memory.dtype)

    def prefetch(self, memory: Memory, offset: Index) -> None:
        """Ask for a cache line in L2; an address outside of the memory does no harm."""
        from tvm import tirx

        address = tirx.op.address_of(tirx.BufferLoad(memory.buffer, [_index(offset)]))
        arguments = [tirx.const(number, "int32") for number in (READ, FAR, DATA_CACHE)]
        call = tirx.call_llvm_intrin("void", "llvm.prefetch", address, *arguments)
        self._emit(tirx.Evaluate(call))

    def function(self, symbol: str, target: Any) -> tirx.PrimFunc:
        """The kernel as a function `int32_t symbol(float *, ...)` that returns 0."""
        from tvm import tirx
        from tvm.ir import PrimType

        (statements,) = self._blocks
        body = _sequence(statements)
        for key, number in (("device_id", 0), ("device_type", 1)):
            body = tirx.AttrStmt("default", key, tirx.const(number, "int32"), body)
        success = tirx.Return(tirx.const(0, "int32"))
        whole = tirx.SeqStmt([*self._declarations, body, success])
        function = tirx.PrimFunc(self._parameters, whole, PrimType("int32"))
        return function.with_attrs(
            {"global_symbol": symbol, "tirx.noalias": True, "target": target}
        )

    def _collected(self, write: Callable[[], None]) -> Any:
        """The statements that `write` writes, as one; None if there are none."""
        self._blocks.append([])
        write()
        statements = self._blocks.pop()
        return _sequence(statements) if statements else None

    def _emit(self, statement: Any) -> None:
        self._blocks[-1].append(statement)

    def _name(self, hint: str) -> str:
        self._names += 1
        return f"{hint}{self._names}"


def broadcast(value: Value, lanes: int) -> Value:
    """One float32 in every lane."""
    from tvm import tirx

    return value if lanes == 1 else tirx.Broadcast(value, lanes)


def lane(value: Value, index: int, lanes: int) -> Value:
    """One lane of a vector in every lane: `fmla v0.4s, v1.4s, v2.s[index]` on ARM."""
    from tvm import tirx

    return broadcast(tirx.Shuffle([value], [_constant_index(index)]), lanes)


def constant(number: float, lanes: int) -> Value:
    """A float32 number in every lane."""
    from tvm import tirx

    return broadcast(tirx.const(number, "float32"), lanes)


def _span(offset: Index, lanes: int) -> Any:
    from tvm import tirx

    if lanes == 1:
        return _index(offset)
    return tirx.Ramp(_index(offset), _constant_index(1), lanes)


def _index(value: Index) -> Any:
    return _constant_index(value) if isinstance(value, int) else value


def _constant_index(value: int) -> Any:
    from tvm import tirx

    return tirx.const(value, "int32")


def _sequence(statements: list[Any]) -> Any:
    from tvm import tirx

    return statements[0] if len(statements) == 1 else tirx.SeqStmt(statements)
