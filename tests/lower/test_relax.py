"""Graph to Relax, and how its operators are grouped into kernels."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mnv3gen.compile.passes.fuse_kernels import fuse_kernels
from mnv3gen.compile.passes.name_kernels import name_kernels
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Add, Conv2d, Graph
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.lower.relax import to_relax
from mnv3gen.tables.parse import parse

pytestmark = pytest.mark.compile

STEM = "conv2d           -   8   -  HS  2"
PLAIN = "bneck, 3x3       16  8   -  RE  1"
ALL_OPERATORS = expand(
    parse(f"""\
input: 16x14x3
classes: 10
{STEM}
bneck, 3x3       8   8   4  RE  1
bneck, 5x5       24  16  -  R6  2
bneck, 3x3       16  16  -  HS  1
pool             -   -   -  -   1
conv2d 1x1, NBN  -   12  -  HS  1
conv2d 1x1, NBN  -   k   -  -   1
""")
)


def table(*rows: str) -> Graph:
    return expand(parse("\n".join(["input: 16x14x3", *rows])))


def lowered(graph: Graph) -> Any:
    return to_relax(graph, seeded_weights(graph))


def fused(graph: Graph) -> Any:
    return name_kernels()(fuse_kernels()(lowered(graph)))


def called(module: Any) -> list[str]:
    """The kernels that `main` calls, in order."""
    bindings = [binding for block in module["main"].body.blocks for binding in block.bindings]
    calls = [binding.value for binding in bindings if hasattr(binding.value, "op")]
    return [call.op.name_hint for call in calls]


def kernels(module: Any) -> set[str]:
    names = [variable.name_hint for variable in module.functions]
    assert len(names) == len(set(names))
    return set(names) - {"main"}


def execute(module: Any, graph: Graph) -> list[npt.NDArray[np.float32]]:
    """The outputs (h, w, c) that TVM's virtual machine computes for the seeded input."""
    import tvm
    from tvm import relax

    legal = relax.transform.FuseTIR()(relax.transform.LegalizeOps()(module))
    target = tvm.target.Target({"kind": "llvm", "num-cores": 1})
    machine = relax.VirtualMachine(tvm.compile(legal, target=target), tvm.cpu())
    data = seeded_input(graph.input_shape)[np.newaxis]
    result = machine["main"](tvm.runtime.tensor(data))
    return [output.numpy()[0] for output in ([result] if len(graph.outputs) == 1 else result)]


def test_hswish_is_one_operator_and_nothing_is_divided() -> None:
    text = lowered(ALL_OPERATORS).script()
    # The stem, the last bneck's depthwise convolution (it has no expansion), the features.
    assert text.count("R.mnv3gen.hswish(") == 3
    assert text.count("R.mnv3gen.hard_sigmoid(") == 1
    assert "divide" not in text
    assert "batch_norm" not in text


def test_main_takes_and_returns_nhwc() -> None:
    main = lowered(ALL_OPERATORS)["main"]
    assert [tuple(map(int, data.ty.shape)) for data in main.params] == [(1, 16, 14, 3)]
    assert tuple(map(int, main.ret_ty.shape)) == (1, 1, 1, 10)


def test_kernels_of_a_small_table() -> None:
    assert called(fused(ALL_OPERATORS)) == [
        "conv3x3_16x14x3_8x7x8_s2_p0011_bias_hswish_f32",
        "dwconv3x3_8x7x8_8x7x8_p1111_bias_relu_f32",
        "pool_8x7x8_1x1x8_f32",
        "conv1x1_1x1x8_1x1x4_bias_relu_f32",
        "conv1x1_1x1x4_1x1x8_bias_hard_sigmoid_f32",
        "gate_8x7x8_8x7x8_f32",
        "conv1x1_8x7x8_8x7x8_bias_add_f32",
        "conv1x1_8x7x8_8x7x24_bias_relu6_f32",
        # 8 rows: 3 * 2 + 5 - 8 = 3 of padding; 7 columns: 3 * 2 + 5 - 7 = 4.
        "dwconv5x5_8x7x24_4x4x24_s2_p1222_bias_relu6_f32",
        "conv1x1_4x4x24_4x4x16_bias_f32",
        "dwconv3x3_4x4x16_4x4x16_p1111_bias_hswish_f32",
        "conv1x1_4x4x16_4x4x16_bias_add_f32",
        "pool_4x4x16_1x1x16_f32",
        "conv1x1_1x1x16_1x1x12_bias_hswish_f32",
        "conv1x1_1x1x12_1x1x10_bias_f32",
    ]


