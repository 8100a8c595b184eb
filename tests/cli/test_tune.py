"""`mnv3gen tune` and `mnv3gen logs` from the outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Finished
from support.searched import line, searched
from support.tuning import record

from mnv3gen.compile.log_lines import encode_lines
from mnv3gen.compile.metaschedule import TRACES, Entry, folder_of, read_entries, write_entries
from mnv3gen.compile.schedules import all_schedules
from mnv3gen.compile.tuned import FILE
from mnv3gen.tables.zoo import resolve
from mnv3gen.targets import load
from mnv3gen.tune.tasks import listed, tasks_of

Command = Callable[..., Finished]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of a target in a folder of MNV3GEN_PATH; an empty one there hides the host's."""
    monkeypatch.setenv("MNV3GEN_PATH", str(tmp_path))
    for target in ("board", "host"):
        path = tmp_path / "tuning_logs" / target / FILE
        path.parent.mkdir(parents=True)
        path.touch()
    return tmp_path / "tuning_logs" / "board" / FILE


def test_another_machine_cannot_be_tuned_for(command: Command) -> None:
    command("tune", "--target", "rpi4").refused("--target", "found:    rpi4", "expected: host")


def test_an_unknown_network(command: Command) -> None:
    command("tune", "mobilenet_v3_larg").refused("mobilenet_v3_larg", "mobilenet_v3_large")


def test_showing_a_log(command: Command, log: Path) -> None:
    log.write_bytes(encode_lines([record(median_us=150.0, rule_us=165.0, floor_us=140.0)]))
    shown = command("logs", "show", "board", "--json").json
    assert shown[0]["median_us"] == 150.0
    text = command("logs", "show", "board").out
    assert "150.00" in text and " 0.909" in text and " 1.07" in text


def test_a_target_without_a_log(command: Command, log: Path) -> None:
    log.write_bytes(b"")
    command("logs", "show", "bord").refused("found:    bord", "nearest:  board")


def test_checking_and_pruning(command: Command, log: Path) -> None:
    log.write_bytes(encode_lines([record(schedule="gone"), record(kernel="b", schedule="gone")]))
    checked = command("logs", "check")
    assert checked.code == 1 and "there is no schedule gone" in checked.err
    assert "board: 0 records kept, 2 dropped" in command("logs", "prune").out
    assert command("logs", "check").code == 0


def test_a_damaged_log_names_its_line(command: Command, log: Path) -> None:
    log.write_bytes(b"{}\n")
    command("logs", "check").refused(f"{log}:1")


def test_metaschedules_records_are_shown_and_pruned(command: Command, log: Path) -> None:
    board, version = log.parent, all_schedules()["any"]
    folder = folder_of(board, "a core")
    stays = Entry(searched(kernel="a", workload="1", version=version, better=False, core="a core"))
    old = line(searched(kernel="b", workload="2", version=version + 1, core="a core"))
    write_entries(folder, [stays, old])
    gone = board / "metaschedule-0.1.0" / "a-core"
    write_entries(gone, [old])

    shown = command("logs", "show", "board", "--json").json
    assert {each["kernel"]: each["better"] for each in shown} == {"a": False, "b": True}
    assert "b: MetaSchedule" in command("logs", "show", "board").out

    checked = command("logs", "check")
    assert checked.code == 1
    assert (
        f"any is of version {version}" in checked.err
        and f"{gone.parent}: of another" in checked.err
    )
    pruned = command("logs", "prune").out
    assert "board: dropped metaschedule-0.1.0: of another TVM" in pruned
    assert "board: dropped b: any is of version" in pruned
    assert not gone.parent.exists() and read_entries(folder) == [stays]
    assert "board: 1 kernels of MetaSchedule, 0 ahead" in command("logs", "check").out


def test_a_database_without_the_trace_of_a_record(command: Command, log: Path) -> None:
    folder = folder_of(log.parent, "a core")
    write_entries(folder, [line(searched(version=all_schedules()["any"]))])
    (folder / TRACES).write_bytes(b"")
    command("logs", "check").refused(f"{folder / TRACES}: no trace of {searched().kernel}")


@pytest.mark.compile
def test_parameters_that_a_schedule_does_not_have(command: Command, log: Path) -> None:
    """Of this machine's core, a kernel of MobileNetV3-Large with a panel of 99 registers."""
    path = log.parent.parent / "host" / FILE
    path.write_bytes(encode_lines([record(parameters={"vectors": 99, "rows": 0, "block": 0})]))
    checked = command("logs", "check")
    assert checked.code == 1 and f"{path}:1: pointwise cannot have the parameters" in checked.err
    assert "vectors=99" in command("logs", "prune").out
    assert path.read_bytes() == b""


@pytest.mark.compile
def test_modelled_cycles_of_quantized_kernels(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--int8 has as many kernels to choose for as the quantized network, not as the float one."""
    monkeypatch.setenv("MNV3GEN_CACHE", str(tmp_path))
    network, target = resolve("mobilenet_v3_small", width="0.35", resolution="32"), load("rpi4")
    floats, integers = (len(tasks_of([listed(network, target, it)])) for it in (False, True))
    form = ["mobilenet_v3_small", "--width", "0.35", "--resolution", "32", "--target", "rpi4"]
    options = ["--device", "modelled", "--minutes", "0", "--json"]
    assert command("tune", *form, *options).json["kernels"] == floats
    assert command("tune", *form, *options, "--int8").json["kernels"] == integers != floats
