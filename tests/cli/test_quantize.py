"""`mnv3gen quantize`: the statistics, the report page, and --mixed, which `compile` takes too."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.command import Finished

from mnv3gen.graph.seeded import seeded_input

Command = Callable[..., Finished]


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    path = tmp_path / "inputs.npz"
    data = np.stack([seeded_input((20, 20, 3), seed) for seed in range(6)])
    np.savez(path, inputs=data.astype(np.float32), broken=np.zeros((2, 9, 9, 3), np.float32))
    return path


def test_statistics_and_page(command: Command, table: Path, inputs: Path, tmp_path: Path) -> None:
    page, made = tmp_path / "q.html", tmp_path / "s.json"
    arguments = ["quantize", table, "--calibration", inputs, "--keep-float", "bneck1.project"]
    result = command(*arguments, "-o", made, "--report", page, "--json")
    assert "2 of 8 pictures could not be read: left out" in result.err
    assert "inputs.npz[broken][0]" in result.err
    found = result.json
    assert (found["pictures"], found["skipped"], found["compared"]) == (6, 2, 6)
    assert found["float_nodes"] == ["bneck1.project"]
    assert found["sqnr_db"] > 10
    rows = {layer["name"]: layer for layer in found["layers"]}
    assert rows["input"]["scale"] == pytest.approx(2 * 3**0.5 / 255, rel=0.02)  # of the inputs
    assert not rows["bneck1.project"]["int8"]
    assert all(layer["rounding_loss"] >= 0 for layer in rows.values())
    assert set(json.loads(made.read_text())["ranges"]) >= set(rows)
    text = page.read_text(encoding="utf-8")
    assert all(f"<th>{name}<small>" in text for name in rows)
    assert text.count("<svg") == 2
    assert not re.search(r"https?:|<script|<link|src=|@import|url\(", text)  # nothing to load


def test_a_summary_without_a_page(
    command: Command, table: Path, inputs: Path, tmp_path: Path
) -> None:
    made = tmp_path / "s.json"
    result = command("quantize", table, "--calibration", inputs, "-o", made, "--limit", 3)
    assert result.code == 0, result.err
    assert "(mse, 2 pictures), biases corrected" in result.out  # of three, one is broken
    expected = (
        r"of arg-maxes as in float32 on \d of the pictures, [\d.]+% to be expected on others; "
    )
    assert re.search(rf"{expected}SQNR", result.out)


@pytest.mark.compile
def test_mixed(command: Command, table: Path, inputs: Path, tmp_path: Path) -> None:
    made, page = tmp_path / "s.json", tmp_path / "q.html"
    # No host has an A72's instructions, so that the costs are the model's.
    arguments = [table, "--calibration", inputs, "--target", "cortex-a72", "--mixed", "300dB"]
    found = command("quantize", *arguments, "-o", made, "--report", page, "--json").json
    mixed = found["mixed"]
    assert (mixed["cost"], mixed["cost_unit"]) == ("modelled", "vector multiply-adds")
    names = [name for part in mixed["parts"] for name in part["nodes"]]
    assert names == [layer["name"] for layer in found["layers"][1:]]  # each node is in one part
    assert sorted(mixed["float_nodes"]) == sorted(names)  # nothing else has no error
    assert all(part["float32_cost"] > 0 and part["int8_cost"] > 0 for part in mixed["parts"])
    assert "for a budget of 300 dB" in page.read_text(encoding="utf-8")
    bundle = tmp_path / "out"
    host = [table, "--target", "host", "--no-verify", "--int8", "-o", bundle]
    summary = command("compile", *host, "--calibration", inputs, "--mixed", "1dB", "--json").json
    assert (summary["mixed"]["cost"], summary["float_nodes"]) == ("measured", 0)
    recorded = json.loads((bundle / "manifest.json").read_text())["quantization"]["mixed"]
    assert recorded == summary["mixed"]
    again = command("compile", *host, "--statistics", made, "--json").json
    assert (again["int8_nodes"], again["float_nodes"]) == (0, len(names))


def test_bad_input(command: Command, table: Path, inputs: Path, tmp_path: Path) -> None:
    made = tmp_path / "s.json"
    arguments = ["quantize", table, "-o", made, "--calibration"]
    command(*arguments, inputs, "--mixed", "soon").refused("--mixed", "soon", "40dB")
    command(*arguments, inputs, "--report", tmp_path / "no" / "q.html").refused("no such folder")
    command(*arguments, inputs, "--keep-float", "bneck1.projct").refused("nearest:  bneck1.project")
    empty = tmp_path / "empty"
    empty.mkdir()
    command(*arguments, empty).refused("nothing to calibrate with")
    (empty / "a.png").write_text("no picture")
    command(*arguments, empty).refused("no picture could be read", "a.png")
    assert not made.exists()
    compiled = ["compile", table, "--int8", "--no-verify", "-o", tmp_path / "out"]
    command(*compiled).refused("int8 needs the ranges", "--calibration", "--statistics")
    command("compile", table, "--mixed", "1%").refused("--int8 --mixed")
    assert command(*arguments, inputs).code == 0
    command(*compiled, "--statistics", made, "--mixed", "1%").refused("measured on pictures")
    wider = ["compile", table, "--width", "2", "--int8", "--no-verify", "-o", tmp_path / "out"]
    command(*wider, "--statistics", made).refused("made for another table")
