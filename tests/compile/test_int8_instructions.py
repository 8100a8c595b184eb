"""From input to logits no float operation is left: looked at in the machine code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.compiled import TINY, request_for, tiny
from support.integers import quantized_on_random

from mnv3gen.compile.floating_point import computes_in_floating_point, floating_point
from mnv3gen.compile.pipeline import compile_network
from mnv3gen.profile.instructions import profile_instructions
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import resolve

LARGE = resolve("mobilenet_v3_large", resolution="64", width="0.5")
WINDOWS = parse("""\
name: windows
input: 48x48x3
classes: 10

Operator         exp size  #out  SE  NL  s
conv2d, 3x3         -    16   -  HS  2
bneck, 3x3         64    24   -  RE  2
bneck, 5x5         72    40   ✓  RE  2
bneck, 5x5        120    40   ✓  HS  1
pool, 6x6           -     -   -   -  1
conv2d 1x1, NBN     -     k   -   -  1
""")
EVERY_ACTIVATION = parse(TINY.replace("-  RE  1", "✓  R6  1"))


def kernels_of(
    network: Network, target: str, folder: Path, float_nodes: tuple[str, ...] = ()
) -> dict[str, list[str]]:
    """By kernel of an int8 bundle, its instructions that compute in floating point."""
    quantized = quantized_on_random(network, float_nodes)
    request = replace(request_for(network, target), quantized=quantized)
    bundle = compile_network(request, folder, use_cache=False).bundle
    found = floating_point(bundle.library, request.target.architecture)
    prefix = f"{network.name}_"
    kernels = {kernel.name for kernel in bundle.manifest.kernels}
    assert kernels <= {name.removeprefix(prefix) for name in found}  # each was looked at
    return {name: found[prefix + name] for name in kernels}


def at_a_border(kernel: str) -> bool:
    return "dequantize" in kernel or kernel.startswith("quantize") or "_quantize" in kernel


@pytest.mark.compile
@pytest.mark.parametrize(
    ("network", "target"),
    [
        pytest.param(LARGE, "host", id="large-host"),
        pytest.param(LARGE, "cortex-a53", id="large-without-dotprod"),
        pytest.param(LARGE, "rpi5", id="large-dotprod"),
        pytest.param(EVERY_ACTIVATION, "armv7", id="tiny-armv7"),
    ],
)
def test_only_the_borders_compute_in_floating_point(
    network: Network, target: str, tmp_path: Path
) -> None:
    kernels = kernels_of(network, target, tmp_path / "out")
    computing = {name: lines for name, lines in kernels.items() if lines}
    assert sorted(filter(at_a_border, computing)) == sorted(filter(at_a_border, kernels))
    assert len(list(filter(at_a_border, kernels))) == 2
    assert {name: lines for name, lines in computing.items() if not at_a_border(name)} == {}


@pytest.mark.compile
@pytest.mark.parametrize("target", ["host", "rpi5"])
def test_float_kernels_are_found(target: str, tmp_path: Path) -> None:
    """The check can fail: a convolution that is kept in float32 shows."""
    kernels = kernels_of(tiny(), target, tmp_path / "out", ("bneck1.project",))
    computing = [name for name, lines in kernels.items() if lines and not at_a_border(name)]
    assert computing


@pytest.mark.emulate
def test_32_bit_arm_executes_less_in_int8(tmp_path: Path) -> None:
    """Pairs of products are added up in one instruction, and no window is loaded ahead."""
    request = request_for(WINDOWS, "armv7")
    quantized = replace(request, quantized=quantized_on_random(WINDOWS))
    floats, integers = (
        profile_instructions(compile_network(it, tmp_path / name, use_cache=False).bundle)
        for it, name in ((request, "out"), (quantized, "out8"))
    )
    assert integers.total.instructions <= 0.8 * floats.total.instructions
    assert sum(kernel.mnemonics.get("vpadal.s16", 0) for kernel in integers.kernels) > 0
    for kernel in integers.kernels:
        if kernel.name.startswith("dwconv"):
            assert kernel.work.spills <= 0.06 * kernel.work.instructions, kernel.name


@pytest.mark.parametrize(
    ("architecture", "mnemonic", "wanted"),
    [
        ("x86_64", "vfmadd231ps", True),
        ("x86_64", "vmulss", True),
        ("x86_64", "vcvtdq2ps", True),
        ("x86_64", "cvttps2dq", True),
        ("x86_64", "vminps", True),
        ("x86_64", "vpmulhrsw", False),
        ("x86_64", "vmovups", False),
        ("x86_64", "vbroadcastss", False),
        ("x86_64", "vxorps", False),
        ("x86_64", "vpaddd", False),
        ("aarch64", "fmla", True),
        ("aarch64", "scvtf", True),
        ("aarch64", "fcvtns", True),
        ("aarch64", "fmov", False),
        ("aarch64", "sqrdmulh", False),
        ("aarch64", "bfi", False),
        ("arm", "vmla.f32", True),
        ("arm", "vcvt.s32.f32", True),
        ("arm", "vqrdmulh.s16", False),
        ("arm", "vmov.f32", False),
    ],
)
def test_which_instructions_compute(architecture: str, mnemonic: str, wanted: bool) -> None:
    assert computes_in_floating_point(mnemonic, architecture) is wanted
