"""Random networks of a space beside the sums of their kernels."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.command import mnv3gen
from support.compiled import TINY

from mnv3gen.cli.latency_check import chosen_networks
from mnv3gen.devices.device import find_device
from mnv3gen.measure import check
from mnv3gen.measure.check import random_networks, summarize
from mnv3gen.measure.validate import Comparison
from mnv3gen.search.footprint import calibrating
from mnv3gen.search.spaces import load_space

POOL = "pool, 5x5 "
HEAD = "conv2d, 1x1         -    24   -  HS  1\n"  # blocks are separate from what follows them
SPACE = """\
seed = "tiny.bneck"
operators = ["bneck3"]
kernels = [3, 5]
squeeze = [false, true]
skip = ["identity"]
filters = ["1"]
layers = [0]
"""


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A space of 16 networks: 2 blocks, each of 2 kernels, with and without SE."""
    (tmp_path / "tiny.bneck").write_text(TINY.replace(POOL, f"{HEAD}{POOL}"))
    path = tmp_path / "space.toml"
    path.write_text(SPACE)
    return path


def test_the_summary() -> None:
    # Errors 0.1, 0.2, 0, 0.5; ranks 1 0 2 3 and 0 1 2 3: 1 - 6 * (1 + 1) / (4 * 15) = 0.8.
    pairs = [(0.9, 1.0), (0.88, 1.1), (2.0, 2.0), (6.0, 4.0)]
    found = summarize([Comparison("", 9, *pair) for pair in pairs])
    assert found.networks == 4
    assert found.median_error == pytest.approx(0.15)
    assert found.largest_error == pytest.approx(0.5)
    assert found.rank_correlation == pytest.approx(0.8)


def test_networks_are_distinct_and_follow_from_the_seed(space: Path) -> None:
    loaded = load_space(str(space))
    networks = random_networks(loaded, 12, seed=3)
    assert len({network.rows for network in networks}) == 12
    assert networks == random_networks(loaded, 12, seed=3)
    assert networks != random_networks(loaded, 12, seed=4)
    assert len(random_networks(loaded, 1000, seed=3)) == loaded.size == 16


def test_a_check_needs_a_space() -> None:
    result = mnv3gen("latency-table", "mobilenet_v2", "--check", "3")
    assert result.code == 2
    assert "--check takes networks of a --space" in result.err


def test_six_networks_calibrate_a_space_unless_asked_otherwise(space: Path) -> None:
    assert len(chosen_networks(str(space), None, 0)) == 6
    assert len(chosen_networks(str(space), 4, 0)) == 4
    assert chosen_networks(str(space), 0, 0) == []
    assert chosen_networks(None, None, 0) == []


def test_a_search_is_calibrated_by_the_networks_of_the_table(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNV3GEN_RECORDS", str(tmp_path / "records"))
    found = calibrating(load_space(str(space)), find_device("local"))
    assert found == [(network, None) for network in chosen_networks(str(space), None, 0)]


@pytest.mark.compile
def test_networks_are_measured_whole(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNV3GEN_RECORDS", str(tmp_path / "records"))
    words = ("latency-table", "--space", space, "--runs", "3", "--check", "2", "--json")
    found = mnv3gen(*words).json["check"]
    assert found["networks"] + found["noisy"] == 2
    assert {row["network"] for row in found["rows"]} <= {"random_0", "random_1"}
    assert all(row["sum_ms"] > 0 and row["measured_ms"] > 0 for row in found["rows"])


def test_groups_are_compared_by_what_is_in_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first takes 2 ms and then 3: what is measured beside it then counts two thirds."""
    groups: list[list[str]] = []
    times = iter([2.0, 3.0])

    def measured(_: object, bundles: list[str], __: object) -> list[SimpleNamespace]:
        groups.append(bundles)
        common = next(times)
        ms = [common, *(5.0 for _ in bundles[1:])]
        return [
            SimpleNamespace(name=name, times={"run": SimpleNamespace(median_ms=each)})
            for name, each in zip(bundles, ms, strict=True)
        ]

    monkeypatch.setattr(check, "measure_networks", measured)
    names: Any = [f"random_{number}" for number in range(12)]
    session: Any = SimpleNamespace(device=SimpleNamespace(cpu=None))
    kept: list[Any] = []
    speeds = check.measure_all(names, session, kept.append, lambda: None)
    assert [it.name for it in kept] == names
    assert groups == [names[:10], ["random_0", "random_10", "random_11"]]
    assert speeds == dict.fromkeys(names[:10], 1.0) | dict.fromkeys(names[10:], 2 / 3)
