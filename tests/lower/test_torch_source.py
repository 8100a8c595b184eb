"""The source of a torch module: it compiles, and computes what the reference executor does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command import Finished
from support.graphs import every_operator

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.lower.torch_source import torch_source
from mnv3gen.tables.zoo import names, resolve

FORMS: list[tuple[str, dict[str, Any]]] = [
    ("mobilenet_v3_small", {"width": "0.35", "resolution": 33}),
    ("mobilenet_v1", {"width": "0.25", "resolution": 32}),
    ("mobilenet_v2", {"width": "0.35", "resolution": "32x40"}),
    ("raspp_mobilenet_v3_small", {"width": "0.35", "resolution": 64}),
    ("lraspp_mobilenet_v3_small", {"width": "0.35", "resolution": 64}),
    ("ssdlite_mobilenet_v3_small", {"width": "0.35", "resolution": 96}),
]


@pytest.mark.parametrize("name", names())
def test_sources_of_the_zoo_are_python(name: str) -> None:
    graph = expand(resolve(name))
    source = torch_source(graph)
    compile(source, name, "exec")
    assert source.count("Convolution(") == len(graph.convolutions) + 1


def test_a_file_that_is_no_python_file_is_refused(
    command: Callable[..., Finished], tmp_path: Path
) -> None:
    found = command("export", "mobilenet_v3_small", "--format", "torch", "-o", tmp_path / "v3.pt")
    assert (found.code, list(tmp_path.iterdir())) == (2, [])
    assert "expected: .py" in found.err
    options = ("--format", "torch", "--layout", "NHWC", "-o", tmp_path / "v3.py")
    found = command("export", "mobilenet_v3_small", *options)
    assert (found.code, list(tmp_path.iterdir())) == (2, [])
    assert "--layout: a layout of Relay's and ONNX's" in found.err


def renamed(graph: Graph) -> Graph:
    """The graph with names as other tools give them: numbers, keywords, and two alike as Python."""

    def new(name: str) -> str:
        return name if name == graph.input else f"0.class.{name.replace('.', '/')}"

    nodes = [
        replace(node, name=new(node.name), inputs=tuple(map(new, node.inputs)))
        for node in graph.nodes
    ]
    return replace(graph, nodes=tuple(nodes), outputs=tuple(map(new, graph.outputs)))


@pytest.mark.torch
@pytest.mark.parametrize(
    "graph",
    [
        *(expand(resolve(name, **form)) for name, form in FORMS),
        renamed(expand(resolve(FORMS[0][0], **FORMS[0][1]))),
        every_operator(),
    ],
    ids=lambda graph: str(graph.name),
)
def test_modules_compute_the_reference(graph: Graph, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.numpy import save_file

    weights = {key: np.ascontiguousarray(it) for key, it in seeded_weights(graph).items()}
    (tmp_path / "net.py").write_text(torch_source(graph), encoding="utf-8")
    save_file(weights, tmp_path / "net.safetensors")
    spec = spec_from_file_location("net", tmp_path / "net.py")
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(module := module_from_spec(spec))
    data = seeded_input(graph.input_shape, 1)
    with torch.inference_mode():
        found = module.load(tmp_path / "net.safetensors")(
            torch.from_numpy(data.transpose(2, 0, 1)[None].copy())
        )
    expected = run(graph, weights, data)
    for output in graph.outputs:
        value = found[output] if isinstance(found, dict) else found
        wanted = expected[output].transpose(2, 0, 1).reshape(value.shape[1:])
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(value[0].numpy(), wanted, atol=1e-5 * scale)
