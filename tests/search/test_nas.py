"""The loop of a search: what is written, what is told, and going on where it was killed."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.searches import (
    KERNELS,
    SPACE,
    search_of,
    settings_of,
    spec_of,
    write_space,
    write_truth,
)

from mnv3gen.errors import DeviceLostError, InputError, Mnv3genError, NoisyError
from mnv3gen.search.controllers import Told
from mnv3gen.search.nas import check_space
from mnv3gen.search.settings import read_settings, settle
from mnv3gen.search.space import Point
from mnv3gen.search.target import smallest
from mnv3gen.search.trials import FILE, Trial, read_trials
from mnv3gen.search.workers import Job, check_ray, open_workers


def lines_of(trials: Sequence[Trial]) -> list[tuple[int, str, float | None]]:
    """What must be the same."""
    return [(trial.number, trial.point, trial.reward) for trial in trials]


def test_rewards_are_of_the_table(tmp_path: Path) -> None:
    """Network n: 0.5 + n/100 right, 1 + n ms, so ACC x ((1 + n) / 4)^-0.15."""
    (first, *_) = search_of(tmp_path).run(3)
    assert first.accuracy is not None
    assert first.latency is not None
    number = round(first.latency.ms) - 1
    assert first.accuracy.value == 0.5 + number / 100
    assert first.reward == pytest.approx((0.5 + number / 100) * ((1 + number) / 4) ** -0.15)
    assert (first.state, first.controller, first.latency.source) == ("ok", "random", "table")


@pytest.mark.parametrize("controller", ["random", "evolution", "exhaustive", "ppo"])
def test_a_search_goes_on_where_it_was(tmp_path: Path, controller: str) -> None:
    if controller == "ppo":
        pytest.importorskip("torch")
    (whole, cut) = (tmp_path / "whole", tmp_path / "cut")
    whole.mkdir()
    cut.mkdir()
    expected = lines_of(search_of(whole, controller).run(24))
    search_of(cut, controller).run(6)  # in the midst of a round
    again = search_of(cut, controller)
    assert lines_of(again.run(24)) == expected
    assert again.latency.calls == len(expected) - 6  # type: ignore[attr-defined]


def test_blocks_that_share_out_their_layers_in_two_ways(tmp_path: Path) -> None:
    """Of 8 filters both, 2 + 1 layers or 1 + 2 are one table, which a search that goes on knows."""
    text = SPACE.replace("layers = [0]", "layers = [0, 1]")
    search = search_of(tmp_path, "exhaustive", text=text)
    tables = [trial.point for trial in search.run(100)]
    assert len(tables) == 4 * 8 == search.space.size
    assert len(set(tables)) == 32 - 2  # of bneck3 and of bneck6
    assert len(search_of(tmp_path, "exhaustive", text=text).run(100)) == 32


def test_lines_that_a_kill_left_out_are_made_again(tmp_path: Path) -> None:
    """Any line may be missing: workers end in any order. A line that is half is none."""
    expected = lines_of(search_of(tmp_path).run(12))
    path = tmp_path / "s" / FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5] + lines[6:9]) + lines[11][:40])
    search = search_of(tmp_path)
    assert search.trials.journal.damaged == [9]
    assert lines_of(search.run(12)) == expected
    assert lines_of(read_trials(tmp_path / "s")) == expected


def test_the_exhaustive_controller_ends_with_the_space(tmp_path: Path) -> None:
    trials = search_of(tmp_path, "exhaustive").run(1000)
    assert len({trial.point for trial in trials}) == len(trials) == 32


def test_a_noisy_measurement_is_never_a_reward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Told] = []

    def fails(call: int) -> None:
        if call == 2:
            raise NoisyError("pi", "a spread of 30%")

    search = search_of(tmp_path, fails=fails)
    monkeypatch.setattr(search.controller, "tell", told.extend)
    trials = search.run(4)
    assert [trial.state for trial in trials] == ["ok", "failed", "ok", "ok"]
    assert (trials[1].reward, trials[1].latency) == (None, None)
    assert "a spread of 30%" in trials[1].reason
    assert [it.reward is None for it in told] == [False, True, False, False]


def test_an_accuracy_that_cannot_be_had_is_a_failed_trial(tmp_path: Path) -> None:
    search = search_of(tmp_path)
    evaluator = search.workers.evaluator  # type: ignore[attr-defined]
    own = evaluator.of

    def of(number: int, *rest: object) -> object:
        if number == 1:
            raise Mnv3genError("diverged")
        return own(number, *rest)

    evaluator.of = of
    trials = search.run(4)
    assert [trial.state for trial in trials] == ["ok", "failed", "ok", "ok"]
    assert (trials[1].reward, trials[1].reason) == (None, "diverged")
    assert trials[1].latency is not None


def test_a_device_that_is_lost_loses_nothing(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    expected = lines_of(search_of(other).run(12))

    def fails(call: int) -> None:
        if call == 7:
            raise DeviceLostError("pi", "no answer")

    with pytest.raises(DeviceLostError):
        search_of(tmp_path, fails=fails).run(12)
    assert lines_of(read_trials(tmp_path / "s")) == expected[:4]
    assert lines_of(search_of(tmp_path).run(12)) == expected


def test_trials_of_another_seed_are_refused(tmp_path: Path) -> None:
    search_of(tmp_path).run(8)
    with pytest.raises(InputError, match=r"trial 0: a trial of another search"):
        search_of(tmp_path, seed=1).run(8)


def test_a_folder_of_another_search_is_refused(tmp_path: Path) -> None:
    space = write_space(tmp_path)
    assert not settle(tmp_path / "s", settings_of(space))
    assert settle(tmp_path / "s", settings_of(space))
    assert read_settings(tmp_path / "s") == settings_of(space)
    with pytest.raises(InputError, match=r"another controller\n  found:    random\n.*evolution"):
        settle(tmp_path / "s", settings_of(space, "evolution"))
    other = write_space(tmp_path, KERNELS)
    with pytest.raises(InputError, match="another contents"):
        settle(tmp_path / "s", settings_of(other))
    (tmp_path / "s" / "search.json").write_text("{}")
    with pytest.raises(InputError, match="not a search's settings"):
        settle(tmp_path / "s", settings_of(space))


@pytest.mark.parametrize(
    ("operators", "message"),
    [('["sepconv"]', "block 2 of 2 has no choice"), ('["bneck3"]', "several")],
)
def test_a_space_without_a_choice(tmp_path: Path, operators: str, message: str) -> None:
    text = SPACE.replace('["bneck3", "bneck6"]', operators).replace('"1/2", ', "")
    with pytest.raises(InputError, match=message):
        check_space(write_space(tmp_path, text))


def test_the_smallest_network_is_narrow(tmp_path: Path) -> None:
    """By hand: an expansion by 3 and half of the filters, of 16; make_divisible gives 8."""
    point: Point = smallest(write_space(tmp_path))
    assert [(it.layer.operator, it.layer.out) for it in point] == [("bneck3", 8), ("bneck3", 8)]


def test_ray_gives_the_same(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    other = tmp_path / "other"
    other.mkdir()
    expected = lines_of(search_of(other, "evolution").run(40))
    space = write_space(tmp_path, KERNELS)
    workers = open_workers("auto", spec_of(write_truth(tmp_path, space)), space, 2)
    try:
        assert lines_of(search_of(tmp_path, "evolution", workers=workers).run(40)) == expected
        with pytest.raises(InputError, match="wrong number of cells"):
            list(workers.run([Job(3, "no table", ())]))
    finally:
        workers.close()


def test_a_cluster_that_does_not_answer_is_named_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nothing listens there
        host, port = taken.getsockname()
        for address in (f"{host}:{port}", f"ray://{host}:{port}"):
            with pytest.raises(InputError, match=rf"{port}(.|\n)*HOST:PORT"):
                check_ray(address)
    with pytest.raises(InputError, match="nowhere"):
        check_ray("nowhere")
    check_ray("auto")
