"""Names and multiply-adds of kernels, written out by hand: the names are keys of logs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mnv3gen.compile.kernel import Kernel

POINTWISE = Kernel("conv", (14, 14, 80), (14, 14, 480), epilogue=("bias", "hswish"))
DEPTHWISE = Kernel(
    "dwconv", (56, 56, 72), (28, 28, 72), 5, 2, padding=(1, 1, 2, 2), epilogue=("bias", "relu")
)
STEM = Kernel("conv", (224, 224, 3), (112, 112, 16), 3, 2, padding=(0, 0, 1, 1))


@pytest.mark.parametrize(
    ("kernel", "name"),
    [
        (POINTWISE, "conv1x1_14x14x80_14x14x480_bias_hswish_f32"),
        (DEPTHWISE, "dwconv5x5_56x56x72_28x28x72_s2_p1122_bias_relu_f32"),
        (STEM, "conv3x3_224x224x3_112x112x16_s2_p0011_f32"),
        (replace(POINTWISE, epilogue=("bias", "add")), "conv1x1_14x14x80_14x14x480_bias_add_f32"),
        (
            Kernel("dwconv", (14, 14, 80), (14, 14, 80), 3, dilation=2, padding=(2, 2, 2, 2)),
            "dwconv3x3_14x14x80_14x14x80_d2_p2222_f32",
        ),
        (Kernel("pool", (7, 7, 960), (1, 1, 960)), "pool_7x7x960_1x1x960_f32"),
        (Kernel("add", (7, 7, 96), (7, 7, 96), dtype="int8"), "add_7x7x96_7x7x96_i8"),
        (
            Kernel("resize", (8, 8, 4), (15, 15, 4), detail="align_corners"),
            "resize_8x8x4_15x15x4_align_corners_f32",
        ),
        (
            Kernel("dwconv", (30, 30, 8), (30, 30, 8), 11, dilation=2, padding=(10, 10, 10, 10)),
            "dwconv11x11_30x30x8_30x30x8_d2_p10x10x10x10_f32",
        ),
    ],
)
def test_names(kernel: Kernel, name: str) -> None:
    assert kernel.name == name
    assert name.isidentifier()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "conv"},
        {"input": (55, 55, 72)},
        {"output": (28, 28, 64)},
        {"window": 3},
        {"stride": 1},
        {"dilation": 2},
        {"padding": (2, 2, 2, 2)},
        {"epilogue": ("bias", "relu6")},
        {"dtype": "int8"},
    ],
)
def test_whatever_is_computed_otherwise_has_another_name(change: dict[str, object]) -> None:
    assert replace(DEPTHWISE, **change).name != DEPTHWISE.name  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kernel", "madds"),
    [
        (POINTWISE, 14 * 14 * 80 * 480),
        (DEPTHWISE, 28 * 28 * 72 * 25),
        (STEM, 112 * 112 * 16 * 27),
        (Kernel("pool", (7, 7, 960), (1, 1, 960)), 0),
    ],
)
def test_multiply_adds(kernel: Kernel, madds: int) -> None:
    assert kernel.madds == madds
