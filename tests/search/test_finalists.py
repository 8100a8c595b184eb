"""Finalists: from which classes of latency they are, and what their own trainings change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from support.searches import TableLatency, settings_of, write_space, write_truth

from mnv3gen.measure.paired import Paired
from mnv3gen.search.accuracy import PROXY_RECIPE, Accuracy
from mnv3gen.search.accuracy.tabulated import Tabulated
from mnv3gen.search.finalists import measure_finalists
from mnv3gen.search.latency import Latency
from mnv3gen.search.training import FILE, Trained, shortlist, train_finalists, trainings_of
from mnv3gen.search.trials import Trial
from mnv3gen.search.workers import Job, Result
from mnv3gen.search.yardstick import Known, Yardstick, yardstick_of
from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network


def trial(number: int, ms: float, reward: float, point: str = "") -> Trial:
    """One that was evaluated."""
    return Trial(
        number=number,
        seed=0,
        controller="random",
        point=point or f"table {number}",
        state="ok",
        accuracy=accuracy(reward, 20),
        latency=Latency(ms=ms, interval_ms=0, source="table"),
        reward=reward,
    )


def accuracy(value: float, epochs: int) -> Accuracy:
    """Of 100 pictures."""
    return Accuracy(
        value=value, evaluator="proxy", images=100, seed=0, epochs=epochs, recipe=PROXY_RECIPE
    )


class Answers:
    """Workers that answer what was written down for them."""

    words = "answers"

    def __init__(self, values: dict[int, Accuracy | str]) -> None:
        self.values = values
        self.asked: list[int] = []

    def run(self, jobs: Sequence[Job]) -> Iterator[Result]:
        for job in jobs:
            self.asked.append(job.number)
            yield job.number, self.values[job.number]

    def close(self) -> None:
        pass


class InTurns(TableLatency):
    """A table that also compares, always alike; `compared` has what was known."""

    def __init__(self, table: Tabulated, pair: Paired | None = None) -> None:
        super().__init__(table)
        self.pair = pair
        self.compared: list[Known] = []

    def beside(self, known: Known, network: Network, rounds: int, most_error: float) -> Paired:
        assert self.pair is not None
        self.compared.append(known)
        return self.pair


def test_finalists_are_of_three_classes_of_latency() -> None:
    """Of twelve trials the better six are 0 to 5; by latency 0 1, 2 3, 4 5."""
    ms = [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]
    rewards = [0.90, 0.91, 0.93, 0.92, 0.89, 0.88, *[0.5] * 6]
    trials = [trial(it, ms[it], rewards[it]) for it in range(12)]
    assert [it.number for it in shortlist(trials, 3)] == [4, 2, 1]
    assert [it.number for it in shortlist(trials, 5)] == [4, 2, 1, 5, 3]
    assert [it.number for it in shortlist(trials[:2], 5)] == [1, 0]
    assert shortlist([], 5) == []


def test_trainings_are_kept(tmp_path: Path) -> None:
    chosen = [trial(3, 1, 0.9), trial(5, 2, 0.8), trial(6, 2, 0.7)]
    first = Answers({3: accuracy(0.6, 2), 5: "diverged", 6: accuracy(0.5, 2)})
    kept = trainings_of(tmp_path)
    seen: list[int] = []
    found = train_finalists(chosen, first, kept, 2, lambda it, _: seen.append(it.number))
    assert found == first.values
    assert seen == [3, 5, 6]
    again = Answers({5: accuracy(0.4, 2)})
    kept = trainings_of(tmp_path)
    again_seen: list[int] = []
    found = train_finalists(chosen, again, kept, 2, lambda it, _: again_seen.append(it.number))
    assert again_seen == [3, 6, 5]
    assert (again.asked, found[3], found[5]) == ([5], accuracy(0.6, 2), accuracy(0.4, 2))
    longer = Answers({it.number: accuracy(0.9, 4) for it in chosen})
    train_finalists(chosen, longer, kept, 4, lambda *_: None)
    assert longer.asked == [3, 5, 6]
    other = trainings_of(tmp_path / "other")
    for it in chosen:
        by_another = msgspec.structs.replace(accuracy(0.5, 2), recipe="modern")
        other.add(Trained(trial=it.number, accuracy=by_another))
    anew = Answers({it.number: accuracy(0.9, 2) for it in chosen})
    train_finalists(chosen, anew, other, 2, lambda *_: None)
    assert anew.asked == [3, 5, 6]
    (tmp_path / FILE).write_text('{"trial": 3, "accuracy": "high"}\n')
    assert trainings_of(tmp_path).damaged == [1]


def test_the_best_is_by_its_own_training(tmp_path: Path) -> None:
    """The target is 4 ms and w -0.15: of networks that take as long, accuracy decides."""
    space = write_space(tmp_path)
    table = Tabulated(write_truth(tmp_path, space), space)
    first, second = space.choices(0), space.choices(1)
    tables = [format_network(space.network((one, other))) for one in first for other in second]
    chosen = [trial(it, 1 + it, 0.9 - it / 10, tables[it]) for it in range(3)]
    trained: dict[int, Accuracy | str] = {0: accuracy(0.2, 2), 1: accuracy(0.6, 2), 2: "diverged"}
    advanced: list[int] = []
    found = measure_finalists(
        chosen, trained, settings_of(space), InTurns(table), None, lambda: advanced.append(1)
    )
    assert len(advanced) == 3
    assert [it.trial for it in found] == [1, 0, 2]
    best, _, failed = found
    assert best.reward == 0.6 * (2 / 4) ** -0.15
    assert (best.accuracy, best.trained) == (0.8, trained[1])
    assert (failed.reward, failed.reason) == (None, "diverged")


def test_a_device_that_became_slower_changes_no_reward(tmp_path: Path) -> None:
    """All takes 1.2 times as long as when the table was made; the finalist 1.8 ms now.

    So the finalist counts as 1.5 ms; the truth has 2 ms and 1.8 were searched, a fifth too many.
    """
    space = write_space(tmp_path)
    table = Tabulated(write_truth(tmp_path, space), space)
    network = space.network((space.choices(0)[1], space.choices(1)[1]))
    chosen = [trial(0, 1.8, 0.9, format_network(network))]
    yardstick = Yardstick(((space.network((space.choices(0)[0], space.choices(1)[0])), 3.0),))
    device = InTurns(table, Paired((1.2, 1.2, 1.2), (1.8, 1.8, 1.8)))
    (found,) = measure_finalists(chosen, {}, settings_of(space), device, yardstick, lambda: None)
    assert found.measured == table.latency(network)
    assert found.steady_ms == 1.5
    assert found.reward == 0.9 * (1.5 / 4) ** -0.15
    assert found.error is not None
    assert abs(found.error - 0.2) < 1e-12
    assert device.compared == [yardstick.known]


def test_the_yardstick_is_all_that_was_measured(tmp_path: Path) -> None:
    space = write_space(tmp_path)
    first, second = space.choices(0), space.choices(1)
    networks = [space.network((first[it // 2], second[it % 2])) for it in range(3)]
    measured = [(networks[0], 1.0), (networks[1], 2.2), (networks[2], None)]
    assert yardstick_of(measured) == Yardstick(((networks[0], 1.0), (networks[1], 2.2)))
    assert yardstick_of(measured[2:]) is None
