"""Graph to ncnn: the text and the bytes by hand, the values by ncnn itself where it is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnv3gen.graph.expand import expand
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.lower.fold import folded
from mnv3gen.lower.ncnn import to_ncnn
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import resolve

TABLE = parse("""\
input: 8x6x3
classes: 5
conv2d, 3x3      -   4  -  HS  2
bneck, 3x3       6   4  2  R6  1
pool             -   -  -  -   1
conv2d 1x1, NBN  -   k  -  -   1
""")
# 8x6 by stride 2 with SAME padding: one pixel below and right; by stride 1 one all around.
PARAM = """\
7767517
16 18
Input input 0 1 input 0=6 1=8 2=3
Convolution conv2d1.linear 1 1 input conv2d1.linear \
0=4 1=3 2=1 3=2 4=0 14=0 15=1 16=1 5=1 6=108
HardSwish conv2d1 1 1 conv2d1.linear conv2d1 0=1.6666667e-1 1=5.0e-1
Split conv2d1.split 1 2 conv2d1 conv2d1.0 conv2d1.1
Convolution bneck1.expand 1 1 conv2d1.1 bneck1.expand \
0=6 1=1 2=1 3=1 4=0 14=0 15=0 16=0 5=1 6=24 9=3 -23310=2,0.0,6.0
ConvolutionDepthWise bneck1.depthwise 1 1 bneck1.expand bneck1.depthwise \
0=6 1=3 2=1 3=1 4=1 14=1 15=1 16=1 5=1 6=54 7=6 9=3 -23310=2,0.0,6.0
Split bneck1.depthwise.split 1 2 bneck1.depthwise bneck1.depthwise.0 bneck1.depthwise.1
Pooling bneck1.se.pool 1 1 bneck1.depthwise.1 bneck1.se.pool 0=1 4=1
InnerProduct bneck1.se.squeeze 1 1 bneck1.se.pool bneck1.se.squeeze 0=2 1=1 2=12 9=1
InnerProduct bneck1.se.excite.linear 1 1 bneck1.se.squeeze bneck1.se.excite.linear 0=6 1=1 2=12
HardSigmoid bneck1.se.excite 1 1 bneck1.se.excite.linear bneck1.se.excite \
0=1.6666667e-1 1=5.0e-1
BinaryOp bneck1.se.gate 2 1 bneck1.depthwise.0 bneck1.se.excite bneck1.se.gate 0=2
Convolution bneck1.project 1 1 bneck1.se.gate bneck1.project \
0=4 1=1 2=1 3=1 4=0 14=0 15=0 16=0 5=1 6=24
BinaryOp bneck1.add 2 1 bneck1.project conv2d1.0 bneck1.add 0=0
Pooling pool1 1 1 bneck1.add pool1 0=1 4=1
InnerProduct conv2d2 1 1 pool1 conv2d2 0=5 1=1 2=20
"""


def test_the_text() -> None:
    graph = expand(TABLE)
    model = to_ncnn(graph, seeded_weights(graph))
    assert model.param.splitlines() == PARAM.splitlines()
    assert model.outputs == ("conv2d2",)


def test_the_weights() -> None:
    graph = expand(TABLE)
    weights = seeded_weights(graph)
    data = to_ncnn(graph, weights).data
    # A tag of four zeros, the weight as OIHW, the bias; and so on.
    weight, bias = folded(graph.convolutions[0], weights, graph.bn_eps)
    assert data[:4] == bytes(4)
    np.testing.assert_array_equal(np.frombuffer(data[4:436], "<f4"), weight.ravel())
    np.testing.assert_array_equal(np.frombuffer(data[436:452], "<f4"), bias)
    assert data[452:456] == bytes(4)
    sizes = [108 + 4, 24 + 6, 54 + 6, 12 + 2, 12 + 6, 24 + 4, 20 + 5]
    assert len(data) == 4 * (sum(sizes) + len(sizes))


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(TABLE, id="table"),
        pytest.param(resolve("mobilenet_v3_small", "0.35", 64), id="classifier"),
        pytest.param(
            resolve("mobilenet_v3_small", "0.35", 64, variants=["torchvision"]), id="symmetric"
        ),
        pytest.param(resolve("mnasnet_a1", "0.35", 64), id="sigmoid"),
        pytest.param(resolve("ssdlite_mobilenet_v2", "0.35", 64), id="detector"),
        pytest.param(resolve("lraspp_mobilenet_v3_small", "0.35", "64x96"), id="segmentation"),
    ],
)
def test_as_ncnn_computes_it(network: Network, tmp_path: Path) -> None:
    pytest.importorskip("ncnn")
    from mnv3gen.bench.runners.ncnn import Runner

    graph = expand(network)
    weights, data = seeded_weights(graph, seed=2), seeded_input(graph.input_shape)
    model = to_ncnn(graph, weights)
    (tmp_path / "model.param").write_text(model.param)
    (tmp_path / "model.bin").write_bytes(model.data)
    nchw = np.ascontiguousarray(data.transpose(2, 0, 1)[np.newaxis])
    runner = Runner(tmp_path / "model.param", nchw, list(model.outputs))
    runner.run()
    expected = run(graph, weights, data)
    largest = max(abs(value).max() for value in expected.values())
    for output, value in zip(runner.outputs(), expected.values(), strict=True):
        difference = output.reshape(value.transpose(2, 0, 1).shape) - value.transpose(2, 0, 1)
        assert abs(difference).max() <= 1e-5 * largest
