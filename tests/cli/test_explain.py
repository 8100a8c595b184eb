"""`mnv3gen compile --explain`: the plan, after compiling and from the cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Finished

Command = Callable[..., Finished]

pytestmark = pytest.mark.compile

# The layers of the tiny table, by hand: residuals and activations belong to convolutions.
LAYERS = ["conv3x3", *("conv1x1", "dwconv3x3", "conv1x1"), *("conv1x1", "dwconv5x5", "pool")]
LAYERS += [*("conv1x1", "conv1x1", "gate", "conv1x1"), "pool", "conv1x1"]


@pytest.fixture
def arguments(table: Path, tmp_path: Path) -> list[object]:
    return ["compile", table, "--target", "arm_cpu", "--no-verify", "--rule", "-o", tmp_path / "o"]


def test_json(command: Command, arguments: list[object]) -> None:
    first = command(*arguments, "--explain", "--json").json
    plan, total = first["plan"], first["plan_total"]
    assert [layer for call in plan for layer in call["computes"]] == LAYERS
    assert total["kernels"] == len(LAYERS)
    assert total["calls"] == len(plan) == first["calls"]
    assert total["fused"] == sum(len(call["computes"]) > 1 for call in plan) > 0
    assert total["arena_bytes"] == first["arena_bytes"]
    assert max(call["alive_bytes"] for call in plan) == first["peak_alive_bytes"]
    for call in plan:
        assert call["cost"] <= call["cost_apart"]
        if len(call["computes"]) == 1:
            assert call["cost"] == call["cost_apart"]
    assert plan[-1]["shapes"] == [[1, 1, 10]]
    assert plan[-1]["writes"] == [f"t{len(LAYERS) - 1}"]
    again = command(*arguments, "--explain", "--json").json
    assert again["cached"]
    assert (again["plan"], again["plan_total"]) == (plan, total)


def test_the_classifiers_cost(command: Command, arguments: list[object]) -> None:
    classifier = command(*arguments, "--explain", "--json").json["plan"][-1]
    assert (classifier["computes"], classifier["schedule"]) == (["conv1x1"], "fully_connected")
    assert (classifier["parameters"], classifier["provenance"]) == ({"vectors": 8}, "rule")
    # A call, 160 multiply-adds by four lanes at 0.7 of the peak, 16 + 10 floats of the first cache.
    assert classifier["cost"] == round(300 + 160 / 4 / 0.7 + (16 + 10) * 4 / 16 * 0.5)
    assert classifier["prefetched_bytes"] == 0


def test_table(command: Command, arguments: list[object]) -> None:
    plan = command(*arguments, "--explain", "--json").json["plan"]
    lines = command(*arguments, "--explain").out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("Computes"))
    assert lines[first].split()[:6] == [
        *("Computes", "Output", "Schedule", "Parameters", "From", "Cost")
    ]
    rows = lines[first + 1 : first + 1 + len(plan)]
    for row, call in zip(rows, plan, strict=True):
        assert row.split()[0] == "+".join(call["computes"])
        assert f"{call['cost']:,}" in row
        assert call["schedule"] in row
    assert "1x1x10" in rows[-1]
    assert "vectors=8" in rows[-1]
    summary = lines[first + 1 + len(plan)]
    assert summary.startswith(f"plan      13 kernels in {len(plan)} calls, ")
    assert "% saved); arena " in summary


def test_only_if_asked_for(command: Command, arguments: list[object]) -> None:
    assert "plan" not in command(*arguments, "--json").json
    assert "Computes" not in command(*arguments).out
