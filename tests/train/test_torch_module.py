"""The torch form of every kind of network beside the reference executor, and its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph, parameter_shapes
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import resolve

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

FORMS: list[tuple[str, dict[str, Any]]] = [
    ("mobilenet_v3_large", {"width": "0.35", "resolution": 48}),
    ("mobilenet_v3_small", {"width": "0.35", "resolution": "40x33"}),
    ("mobilenet_v3_small", {"resolution": 32, "variants": ["torchvision"]}),
    ("mobilenet_v3_small", {"resolution": 32, "variants": ["naive-hswish"], "width": "0.35"}),
    ("mobilenet_v3_small", {"resolution": 32, "variants": ["small-pictures"], "width": "0.35"}),
    ("mobilenet_v2", {"width": "0.35", "resolution": 33}),
    ("mnasnet_a1", {"width": "0.35", "resolution": 48}),
    ("ssdlite_mobilenet_v3_small", {"width": "0.35", "resolution": 96}),
    ("lraspp_mobilenet_v3_small", {"width": "0.35", "resolution": "65x96"}),
    ("raspp_mobilenet_v3_small", {"width": "0.35", "resolution": 64}),
]


def module_of(graph: Graph, weights: Any) -> Any:
    from mnv3gen.lower.torch import to_torch

    return to_torch(graph, weights).eval()


@pytest.mark.parametrize(("name", "form"), FORMS, ids=lambda value: str(value))
def test_equals_the_reference_executor(name: str, form: dict[str, Any]) -> None:
    graph = expand(resolve(name, **form))
    weights = seeded_weights(graph)
    data = seeded_input(graph.input_shape, seed=1)
    expected = run(graph, weights, data)
    with torch.no_grad():
        found = module_of(graph, weights)(torch.from_numpy(data.transpose(2, 0, 1)[None].copy()))
    assert list(found) == list(graph.outputs)
    for output, value in expected.items():
        ours = found[output][0].permute(1, 2, 0).numpy()
        assert np.abs(ours - value).max() <= 1e-5 * np.abs(value).max()


def test_parameters_have_the_names_and_shapes_of_weight_files() -> None:
    from mnv3gen.lower.torch import arrays_of, to_torch

    graph = expand(resolve("mobilenet_v3_large"))
    module = to_torch(graph)
    shapes = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    assert shapes == parameter_shapes(graph)
    trained = {name for name, _ in module.named_parameters()}
    assert trained == {name for name in shapes if "running" not in name}
    assert {name: value.shape for name, value in arrays_of(module).items()} == shapes


def test_batch_normalization_averages_by_the_decay() -> None:
    from mnv3gen.lower.torch_norm import BatchNorm

    norm = BatchNorm(1, eps=0.5, decay=0.75)
    data = torch.tensor([1.0, 3.0])[:, None, None, None]  # mean 2, variance 1, unbiased 2
    result = norm(data)
    assert norm.running_mean.item() == pytest.approx(0.25 * 2)
    assert norm.running_var.item() == pytest.approx(0.75 + 0.25 * 2)
    assert result.flatten().tolist() == pytest.approx([-(1.5**-0.5), 1.5**-0.5])
    norm.eval()
    assert norm(data).flatten().tolist() == pytest.approx([0.5 * 1.75**-0.5, 2.5 * 1.75**-0.5])


def test_dropout_is_before_the_classifier_and_keeps_the_mean() -> None:
    from mnv3gen.lower.torch import to_torch

    table = """name: flat
input: 1x1x1
classes: 1
preprocess: inception

Operator          exp  #out  SE  NL  s
conv2d 1x1, NBN     -  1000   -   -  1
conv2d 1x1, NBN     -     k   -   -  1
"""
    graph = expand(parse(table))
    ones = {name: np.ones(shape, np.float32) for name, shape in parameter_shapes(graph).items()}
    ones = {name: value * (not name.endswith("bias")) for name, value in ones.items()}
    module = to_torch(graph, ones, dropout=0.2).train()
    torch.manual_seed(0)
    output = module(torch.ones(1, 1, 1, 1))["conv2d2"].item()
    kept = round(output * 0.8)
    assert output == pytest.approx(kept / 0.8, rel=1e-5)
    assert 740 < kept < 860  # of 1000 with probability 0.8: five standard deviations
    assert module.eval()(torch.ones(1, 1, 1, 1))["conv2d2"].item() == pytest.approx(1000)


def test_predictors_are_what_makes_outputs_by_sums_alone() -> None:
    from mnv3gen.lower.torch_initialize import predictors

    assert predictors(expand(resolve("mobilenet_v3_small"))) == {"conv2d4"}
    assert predictors(expand(resolve("lraspp_mobilenet_v3_small"))) == {"conv2d5", "conv2d6"}
    graph = expand(resolve("ssdlite_mobilenet_v3_small"))
    assert len(predictors(graph)) == 12  # boxes and scores of six feature maps
    assert predictors(graph) == set(graph.outputs)