def test_the_shortcut_of_a_residual_is_not_fused() -> None:
    assert called(fused(table(STEM, PLAIN))) == [
        "conv3x3_16x14x3_8x7x8_s2_p0011_bias_hswish_f32",
        "conv1x1_8x7x8_8x7x16_bias_relu_f32",
        "dwconv3x3_8x7x16_8x7x16_p1111_bias_relu_f32",
        "conv1x1_8x7x16_8x7x8_bias_add_f32",
    ]


def test_fuse_kernels_needs_nothing_lowered_before() -> None:
    module = "mnv3gen.compile.passes.fuse_kernels"
    program = f"from {module} import fuse_kernels; print(fuse_kernels().info.name)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["FuseOpsByPattern"], done.stderr


LINEAR_SHORTCUT = table(
    "conv2d      -   4  -  HS  2", "bneck, 3x3  16  8  -  RE  1", "bneck, 3x3  24  8  -  RE  1"
)
LINEAR_STEM = table("conv2d      -   8  -  -   2", "bneck, 3x3  24  8  -  RE  1")


@pytest.mark.parametrize(
    ("graph", "shortcut", "branch"),
    [
        (
            LINEAR_SHORTCUT,
            "conv1x1_8x7x16_8x7x8_bias_f32",
            "conv1x1_8x7x24_8x7x8_bias_add_f32",
        ),
        (
            LINEAR_STEM,
            "conv3x3_16x14x3_8x7x8_s2_p0011_bias_f32",
            "conv1x1_8x7x24_8x7x8_bias_add_f32",
        ),
    ],
    ids=["bneck", "stem"],
)
def test_a_linear_shortcut_is_not_fused(graph: Graph, shortcut: str, branch: str) -> None:
    names = called(fused(graph))
    assert shortcut in names
    assert [name for name in names if "_add_" in name] == [branch] == names[-1:]


def test_an_addition_to_a_branch_that_cannot_be_fused_stands_alone() -> None:
    """The shortcut is linear and would match, but the branch is computed from it."""
    shape = (8, 7, 8)
    shortcut = Conv2d("shortcut", ("input",), shape, 0, in_channels=8, kernel=1)
    branch = Conv2d("branch", ("shortcut",), shape, 0, in_channels=8, kernel=1, activation="relu")
    add = Add("add", ("branch", "shortcut"), shape, 0)
    graph = Graph("net", "input", shape, (shortcut, branch, add), ("add",))
    assert called(fused(graph)) == [
        "conv1x1_8x7x8_8x7x8_bias_f32",
        "conv1x1_8x7x8_8x7x8_bias_relu_f32",
        "add_8x7x8_8x7x8_f32",
    ]


def test_equal_kernels_become_one() -> None:
    module = fused(table(STEM, PLAIN, PLAIN))
    names = called(module)
    assert names[1:4] == names[4:7]
    assert len(names) == 7
    assert kernels(module) == set(names[:4])


@pytest.mark.parametrize(
    "graph",
    [ALL_OPERATORS, table(STEM, PLAIN, PLAIN), LINEAR_SHORTCUT, LINEAR_STEM],
    ids=["all-operators", "two-residuals", "linear-shortcut", "linear-stem"],
)
def test_the_fused_module_computes_what_the_reference_does(graph: Graph) -> None:
    (expected,) = run(graph, seeded_weights(graph), seeded_input(graph.input_shape)).values()
    (found,) = execute(fused(graph), graph)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_several_outputs_come_as_a_tuple() -> None:
    graph = replace(table(STEM, PLAIN), outputs=("bneck1.add", "bneck1.expand"))
    expected = run(graph, seeded_weights(graph), seeded_input(graph.input_shape))
    module = fused(graph)
    shapes = [tuple(map(int, part.shape)) for part in module["main"].ret_ty.fields]
    assert shapes == [(1, 8, 7, 8), (1, 8, 7, 16)]
    for found, name in zip(execute(module, graph), graph.outputs, strict=True):
        assert np.abs(found - expected[name]).max() <= 1e-5 * np.abs(expected[name]).max()


def test_naive_hswish_is_four_kernels() -> None:
    """Each operator of x * ReLU6(x + 3) * 1/6 on its own, none in the convolution."""
    graph = table("hswish: naive", STEM)
    module = fused(graph)
    assert called(module) == [
        "conv3x3_16x14x3_8x7x8_s2_p0011_bias_f32",
        "add_8x7x8_8x7x8_scalar_f32",
        "clip_8x7x8_8x7x8_f32",
        "gate_8x7x8_8x7x8_8x7x8_f32",
        "gate_8x7x8_8x7x8_scalar_f32",
    ]
    (found,) = execute(module, graph)
    (expected,) = run(graph, seeded_weights(graph), seeded_input(graph.input_shape)).values()
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
