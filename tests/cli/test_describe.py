"""`mnv3gen describe`: the counts that torchvision and the paper publish."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Finished

Command = Callable[..., Finished]


def test_json_of_the_large_network(command: Command) -> None:
    printed = command("describe", "mobilenet_v3_large", "--json").json
    assert printed["name"] == "mobilenet_v3_large"
    assert printed["input"] == [224, 224, 3]
    assert printed["classes"] == 1000
    # torchvision's mobilenet_v3_large has as many.
    assert printed["params"] == 5_483_032
    assert printed["madds"] == 216_589_760
    assert printed["params_without_bn"] < printed["params"]
    assert printed["paper"]["params_millions"] == 5.4
    assert printed["paper"]["madds_millions"] == 219


def test_json_of_rows(command: Command) -> None:
    printed = command("describe", "mobilenet_v3_large", "--json").json
    rows = printed["rows"]
    assert len(rows) == 20
    assert sum(row["params"] for row in rows) == 5_483_032
    assert sum(row["madds"] for row in rows) == 216_589_760
    # Table 1: 56^2 x 24 | bneck, 5x5 | 72 | 40 | SE | RE | 2, with a squeeze of 24 = 72/4 rounded.
    row = rows[4]
    assert (row["operator"], row["kernel"], row["expansion"], row["out"]) == ("bneck", 5, 72, 40)
    assert (row["squeeze"], row["nonlinearity"], row["stride"]) == (24, "RE", 2)
    assert (row["input"], row["output"]) == ([56, 56, 24], [28, 28, 40])


def test_small_counts(command: Command) -> None:
    # 2.947M: the paper's head of 1280 where torchvision has 1024.
    printed = command("describe", "mobilenet_v3_small", "--json").json
    assert printed["params"] == pytest.approx(2.947e6, abs=500)


def test_width(command: Command) -> None:
    # Table 3: 155M multiply-adds and 4.0M parameters; the rule gives 154.56M and 3.994M.
    printed = command("describe", "mobilenet_v3_large", "--width", "0.75", "--json").json
    assert printed["madds"] == pytest.approx(154.56e6, abs=5000)
    assert printed["params"] == pytest.approx(3.994e6, abs=500)


def test_text(command: Command) -> None:
    result = command("describe", "mobilenet_v3_large")
    assert result.code == 0
    lines = result.out.splitlines()
    assert len(lines) == 24
    assert lines[0].startswith("mobilenet_v3_large  224x224x3, 1000 classes")
    assert "5,483,032 parameters" in lines[-2]
    assert "216,589,760 multiply-adds" in lines[-2]
    assert "5.4M parameters, 219M multiply-adds, top-1 75.2 %" in lines[-1]


def test_a_table_of_ones_own(command: Command, table: Path) -> None:
    options = ["--width", "2", "--resolution", "40x60", "--classes", "3"]
    printed = command("describe", table, *options, "--json").json
    assert printed["name"].startswith("tiny")
    assert printed["input"] == [40, 60, 3]
    assert printed["paper"] is None
    assert [row["out"] for row in printed["rows"][:3]] == [16, 16, 32]
    # 40 x 60 halved twice, as the strides say.
    assert printed["rows"][2]["output"] == [10, 15, 32]
    assert printed["rows"][-1]["output"] == [1, 1, 3]
