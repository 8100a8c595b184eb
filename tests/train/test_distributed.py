"""Two processes on loopback beside one with the whole batch."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from support.command import ROOT, finish, start
from support.training import TABLE, write_recipe, write_stripes

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "curves.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    """The same losses, weights and evaluations, up to the order of sums; no dropout."""
    table = tmp_path / "little.bneck"
    table.write_text(TABLE, encoding="utf-8")
    data = write_stripes(tmp_path / "d.npz")
    recipe = write_recipe(tmp_path / "r.toml", "sgd", rate=0.05, dropout=0.0)
    common = [table, "--data", data, "--recipe", recipe, "--threads", "1", "--device", "cpu"]
    alone = finish(start("train", *common, "-o", tmp_path / "one"), timeout=600)
    assert alone.code == 0, alone.err
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("-m", "mnv3gen", "train", *map(str, common), "-o", str(tmp_path / "two")),
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    both = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert both.returncode == 0, both.stderr
    for ours, theirs in zip(rows(tmp_path / "two"), rows(tmp_path / "one"), strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), rel=1e-4)
        assert float(ours["held_out_loss"]) == pytest.approx(
            float(theirs["held_out_loss"]), rel=1e-3
        )
    one, two = (load_file(tmp_path / name / "last.safetensors") for name in ("one", "two"))
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=1e-2, atol=1e-4, err_msg=name)
    assert both.stdout.count("accuracy  best") == 1
