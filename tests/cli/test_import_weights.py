"""`mnv3gen import-weights`: what it prints, what it writes, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.command import Finished

from mnv3gen.cli.import_weights import SOURCES
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import parameter_shapes
from mnv3gen.graph.seeded import seeded_weights
from mnv3gen.graph.weights import load_metadata, load_weights
from mnv3gen.tables.parse import load
from mnv3gen.weights_import import SOURCE_NAMES

Command = Callable[..., Finished]
Tensors = dict[str, npt.NDArray[Any]]


@pytest.fixture
def file(tmp_path: Path, table: Path) -> tuple[Path, Tensors]:
    """The weights of the tiny table under other names, and what must come out of them."""
    graph = expand(load(table))
    weights = seeded_weights(graph)
    names = {name: f"features.{name.replace('.bn.', '_.')}" for name in parameter_shapes(graph)}
    np.savez(tmp_path / "w.npz", **{names[name]: weights[name] for name in names})  # type: ignore[arg-type]
    return tmp_path / "w.npz", dict(weights)


def test_what_is_written(command: Command, table: Path, file: tuple[Path, Tensors]) -> None:
    path, weights = file
    output = path.with_name("out.safetensors")
    result = command("import-weights", path, "--network", table, "--source", "tf", "-o", output)
    assert result.code == 0, result.err
    assert "source    tf: same padding, BN eps 0.001, inception pictures" in result.out
    loaded = load_weights(output, expand(load(table)))
    assert all(np.allclose(loaded[name], weights[name], rtol=1e-6) for name in weights)
    said = load_metadata(output)
    assert {key: said[key] for key in ("source", "padding", "bn_eps", "class_offset")} == {
        "source": "tf",
        "padding": "same",
        "bn_eps": "0.001",
        "class_offset": "0",
    }


def test_json(command: Command, table: Path, file: tuple[Path, Tensors]) -> None:
    path, weights = file
    output = path.with_name("out.safetensors")
    result = command(
        "import-weights", path, "--network", table, "--source", "tf", "-o", output, "--json"
    ).json
    assert (result["output"], result["source"]) == (str(output), "tf")
    assert result["tensors"] == len(weights)
    assert result["assigned"]["conv2d1"] == "features.conv2d1.weight"
    assert result["warnings"] == []


def test_conventions_that_differ(command: Command, table: Path, file: tuple[Path, Tensors]) -> None:
    path, _ = file
    output = path.with_name("out.safetensors")
    arguments = ("import-weights", path, "--network", table, "-o", output, "--source")
    command(*arguments, "timm").refused("`padding: symmetric`", "--variant torchvision")
    assert not output.exists()
    result = command(*arguments, "timm", "--variant", "torchvision")
    assert result.code == 0, result.err
    assert load_metadata(output)["padding"] == "symmetric"
    command("compile", table, "--weights", output, "-o", path.parent / "bundle").refused(
        "made for other conventions", "padding: symmetric"
    )


def test_refusals(command: Command, table: Path, file: tuple[Path, Tensors]) -> None:
    path, _ = file
    ending = ("--network", table, "-o", path.with_name("out.safetensors"))
    command("import-weights", path, *ending).refused("--source torchvision, timm or tf")
    command("import-weights", "none.pth", *ending).refused("no such weights file")
    command("import-weights", table, *ending).refused("", code=2)
    command("import-weights", path, "--network", "mobilenet_v3_larg", *ending[2:]).refused(
        "nearest:  mobilenet_v3_large"
    )
    command("import-weights", path, "--network", "mobilenet_v3_large", *ending[2:]).refused(
        "these weights do not fit mobilenet_v3_large", "and ", "more"
    )
    command("import-weights", path, *ending[:2], "-o", path.with_name("w.pth")).refused(
        "weights are written as .safetensors"
    )
    command("import-weights", path, *ending[:2], "-o", "none/w.safetensors").refused(
        "no such folder"
    )


def test_the_sources_that_it_offers() -> None:
    assert SOURCES == SOURCE_NAMES


def test_help_has_examples(command: Command) -> None:
    result = command("import-weights", "--help")
    assert result.code == 0
    assert "mnv3gen import-weights mobilenet_v3_large.pth --network" in result.out
