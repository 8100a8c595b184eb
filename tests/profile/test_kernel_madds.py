"""What a profile reads from a kernel's name is what the kernel says of itself."""

from __future__ import annotations

import pytest

from mnv3gen.compile.kernel import Kernel
from mnv3gen.profile.names import (
    convolutions_of,
    is_partly_pointwise,
    is_pointwise,
    kind_of,
    madds_of,
)

CONVOLUTIONS = [
    Kernel("conv", (7, 7, 160), (7, 7, 960), epilogue=("bias", "hswish")),
    Kernel("conv", (224, 224, 3), (112, 112, 16), 3, 2, padding=(0, 0, 1, 1)),
    Kernel("dwconv", (56, 56, 72), (28, 28, 72), 5, 2, padding=(1, 1, 2, 2), epilogue=("bias",)),
    Kernel("conv", (1, 1, 960), (1, 1, 1280), epilogue=("bias", "hswish")),
]


@pytest.mark.parametrize("kernel", CONVOLUTIONS, ids=lambda kernel: kernel.name)
def test_convolutions(kernel: Kernel) -> None:
    assert madds_of(kernel.name) == kernel.madds > 0
    (convolution,) = convolutions_of(kernel.name)
    assert convolution.positions == kernel.output[0] * kernel.output[1]


def test_other_kernels_do_not_say() -> None:
    name = Kernel("pool", (7, 7, 960), (1, 1, 960)).name
    assert (kind_of(name), madds_of(name), convolutions_of(name)) == ("pool", None, [])


def test_kernels_computed_together() -> None:
    expand, depthwise = CONVOLUTIONS[0], Kernel("dwconv", (7, 7, 960), (7, 7, 960), 5)
    pool = Kernel("pool", (7, 7, 960), (1, 1, 960))
    name = f"{expand.name}__{depthwise.name}__{pool.name}__inner2_w16"
    assert kind_of(name) == "conv1x1+dwconv5x5+pool"
    assert madds_of(name) == expand.madds + depthwise.madds
    assert [each.kind for each in convolutions_of(name)] == ["conv1x1", "dwconv5x5"]
    assert (is_pointwise(name), is_partly_pointwise(name)) == (False, True)


def test_pointwise() -> None:
    assert [is_pointwise(kernel.name) for kernel in CONVOLUTIONS] == [True, False, False, True]
    gate = Kernel("gate", (7, 7, 960), (7, 7, 960))
    assert is_pointwise(f"{gate.name}__{CONVOLUTIONS[0].name}")
    assert not is_pointwise(gate.name)
    assert not any(is_partly_pointwise(kernel.name) for kernel in CONVOLUTIONS)
