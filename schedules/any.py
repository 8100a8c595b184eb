"""The rule for every kernel that has no generator of its own: register tiles over channels.

Channels are the innermost axis (NHWC), so each vector holds consecutive channels. A tile of pixels
by vectors is accumulated in registers while the reduction runs outside of it; padding and whatever
comes before or after the sums is computed in place, so that no intermediate tensor is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mnv3gen.compile.kernel import Kernel
from mnv3gen.targets import Core

if TYPE_CHECKING:
    from tvm import tirx
    from tvm.s_tir import Schedule

VERSION = 1

FLOAT_BITS = 32
VECTORS_OF_A_TILE = 4
PIXELS_OF_A_TILE = 8
SPATIAL, REDUCTION = 0, 2  # tvm.tirx.IterVar.iter_type


def apply(kernel: Kernel, function: tirx.PrimFunc, core: Core) -> tirx.PrimFunc:
    """Schedule a fused function for a core; one with several reductions is returned as it is."""
    from tvm import s_tir

    schedule = s_tir.Schedule(function)
    *producers, last = schedule.get_child_blocks(schedule.get_sblock("root"))
    reductions = [block for block in producers if _axes(schedule, block, REDUCTION)]
    if len(reductions) > 1 or _axes(schedule, last, REDUCTION):
        return function
    for block in producers:
        if block not in reductions:
            schedule.compute_inline(block)
    lanes = core.vector_bits // FLOAT_BITS
    if reductions:
        _tile(schedule, last, reductions[0], lanes, core.vector_registers)
    else:
        _, inner = schedule.split(
            schedule.get_loops(last)[-1], [None, _lanes(last, schedule, lanes)]
        )
        schedule.vectorize(inner)
    return schedule.mod["main"]


def _tile(schedule: Schedule, last: Any, reduction: Any, lanes: int, registers: int) -> None:
    """Tile the last block by pixels and vectors, and compute the reduction inside of each tile."""
    *_, row, column, channel = schedule.get_loops(last)
    lanes = _lanes(last, schedule, lanes)
    vectors = _divisor(_extent(schedule, channel) // lanes, VECTORS_OF_A_TILE)
    fitting = (registers - vectors - 2) // vectors  # beside the weights, the data and a constant
    pixels = _divisor(_extent(schedule, column), min(PIXELS_OF_A_TILE, fitting))
    column_tile, pixel = schedule.split(column, [None, pixels])
    channel_tile, vector, lane = schedule.split(channel, [None, vectors, lanes])
    schedule.reorder(row, channel_tile, column_tile, pixel, vector, lane)
    schedule.unroll(pixel)
    schedule.unroll(vector)
    schedule.vectorize(lane)
    schedule.compute_at(reduction, column_tile, preserve_unit_loops=True)
    schedule.set_scope(reduction, 0, "local")
    _accumulate(schedule, reduction, lanes)


def _accumulate(schedule: Schedule, reduction: Any, lanes: int) -> None:
    """Run the reduction outside of the tile, whose sums then stay in registers."""
    kinds = [int(axis.iter_type) for axis in schedule.get(reduction).iter_vars]
    loops = schedule.get_loops(reduction)[-len(kinds) :]
    tile = [loop for loop, kind in zip(loops, kinds, strict=True) if kind == SPATIAL]
    reduced = [loop for loop, kind in zip(loops, kinds, strict=True) if kind == REDUCTION]
    schedule.reorder(*reduced, *tile)
    vector, lane = schedule.split(tile[-1], [None, lanes])
    schedule.vectorize(lane)
    schedule.unroll(vector)
    schedule.unroll(tile[-2])
    schedule.decompose_reduction(reduction, reduced[0])


def _axes(schedule: Schedule, block: Any, kind: int) -> list[Any]:
    return [axis for axis in schedule.get(block).iter_vars if int(axis.iter_type) == kind]


def _lanes(block: Any, schedule: Schedule, most: int) -> int:
    return _divisor(_extent(schedule, schedule.get_loops(block)[-1]), most)


def _extent(schedule: Schedule, loop: Any) -> int:
    return int(schedule.get(loop).extent)


def _divisor(extent: int, most: int) -> int:
    """The largest divisor that is not above `most`."""
    return max(count for count in range(1, max(most, 1) + 1) if extent % count == 0)
