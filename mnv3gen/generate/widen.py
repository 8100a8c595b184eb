"""Moving int8 elements: into the form that products read, and to and from parts of vectors."""

from __future__ import annotations

from mnv3gen.generate.builder import Builder, Index, Memory, Value
from mnv3gen.generate.integers import Integers, part

LONGEST = 16


def whole_groups(integers: Integers, depth: int) -> int:
    """Values in whole groups."""
    return -(-depth // integers.group) * integers.group


def copy_row(
    integers: Integers, data: Memory, at: Index, scratch: Memory, to: Index, depth: int
) -> None:
    """Copy consecutive elements as `integers.data_dtype`."""
    builder = integers.builder

    def vector(index: Index) -> None:
        _copy(integers, data, at + index * LONGEST, scratch, to + index * LONGEST, LONGEST)

    builder.loop(depth // LONGEST, vector, "copy")
    done = depth // LONGEST * LONGEST
    while done < depth:
        lanes = _power_of_two(depth - done)
        _copy(integers, data, at + done, scratch, to + done, lanes)
        done += lanes


def fill_row(integers: Integers, scratch: Memory, to: Index, value: Value, count: int) -> None:
    """Set consecutive values of a row of copies; `value` is one int8."""
    from tvm import tirx

    done = 0
    while done < count:
        lanes = _power_of_two(count - done)
        elements = value if lanes == 1 else tirx.Broadcast(value, lanes)
        integers.builder.store(scratch, to + done, _as_data(integers, elements, lanes), lanes)
        done += lanes


def load_some(builder: Builder, memory: Memory, at: Index, count: int, lanes: int) -> Value:
    """int8 elements as the first lanes of a vector; the others are what they happen to be."""
    from tvm import tirx

    if count == lanes:
        return builder.load(memory, at, lanes)
    loaded = [builder.load(memory, at + min(it, count - 1), 1) for it in range(lanes)]
    return tirx.Shuffle(loaded, [tirx.const(it, "int32") for it in range(lanes)])


def store_some(builder: Builder, memory: Memory, at: Index, value: Value, count: int) -> None:
    """Store the first lanes of a vector."""
    done = 0
    while done < count:
        lanes = _power_of_two(count - done)
        builder.store(memory, at + done, part(value, done, lanes), lanes)
        done += lanes


def _copy(
    integers: Integers, data: Memory, at: Index, scratch: Memory, to: Index, lanes: int
) -> None:
    value = _as_data(integers, integers.builder.load(data, at, lanes), lanes)
    integers.builder.store(scratch, to, value, lanes)


def _as_data(integers: Integers, value: Value, lanes: int) -> Value:
    from tvm import tirx

    if integers.data_dtype == "int8":
        return value
    dtype = integers.data_dtype
    return tirx.Cast(dtype if lanes == 1 else f"{dtype}x{lanes}", value)


def _power_of_two(most: int) -> int:
    return min(1 << (most.bit_length() - 1), LONGEST)
