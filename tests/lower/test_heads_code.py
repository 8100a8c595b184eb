"""Our own arithmetic for heads: the exponential against NumPy, resize against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

pytestmark = pytest.mark.compile


def compiled(*tensors: Any) -> Any:
    """The function of TE tensors, inputs first, output last, for this machine."""
    import tvm
    from tvm import te

    target = tvm.target.Target({"kind": "llvm", "num-cores": 1})
    return tvm.compile(te.create_prim_func(list(tensors)), target=target)


def test_exponential_as_numpy() -> None:
    import tvm
    from tvm import te

    from mnv3gen.lower.exponential import exponential

    values = np.linspace(-87, 88, 200_001, dtype=np.float32)
    data = te.placeholder(values.shape, name="data")
    function = compiled(data, te.compute(values.shape, lambda i: exponential(data(i)), name="e"))
    output = tvm.runtime.tensor(np.zeros_like(values))
    function(tvm.runtime.tensor(values), output)
    expected = np.exp(values.astype(np.float64))
    # Two units in the last place of a float32 mantissa.
    assert np.abs(output.numpy() / expected - 1).max() < 2 * 2.0**-23


def test_exponential_is_clipped() -> None:
    import tvm
    from tvm import te

    from mnv3gen.lower.exponential import exponential

    values = np.array([-1e30, -200, 200, 1e30], dtype=np.float32)
    data = te.placeholder(values.shape, name="data")
    function = compiled(data, te.compute(values.shape, lambda i: exponential(data(i)), name="e"))
    output = tvm.runtime.tensor(np.zeros_like(values))
    function(tvm.runtime.tensor(values), output)
    edges = np.exp([-87.0, -87.0, 88.0, 88.0])
    np.testing.assert_allclose(output.numpy(), edges, rtol=1e-6)


@pytest.mark.parametrize("mode", ["align_corners", "half_pixel"])
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((4, 8), (8, 16)),
        ((4, 5), (33, 65)),
        ((1, 4), (7, 30)),
        ((9, 7), (4, 3)),
        ((2, 2), (1, 1)),
        ((5, 5), (5, 5)),
        ((64, 128), (513, 1025)),
    ],
)
def test_resize_as_onnxruntime(mode: str, shape: tuple[int, int], size: tuple[int, int]) -> None:
    import tvm
    from tvm import te

    from mnv3gen.lower.resize import resize

    values = np.random.RandomState(0).standard_normal((1, *shape, 3)).astype(np.float32)
    data = te.placeholder(values.shape, name="data")
    output = tvm.runtime.tensor(np.zeros((1, *size, 3), dtype=np.float32))
    compiled(data, resize(data, size, mode))(tvm.runtime.tensor(values), output)
    # onnxruntime has positions in float32, up to 1024 with an error of 6e-5 pixels.
    np.testing.assert_allclose(output.numpy(), reference(values, size, mode), atol=2e-4)


def reference(values: Any, size: tuple[int, int], mode: str) -> Any:
    """What onnxruntime's Resize gives, NHWC."""
    nodes = [
        helper.make_node(
            "Resize",
            ["x", "", "", "sizes"],
            ["y"],
            mode="linear",
            coordinate_transformation_mode=mode,
        )
    ]
    graph = helper.make_graph(
        nodes,
        "resize",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [helper.make_tensor("sizes", TensorProto.INT64, [4], [1, 3, *size])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (result,) = session.run(None, {"x": values.transpose(0, 3, 1, 2)})
    return result.transpose(0, 2, 3, 1)
