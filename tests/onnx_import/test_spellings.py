"""Activations and normalizations in the spellings of exporters: all become one operator.

`import_onnx` itself compares with onnxruntime; here is asserted what the graph is made of.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from support.onnx_models import OnnxModel

from mnv3gen.graph.graph import Conv2d, Gate, Node
from mnv3gen.graph.model import model_of
from mnv3gen.onnx_import import import_onnx

Spelling = Callable[[OnnxModel, str], str]


def number(model: OnnxModel, value: npt.ArrayLike, node: bool = False) -> str:
    return model.constant(value, node=node)


def clipped(model: OnnxModel, data: str, shift: float = 3.0) -> str:
    """clip(x + 3, 0, 6)."""
    shifted = model.add("Add", data, number(model, shift))
    return model.add("Clip", shifted, number(model, 0), number(model, 6))


def hard(model: OnnxModel, data: str) -> str:
    return model.add("HardSigmoid", data, alpha=1 / 6, beta=0.5)


HSWISH: dict[str, Spelling] = {
    "operator": lambda m, x: m.add("HardSwish", x),
    "product, then divided": lambda m, x: m.add(
        "Div", m.add("Mul", x, clipped(m, x)), number(m, 6, node=True)
    ),
    "divided, then product": lambda m, x: m.add(
        "Mul", m.add("Div", clipped(m, x), number(m, 6)), x
    ),
    "a sixth": lambda m, x: m.add("Mul", m.add("Mul", clipped(m, x), number(m, 1 / 6)), x),
    "a sixth of x": lambda m, x: m.add("Mul", m.add("Mul", number(m, 1 / 6), x), clipped(m, x)),
    "hard-sigmoid": lambda m, x: m.add("Mul", hard(m, x), x),
    "relu and min": lambda m, x: m.add(
        "Div",
        m.add(
            "Mul",
            x,
            m.add("Min", m.add("Relu", m.add("Add", number(m, [3.0]), x)), number(m, 6)),
        ),
        number(m, 6),
    ),
    "scaled before": lambda m, x: m.add(
        "Mul",
        x,
        m.add(
            "Clip",
            m.add("Add", m.add("Div", x, number(m, 6)), number(m, 0.5)),
            number(m, 0),
            number(m, 1),
        ),
    ),
    "identity in between": lambda m, x: m.add("Mul", m.add("Identity", x), hard(m, x)),
}
HARD_SIGMOID: dict[str, Spelling] = {
    "operator": hard,
    "another slope": lambda m, x: m.add("HardSigmoid", x),
    "divided": lambda m, x: m.add("Div", clipped(m, x), number(m, 6)),
    "clip to one": lambda m, x: m.add(
        "Clip",
        m.add("Add", m.add("Mul", x, number(m, 0.25)), number(m, 0.5)),
        number(m, 0),
        number(m, 1),
    ),
    "minus": lambda m, x: m.add(
        "Div", clipped(m, m.add("Sub", x, number(m, -1)), 2.0), number(m, 6)
    ),
}


def nodes_of(path: Path) -> tuple[Node, ...]:
    return model_of(import_onnx(path).network).graph.nodes


@pytest.mark.parametrize("name", HSWISH)
@pytest.mark.parametrize("normalized", [False, True])
def test_hswish(tmp_path: Path, name: str, normalized: bool) -> None:
    model = OnnxModel()
    sums = model.conv("x", 8, 3, 3, 3, pads=[1, 1, 1, 1])
    HSWISH[name](model, model.batch_norm(sums, 8) if normalized else sums)
    (conv,) = nodes_of(model.written(tmp_path))
    assert isinstance(conv, Conv2d)
    assert conv.activation == "hswish"


@pytest.mark.parametrize("name", HARD_SIGMOID)
def test_hard_sigmoid_in_squeeze_and_excite(tmp_path: Path, name: str) -> None:
    """Pool, two layers and a product, in either order of its factors; a slope is scaled away."""
    model = OnnxModel()
    data = model.add("Relu", model.conv("x", 8, 3, 3, 3))
    pooled = model.add("GlobalAveragePool", data)
    squeezed = model.add("Relu", model.conv(pooled, 2, 8, 1, 1))
    factors = HARD_SIGMOID[name](model, model.conv(squeezed, 8, 2, 1, 1))
    model.add("Mul", factors, data)
    *_, excite, gate = nodes_of(model.written(tmp_path))
    assert isinstance(excite, Conv2d)
    assert excite.activation == "hard_sigmoid"
    assert isinstance(gate, Gate)
    assert gate.inputs == ("conv2d1", excite.name)


@pytest.mark.parametrize(
    ("spelling", "activation"),
    [
        (lambda m, x: m.add("Relu", x), "relu"),
        (lambda m, x: m.add("Max", number(m, 0), x), "relu"),
        (lambda m, x: m.add("Clip", x, number(m, 0)), "relu"),
        (lambda m, x: m.add("Clip", x, number(m, 0), number(m, 3.4028235e38)), "relu"),
        (lambda m, x: m.add("Clip", m.add("Relu", x), "", number(m, 6)), "relu6"),
        (lambda m, x: m.add("Sigmoid", x), "sigmoid"),
        (lambda m, x: m.add("Clip", x, number(m, -1), number(m, 1)), "hard_sigmoid"),
        (lambda m, x: m.add("Clip", x, number(m, 1)), "relu"),
        (lambda m, x: m.add("Min", x, number(m, 2)), "relu"),
        (lambda m, x: m.add("Sub", number(m, 1), m.add("Relu", x)), "relu"),
    ],
)
def test_bounds(tmp_path: Path, spelling: Spelling, activation: str) -> None:
    """What is not 0 or 6 is scaled before and after; what follows goes into the next layer."""
    model = OnnxModel()
    data = spelling(model, model.conv("x", 8, 3, 3, 3))
    model.conv(data, 4, 8, 1, 1)
    first, second = nodes_of(model.written(tmp_path))
    assert isinstance(first, Conv2d)
    assert isinstance(second, Conv2d)
    assert (first.activation, second.activation) == (activation, "none")


def test_clip_by_attributes(tmp_path: Path) -> None:
    """As opset 6 has it."""
    model = OnnxModel(opset=9)
    model.add("Clip", model.conv("x", 8, 3, 3, 3), min=0.0, max=6.0)
    (conv,) = nodes_of(model.written(tmp_path))
    assert isinstance(conv, Conv2d)
    assert conv.activation == "relu6"


def test_a_product_of_a_tensor_and_its_sigmoid_is_a_gate(tmp_path: Path) -> None:
    """Swish is no activation of ours, but two operators that are."""
    model = OnnxModel()
    data = model.conv("x", 8, 3, 3, 3)
    model.add("Mul", data, model.add("Sigmoid", data))
    assert [type(node).__name__ for node in nodes_of(model.written(tmp_path))] == [
        "Conv2d",
        "Activate",
        "Gate",
    ]


def test_scales_of_pictures_at_the_input(tmp_path: Path) -> None:
    """(x / 255 - mean) / std before a padded layer is one more layer, before a bare one none."""
    for pads, count in (([1, 1, 1, 1], 2), ([0, 0, 0, 0], 1)):
        model = OnnxModel()
        means = model.constant(np.reshape([0.4, 0.5, 0.6], (1, 3, 1, 1)))
        scaled = model.add("Sub", model.add("Mul", "x", number(model, 1 / 255)), means)
        divided = model.add("Div", scaled, model.constant(np.reshape([0.2, 0.3, 0.1], (3, 1, 1))))
        model.conv(divided, 8, 3, 3, 3, pads=pads)
        nodes = nodes_of(model.written(tmp_path))
        assert len(nodes) == count


def test_a_batch_normalization_by_itself(tmp_path: Path) -> None:
    """Behind a sum it is a layer of its own, which takes the activation."""
    model = OnnxModel()
    data = model.conv("x", 4, 3, 1, 1)
    total = model.add("Add", data, model.conv(data, 4, 4, 1, 1))
    model.add("Relu", model.batch_norm(total, 4))
    *_, add, conv = nodes_of(model.written(tmp_path))
    assert type(add).__name__ == "Add"
    assert isinstance(conv, Conv2d)
    assert (conv.kernel, conv.groups, conv.activation) == (1, 4, "relu")
