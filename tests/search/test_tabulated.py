"""Small spaces whose truth is known, and controllers beside each other there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Finished
from support.searches import KERNELS, search_of, settings_of, write_space, write_truth

from mnv3gen.errors import InputError
from mnv3gen.search.compare import best_possible, compare
from mnv3gen.search.reward import EXPONENTS
from mnv3gen.search.settings import settle
from mnv3gen.search.spaces import load_space
from mnv3gen.search.tabulated import Truth, read_truth, truth_file, truth_names
from mnv3gen.search.tabulated import write_truth as write_table

SEEDS = range(3)
TRIALS = 128


@pytest.fixture(scope="module")
def truth() -> Truth:
    """The shipped table."""
    return read_truth(truth_file("mini"), load_space("mini"))


def test_the_shipped_table_has_every_network_and_says_what_made_it(truth: Truth) -> None:
    assert truth_names() == ("mini",)
    assert len(truth.values) == truth.space.size == 512
    assert "mnv3gen search nas --space mini" in truth.made
    assert all(0.5 < accuracy < 1 for accuracy, _ in truth.values.values())


def test_an_exhaustive_search_becomes_a_table(tmp_path: Path) -> None:
    """Written and read again it has what the search found."""
    trials = search_of(tmp_path, "exhaustive").run(32)
    space = write_space(tmp_path, KERNELS)
    given = read_truth(write_truth(tmp_path, space), space)
    assert write_table(tmp_path / "again.tsv", space, trials, ["by a test"]) == 32
    found = read_truth(tmp_path / "again.tsv", space)
    assert (found.values, found.made) == (given.values, "by a test")
    with pytest.raises(InputError, match="1 are missing"):
        write_table(tmp_path / "less.tsv", space, trials[:-1], [])
    assert not (tmp_path / "less.tsv").exists()


def test_the_command_says_how_many_networks_there_are(
    tmp_path: Path, command: Callable[..., Finished]
) -> None:
    search_of(tmp_path, "exhaustive").run(32)
    space = write_space(tmp_path, KERNELS)
    settle(tmp_path / "s", settings_of(space, "exhaustive"))
    words = ("search", "tabulate", tmp_path / "s", "--space", tmp_path / "eight.toml", "-o")
    table = tmp_path / "again.tsv"
    assert command(*words, table, "--json").json == {"table": str(table), "networks": 32}
    assert "--limit" not in (
        made := read_truth(table, space).made
    )  # all pictures were learned from
    assert "mnv3gen search nas --space eight" in made


def test_large_spaces_are_not_tabulated(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too large to be tabulated"):
        read_truth(tmp_path / "none.tsv", load_space("v3-small"))
    with pytest.raises(InputError, match="nearest:  mini"):
        truth_file("minni")


@pytest.mark.torch
def test_the_rnn_beats_random_search(truth: Truth) -> None:
    """The issue's bar: in mean reward of the best ten, over three seeds, with the same budget."""
    pytest.importorskip("torch")
    target, exponents = truth.median_ms, EXPONENTS["small"]
    random, ppo = compare(truth, ["random", "ppo"], SEEDS, TRIALS, target, exponents)
    assert ppo.mean > random.mean
    assert max(ppo.spread[1], random.spread[1]) <= best_possible(truth, target, exponents)
