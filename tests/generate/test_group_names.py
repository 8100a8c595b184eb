"""Names of groups: the key of tuning records, so two different computations never share one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate.group import Group

SHAPE = (8, 8, 16)
SLIDE = Kernel("dwconv", SHAPE, SHAPE, window=3, padding=(1, 1, 1, 1), epilogue=("bias",))
ADD = Kernel("add", SHAPE, SHAPE, others=(SHAPE,))
KERNELS = (SLIDE, ADD, ADD)


def wirings() -> Iterator[Group]:
    """Every way in which the three kernels may be wired; inputs are numbered by first use."""
    places = [index for index, kernel in enumerate(KERNELS) for _ in kernel.reads]
    for flat in itertools.product(*(range(-len(places), place) for place in places)):
        inputs = list(dict.fromkeys(read for read in flat if read < 0))
        if inputs != [-1 - number for number in range(len(inputs))]:
            continue
        sources = iter(flat)
        reads = tuple(tuple(next(sources) for _ in kernel.reads) for kernel in KERNELS)
        for count in range(1, len(KERNELS) + 1):
            for writes in itertools.combinations(range(len(KERNELS)), count):
                yield Group(KERNELS, reads, writes)


def test_no_two_wirings_share_a_name() -> None:
    groups = [
        replace(group, storage=storage) for group in wirings() for storage in ("float32", "float16")
    ]
    names = {group.name for group in groups}
    assert len(names) == len(groups) > 1000
    assert all(name.isidentifier() for name in names)  # they are symbols of a library


def test_only_the_chain_has_a_plain_name() -> None:
    plain = "__".join(kernel.name for kernel in KERNELS)
    (chain,) = [group for group in wirings() if group.name == plain]
    assert (chain.reads, chain.writes) == (((-1,), (0, -2), (1, -3)), (2,))


def test_the_others_say_what_is_read_and_written() -> None:
    """The first is kept for the last, which adds it; the second's residual is the input again."""
    group = Group(KERNELS, ((-1,), (0, -1), (1, 0)), (1, 2))
    assert group.name.endswith("__reads_a_0a_10_to_12")
