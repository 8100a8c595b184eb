"""Tuning without a device: trials, records, and what a compilation makes of them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from support.command import mnv3gen

from mnv3gen.compile.log_lines import encode_lines
from mnv3gen.compile.modelled import (
    FILE,
    ModelledRecord,
    modelled_logs,
    problems,
    read_modelled,
)
from mnv3gen.compile.plan import make_plan
from mnv3gen.compile.tuned import Tuned, TunedRecord, core_of
from mnv3gen.cycles.core import model_of
from mnv3gen.cycles.kernel_calls import model_units
from mnv3gen.cycles.model import stamp_of
from mnv3gen.cycles.search import ModelledSearch, ModelledTrial, write_records
from mnv3gen.errors import InputError
from mnv3gen.journal import Journal
from mnv3gen.tables.parse import parse
from mnv3gen.targets import load
from mnv3gen.tune.tasks import Listed, listed
from mnv3gen.tune.units import candidate

pytestmark = [pytest.mark.compile, pytest.mark.emulate]

TABLE = "input: 12x12x8\nconv2d, 1x1  -  16  -  RE  1"
RPI4 = load("rpi4")


@pytest.fixture(scope="module")
def network() -> Listed:
    return listed(parse(TABLE), RPI4)


def search_in(folder: Path, network: Listed, integers: bool = False) -> ModelledSearch:
    journal = Journal(folder / "trials.jsonl", ModelledTrial)
    return ModelledSearch([network], RPI4, model_of(RPI4), journal, folder, integers)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, network: Listed) -> ModelledSearch:
    search = search_in(tmp_path_factory.mktemp("search"), network)
    search.run(0.2)
    return search


def test_the_best_is_no_worse_than_the_rule(searched: ModelledSearch) -> None:
    records = searched.records()
    assert records
    for record in records:
        assert 0 < record.cycles <= record.rule_cycles
        task = searched.tasks[record.kernel, record.schedule]
        # Two pipes of two lanes each: no kernel can beat its multiply-adds.
        assert record.cycles >= task.group.madds / 4
        assert record.core == core_of(RPI4)
        assert record.modelled_core == "Cortex-A72"


def test_int8_is_searched_too(tmp_path: Path) -> None:
    network = listed(parse(TABLE), RPI4, int8=True)
    search = search_in(tmp_path, network, integers=True)
    search.run(0)  # no time: nothing, and no record
    assert search.records() == []
    search.run(0.2)
    found = [it for it in search.records() if it.kernel.startswith("conv1x1")]
    assert found
    for record in found:
        assert record.kernel.endswith("_i8")
        # The multiplying pipe takes eight products of 8 bits a cycle.
        assert record.cycles >= search.tasks[record.kernel, record.schedule].group.madds / 8
        assert record.model == stamp_of(model_of(RPI4), RPI4.core)
    records = {(it.kernel, it.schedule): it for it in search.records()}
    steps = make_plan(network.calls, RPI4.core, Tuned({}, modelled=records)).steps
    (step,) = [it for it in steps if it.group.name.startswith("conv1x1")]
    assert step.choice.provenance == "modelled"


def test_a_second_run_goes_on_and_repeats_nothing(
    searched: ModelledSearch, network: Listed
) -> None:
    again = search_in(searched.folder, network)
    assert again.records() == searched.records()
    again.run(0.2)
    trials = [(it.kernel, it.schedule, str(it.parameters)) for it in again.journal.entries]
    assert len(trials) == len(set(trials))


def test_modelled_cycles_repeat_exactly(searched: ModelledSearch, tmp_path: Path) -> None:
    trial = next(it for it in searched.journal.entries if it.cycles)
    task = searched.tasks[trial.kernel, trial.schedule]
    unit = candidate(task, trial.parameters)
    (found,) = model_units([unit], RPI4, searched.model, tmp_path, "again")
    assert found.cycles == trial.cycles


def test_a_plan_uses_them_and_says_so(searched: ModelledSearch, network: Listed) -> None:
    records = {(it.kernel, it.schedule): it for it in searched.records()}
    plan = make_plan(network.calls, RPI4.core, Tuned({}, modelled=records))
    (step,) = plan.steps
    assert step.choice.provenance == "modelled"
    assert step.choice.parameters == records[step.group.name, step.schedule.name].parameters


def test_what_was_measured_comes_first(searched: ModelledSearch, network: Listed) -> None:
    records = {(it.kernel, it.schedule): it for it in searched.records()}
    (step,) = make_plan(network.calls, RPI4.core, Tuned({}, modelled=records)).steps
    rule = dict(step.schedule.rule(step.group, RPI4.core))
    measured = TunedRecord(
        kernel=step.group.name, schedule=step.schedule.name, version=step.schedule.version,
        parameters=rule, median_us=1.0, spread=0.0, rule_us=1.0, apart_us=0.0, floor_us=0.5,
        trials=1, core=core_of(RPI4), machine="a board", tools={}, seed=0, date="2026-11-25",
    )  # fmt: skip
    tuned = Tuned({(measured.kernel, measured.schedule): measured}, modelled=records)
    assert tuned.parameters(step.group, step.schedule) == rule
    assert tuned.provenance(step.group, step.schedule) == "tuned"
    assert tuned.fingerprint != Tuned({}, modelled=records).fingerprint


def test_logs_are_merged_sorted_and_checked(searched: ModelledSearch, tmp_path: Path) -> None:
    path = tmp_path / "rpi4" / FILE
    (record, *_) = searched.records()
    other = msgspec.structs.replace(record, kernel="another")
    write_records(path, [record])
    write_records(path, [other, msgspec.structs.replace(record, trials=99)])
    found = read_modelled(path)
    assert [(it.kernel, it.trials) for it in found] == sorted(
        [("another", record.trials), (record.kernel, 99)]
    )
    assert all(isinstance(it, ModelledRecord) for it in found)
    assert list(problems(path)) == []
    twice = [other, other, msgspec.structs.replace(record, version=record.version + 1)]
    path.write_bytes(encode_lines(twice))
    assert [it.rpartition(":")[2].split()[0] for it in problems(path)] == ["a", record.schedule]
    path.write_bytes(encode_lines(found))
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(InputError, match=r"modelled\.jsonl:3"):
        read_modelled(path)


def test_only_what_is_emulated_can_be_modelled() -> None:
    for target in ("host", "armv7"):
        mnv3gen("tune", "--target", target, "--device", "modelled").refused(
            "a target for aarch64" if target == "armv7" else "modelled"
        )
    mnv3gen("tune", "--target", "rpi4").refused("--device modelled")


def test_committed_logs_are_whole() -> None:
    for target, path in modelled_logs().items():
        assert list(problems(path)) == []
        assert {it.core for it in read_modelled(path)} == {core_of(load(target))}
