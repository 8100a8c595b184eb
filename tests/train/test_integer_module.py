"""The module that learns with integer rounding beside the integer network's reference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command import Finished
from support.training import TABLE, write_recipe, write_stripes

from mnv3gen.errors import InputError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.graph.weights import load_weights
from mnv3gen.images import named
from mnv3gen.images.preprocess import normalized
from mnv3gen.lower.fold import folded
from mnv3gen.quantize import reference
from mnv3gen.quantize.calibrate import measure_ranges
from mnv3gen.quantize.prepare import prepare
from mnv3gen.quantize.statistics_file import read_statistics
from mnv3gen.tables.parse import load
from mnv3gen.tables.zoo import resolve
from mnv3gen.train.data.pixels import Inputs
from mnv3gen.train.data.specs import open_test_data

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

FORMS: list[tuple[str, dict[str, Any]]] = [
    ("mobilenet_v3_small", {"width": "0.35", "resolution": 32}),
    ("mobilenet_v3_large_minimalistic", {"width": "0.35", "resolution": 33}),
    ("mobilenet_v2", {"width": "0.35", "resolution": 32}),
]


def prepared(name: str, form: dict[str, Any]) -> tuple[Graph, dict[str, Any], dict[str, Any]]:
    graph = expand(resolve(name, **form, classes=7))
    weights: dict[str, Any] = dict(seeded_weights(graph))
    inputs = [seeded_input(graph.input_shape, seed) for seed in range(3)]
    ranges, _ = measure_ranges(graph, weights, inputs, "minmax")
    return graph, weights, ranges


@pytest.mark.parametrize("steeper", [1, 50])
@pytest.mark.parametrize(("name", "form"), FORMS, ids=lambda value: str(value))
def test_every_output_element_is_the_references(
    name: str, form: dict[str, Any], steeper: int
) -> None:
    """Of steep weights the sums are shifted to the left."""
    from mnv3gen.train.integers.module import IntegerModule

    graph, weights, ranges = prepared(name, form)
    for conv in graph.convolutions:
        weights[f"{conv.name}.weight"][::2] *= steeper
    module = IntegerModule(graph, weights, ranges)
    quantized = module.quantized()
    lefts = [quantized.convolution(conv.name).shifts_left for conv in graph.convolutions]
    assert steeper == 1 or sum(lefts) > len(lefts) / 2
    inputs = np.stack([seeded_input(graph.input_shape, seed) for seed in (1, 5)])
    outputs = module(torch.from_numpy(inputs.transpose(0, 3, 1, 2).copy()))
    for index, data in enumerate(inputs):
        tensors = reference.run_all(quantized, data)
        for output in graph.outputs:
            expected = reference.as_float(quantized, output, tensors[output])
            ours = outputs[output][index].detach().permute(1, 2, 0).numpy()
            np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-7)


def test_gradients_are_those_of_the_float_network_in_the_main() -> None:
    """Rounding is passed straight through: the direction of the float gradient stays."""
    from mnv3gen.lower.torch import to_torch
    from mnv3gen.train.integers.module import IntegerModule, folded_graph

    graph, weights, ranges = prepared(*FORMS[1])  # whose int8 outputs are 20 dB above their error
    module = IntegerModule(graph, weights, ranges)
    plain = to_torch(folded_graph(graph), module.values()).eval()
    data = torch.from_numpy(seeded_input(graph.input_shape, 1).transpose(2, 0, 1)[None].copy())
    for each in (module, plain):
        scores = each(data)[graph.outputs[0]].flatten(1)
        torch.nn.functional.cross_entropy(scores, torch.tensor([2])).backward()
    state = dict(plain.named_parameters())
    for name, least in (("conv2d4.weight", 0.9), ("bneck15.project.weight", 0.8)):
        ours = module.parts[name.replace(".", "/")].grad.flatten()
        theirs = state[name].grad.flatten()
        cosine = torch.nn.functional.cosine_similarity(ours, theirs, dim=0)
        assert cosine > least, name


def test_a_gradient_ends_where_the_range_does() -> None:
    from mnv3gen.quantize.quantized import Scale
    from mnv3gen.train.integers.module import _joined

    numbers = torch.tensor([-1.0, 0.26, 30.0], requires_grad=True)
    elements = torch.tensor([-128, -127, 127], dtype=torch.int32)
    _, value = _joined(elements, numbers, Scale(0.1, -128))  # 0 to 25.5
    assert value.tolist() == pytest.approx([0.0, 0.1, 25.5])
    value.sum().backward()
    assert numbers.grad.tolist() == [0.0, 1.0, 0.0]


def test_weights_go_back_to_the_names_of_the_table() -> None:
    from mnv3gen.train.integers.module import IntegerModule, unfolded

    graph, weights, ranges = prepared(*FORMS[0])
    values = IntegerModule(graph, weights, ranges).values()
    back = unfolded(graph, values)
    assert back.keys() == weights.keys()
    for conv in graph.convolutions:
        weight, bias = folded(conv, back, graph.bn_eps)
        np.testing.assert_allclose(weight, values[f"{conv.name}.weight"], rtol=2e-7)
        np.testing.assert_allclose(bias, values[f"{conv.name}.bias"], rtol=2e-7)


def test_a_segmentation_is_refused() -> None:
    from mnv3gen.train.integers.module import IntegerModule

    graph = expand(resolve("lraspp_mobilenet_v3_small", width="0.35", resolution=64))
    with pytest.raises(InputError, match="cannot be trained with integer rounding"):
        IntegerModule(graph, {}, {})


def test_a_run_with_int8_rounding_is_evaluated_as_the_int8_network(
    command: Callable[..., Finished], tmp_path: Path
) -> None:
    """The accuracy that training prints is the integer reference's, on the ranges it leaves."""
    table = tmp_path / "little.bneck"
    table.write_text(TABLE, encoding="utf-8")
    data, recipe = write_stripes(tmp_path / "d.npz"), write_recipe(tmp_path / "r.toml")
    common = ["train", table, "--data", data, "--recipe", recipe, "--threads", 1, "--json"]
    command(*common, "--epochs", 6, "-o", tmp_path / "f")
    begin = ["--from", tmp_path / "f" / "best.safetensors", "--int8", "--rate", 0.001]
    summary = command(*common, *begin, "--epochs", 2, "-o", tmp_path / "q").json
    assert summary["last_accuracy"] >= 0.95
    network = load(tmp_path / "q" / "network.bneck")
    weights = load_weights(tmp_path / "q" / "last.safetensors", expand(network))
    statistics = read_statistics(tmp_path / "q" / "last.statistics.json", network, weights)
    quantized = prepare(network, weights, statistics)
    examples, _ = open_test_data(str(data))
    right = 0
    for pixels, labels in Inputs(examples, 12, 12, named("whole")).chunks():
        for image, label in zip(normalized(pixels, named("whole")), labels, strict=True):
            (output,) = quantized.graph.outputs
            answer = reference.run_all(quantized, image)[output].argmax()
            right += int(answer == label)
    assert right / 96 == pytest.approx(summary["last_accuracy"], abs=1.01 / 96)


def test_int8_rounding_needs_trained_weights(
    command: Callable[..., Finished], tmp_path: Path
) -> None:
    table, data = tmp_path / "little.bneck", write_stripes(tmp_path / "d.npz")
    table.write_text(TABLE, encoding="utf-8")
    command("train", table, "--data", data, "--int8").refused("--int8 --from FILE")
