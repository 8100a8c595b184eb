"""A ring of rows: the part of a tensor between two layers that is needed at one time.

The producer writes a row into its slot, padding included; the depthwise convolution reads the rows
under its window. Where all rows fit, each has a slot of its own and nothing is reduced modulo.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate.builder import Builder, Index, Memory, Value, constant
from mnv3gen.generate.cover import Run, balanced, vectors
from mnv3gen.generate.epilogue import activated
from mnv3gen.generate.window import Tap, TapRow, slide


@dataclass(frozen=True)
class Ring:
    """Rows of a padded image with `channels` channels, in `memory` from `at` on.

    `kernel` is the depthwise convolution that reads them, `slots` a power of two or the number of
    all padded rows.
    """

    memory: Memory
    at: int
    kernel: Kernel
    channels: int
    slots: int

    @property
    def columns(self) -> int:
        """The pixels of a padded row."""
        _, left, _, right = self.kernel.padding
        return self.kernel.input[1] + left + right

    @property
    def row_elements(self) -> int:
        """The size of a slot."""
        return self.columns * self.channels

    @property
    def elements(self) -> int:
        """The size of the ring."""
        return self.slots * self.row_elements

    def row(self, number: Index) -> Index:
        """Where a row of the padded image starts; row 0 is the first one of the padding."""
        slot = number
        if self.slots < padded_rows(self.kernel):
            slot = number % self.slots if isinstance(number, int) else _masked(number, self.slots)
        return self.at + slot * self.row_elements


def padded_rows(kernel: Kernel) -> int:
    """The rows of a depthwise convolution's input with its padding."""
    return kernel.input[0] + kernel.padding[0] + kernel.padding[2]


def slots_for(kernel: Kernel) -> int:
    """The least power of two of rows that the window covers, or all rows if they are fewer."""
    needed = (kernel.window - 1) * kernel.dilation + 1
    slots = 1
    while slots < needed:
        slots *= 2
    return min(slots, padded_rows(kernel))


def clear_sides(builder: Builder, ring: Ring, lanes: int) -> None:
    """Fill the padding left and right of every slot with zeros."""
    _, left, _, right = ring.kernel.padding

    def slot(number: Index) -> None:
        start = ring.at + number * ring.row_elements
        _clear(builder, ring.memory, start, left * ring.channels, lanes)
        end = start + (ring.columns - right) * ring.channels
        _clear(builder, ring.memory, end, right * ring.channels, lanes)

    builder.loop(ring.slots, slot, "slot")


def advance(
    builder: Builder,
    ring: Ring,
    produce: Callable[[Index], None],
    consume: Callable[[Index], None],
    lanes: int,
    alike: tuple[int, int] | None = None,
) -> None:
    """Go through the image: each round makes the rows that an output row needs, and uses them.

    `produce` is given the input row to write into slot `row + top padding`, `consume` the output
    row. The sides of every slot must have been cleared. Where `alike` is given, only the input rows
    from its first to its second number are produced in a loop, the others each by its number.
    """
    from tvm import tirx

    kernel = ring.kernel
    height, top = kernel.input[0], kernel.padding[0]
    reach = (kernel.window - 1) * kernel.dilation + 1
    first, after = alike or (0, height)

    def clear(number: Index) -> None:
        _clear(builder, ring.memory, ring.row(number), ring.row_elements, lanes)

    def round_of(row: Index) -> None:
        end = row * kernel.stride + reach - top  # the input rows that are made when it is done
        start = end - kernel.stride
        start = tirx.Select(row < 1, tirx.const(0, "int32"), start)
        for number in (*range(first), *range(after, height)):
            condition = tirx.all(start <= number, number < end)
            builder.when(condition, partial(produce, number))
        builder.span(tirx.max(start, first), tirx.min(end, after), produce, "made")
        builder.span(tirx.max(start, height) + top, end + top, clear, "below")
        consume(row)

    builder.span(0, top, clear, "above")
    builder.span(0, kernel.output[0], round_of, "row")


def slide_row(
    builder: Builder,
    ring: Ring,
    weights: Memory,
    at: Index,
    pixels: int,
    row: Index,
    offset: Index,
    lanes: int,
    finish: Callable[[Index, list[Value]], None],
    width: int,
    channel: Index = 0,
    runs: Sequence[Run] = (),
) -> None:
    """One output row of the depthwise convolution for one vector of channels, or some of its tiles.

    `at` is where the vector's group of `width` channels has its bias and taps in `weights`, in
    which it starts at `offset`; `channel` is the group's place in the ring. `finish` gets the first
    column and the activated values of each tile of `pixels`, or of each of `runs`.
    """
    kernel = ring.kernel
    starts = [
        ring.row(row * kernel.stride + down * kernel.dilation) + channel + offset
        for down in range(kernel.window)
    ]
    step = kernel.stride * ring.channels

    for run in runs or balanced(kernel.output[1], pixels):

        def tile(index: Index, run: Run = run) -> None:
            first = index * run.size + run.start
            everyone = tuple(range(run.size))
            rows = [
                TapRow(
                    start + first * step,
                    tuple(
                        Tap(
                            right * kernel.dilation * ring.channels,
                            at + (down * kernel.window + right + 1) * width + offset,
                            everyone,
                        )
                        for right in range(kernel.window)
                    ),
                )
                for down, start in enumerate(starts)
            ]
            bias = at + offset
            sums = slide(builder, ring.memory, weights, bias, run.size, step, rows, lanes)
            values = [activated(register.value, kernel.epilogue, lanes) for register in sums]
            finish(first, [builder.register(lanes, value).value for value in values])

        builder.loop(run.count, tile, "tile")


def _clear(builder: Builder, memory: Memory, at: Index, elements: int, lanes: int) -> None:
    whole, rest = divmod(elements, lanes)

    def body(index: Index) -> None:
        builder.store(memory, at + index * lanes, constant(0.0, lanes), lanes)

    builder.loop(whole, body, "zero")
    for part in vectors(rest, lanes):
        offset = at + whole * lanes + part.offset
        builder.store(memory, offset, constant(0.0, part.lanes), part.lanes)


def _masked(number: Index, slots: int) -> Index:
    from tvm import tirx

    return tirx.op.bitwise_and(number, tirx.const(slots - 1, "int32"))
