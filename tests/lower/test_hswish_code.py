"""The machine code of h-swish: part of the convolution before it, and without a division."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mnv3gen.compile.kernels import compile_kernels
from mnv3gen.graph.expand import expand
from mnv3gen.graph.seeded import seeded_weights
from mnv3gen.tables.parse import parse
from mnv3gen.targets import load

pytestmark = pytest.mark.compile

# x86: divps, divss, vdivps, idiv; A64: fdiv, sdiv, udiv; A32: vdiv.f32, sdiv.
DIVISION = re.compile(r"^\s+(v?f?[iusd]?div\w*(\.\w+)?)\b", re.MULTILINE)

FUNCTION = re.compile(r"^\s+\.type\s+(\w+),\s*[@%]function", re.MULTILINE)


@pytest.mark.parametrize("target", ["cortex-a72", "armv7", "host"])
@pytest.mark.parametrize("operator", ["conv2d, 1x1", "conv2d, 3x3"])
def test_hswish_is_fused_and_does_not_divide(target: str, operator: str, tmp_path: Path) -> None:
    graph = expand(parse(f"input: 14x14x16\n{operator}  -  32  -  HS  1"))
    result = compile_kernels(
        graph, seeded_weights(graph), load(target), "net", tmp_path / "kernels.o", dump=tmp_path
    )
    ((kernel,),) = {step.group.kernels for step in result.plan.steps}
    assert kernel.epilogue == ("bias", "hswish")
    (file,) = tmp_path.glob("*.s")
    assembly = file.read_text(encoding="utf-8")
    # TVM adds conversions of half precision (__truncsfhf2) to every object file.
    functions = [name for name in FUNCTION.findall(assembly) if not name.startswith("__")]
    assert functions == [f"net_{kernel.name}"]
    assert DIVISION.findall(assembly) == []


@pytest.mark.parametrize(
    "line",
    ["\tvdivps\t%ymm0", "\tdivss\t%xmm0", "\tidivl\t%ecx", "\tfdiv\tv0.4s", "\tvdiv.f32\ts0",
     "\tudiv\tw0", "\tsdiv\tr0"],
)  # fmt: skip
def test_divisions_are_recognized(line: str) -> None:
    assert DIVISION.search(line)
