"""MetaSchedule's records: reading, matching, what is damaged, and what a bundle is made of."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Finished
from support.searched import entries_of, line, searched

from mnv3gen.compile.metaschedule import (
    RECORDS,
    TRACES,
    WORKLOADS,
    Entry,
    folder_of,
    load_searched,
    read_entries,
    version_name,
    write_entries,
)
from mnv3gen.compile.tuned import core_of, load_tuned, own_folder
from mnv3gen.errors import InputError
from mnv3gen.tables.parse import parse
from mnv3gen.targets import load

Command = Callable[..., Finished]

TABLE = "name: naive\ninput: 6x6x8\nhswish: naive\nconv2d, 1x1  -  16  -  HS  1"
KERNELS = [f"{kind}_6x6x16_6x6x16{form}_f32" for kind, form in
           (("add", "_scalar"), ("clip", ""), ("gate", "_scalar"))]  # fmt: skip
CORE = core_of(load("host"))
TOLERANCE = 1e-4  # of the largest output: decision 3 of docs/architecture.md


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder of this core, with nothing in it; our own logs are hidden."""
    monkeypatch.setenv("MNV3GEN_CACHE", str(tmp_path / "cache"))
    return folder_of(own_folder() / "host", CORE)


def test_the_folder_is_of_a_version_and_a_core(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "aarch64 cortex-a72, 32 x 128 bit, 32+1024+0 KiB")
    assert folder.parent == tmp_path / version_name()
    assert folder.name == "aarch64-cortex-a72-32-x-128-bit-32+1024+0-KiB"


def test_entries_are_read_as_they_were_written(tmp_path: Path) -> None:
    """In the order of the database, so that one that is added moves no other."""
    entries = [line(searched(kernel="b", workload="2")), line(searched(kernel="a", workload="1"))]
    entries.append(Entry(searched(kernel="c", workload="3", better=False)))
    write_entries(tmp_path, entries)
    assert read_entries(tmp_path) == entries
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([RECORDS, WORKLOADS, TRACES])


def test_the_first_folder_wins(tmp_path: Path) -> None:
    for number, name in enumerate(("own", "committed"), 1):
        folder = folder_of(tmp_path / name, CORE)
        write_entries(folder, [line(searched(seed=number))])
    write_entries(folder, [line(searched(seed=3)), line(searched(kernel="b", workload="2"))])
    found = load_searched([tmp_path / "own", tmp_path / "committed"], CORE)
    assert {name: record.seed for name, (record, _) in found.records.items()} == {
        searched().kernel: 1,
        "b": 0,
    }


def test_another_core_another_rule_or_another_kernel(tmp_path: Path) -> None:
    write_entries(folder_of(tmp_path, CORE), [line(searched(version=3))])
    assert load_searched([tmp_path], "another core").records == {}
    found = load_searched([tmp_path], CORE)
    assert found.find(searched().kernel, "any", 3) is not None
    assert found.find(searched().kernel, "any", 4) is None
    assert found.find(searched().kernel, "dwconv", 3) is None
    assert found.find("b", "any", 3) is None


def test_a_record_that_is_in_the_folder_of_another_core(tmp_path: Path) -> None:
    write_entries(folder_of(tmp_path, CORE), [line(searched(core="another"))])
    assert load_searched([tmp_path], CORE).records == {}


def test_the_fingerprint_follows_the_database(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, CORE)
    write_entries(folder, [line(searched())])
    before = load_searched([tmp_path], CORE).fingerprint
    (folder / TRACES).write_bytes(b"")
    assert load_searched([tmp_path], CORE).fingerprint != before


@pytest.mark.parametrize(
    ("file", "content", "place"),
    [
        (RECORDS, b'{"kernel": 3}\n', f"{RECORDS}:1"),
        (WORKLOADS, b'["17"]\n', f"{WORKLOADS}:1"),
        (WORKLOADS, b"", TRACES),
        (TRACES, b"[0, [\n", f"{TRACES}:1"),
        (TRACES, b"", f"{TRACES}: no trace of clip"),
        (TRACES, b'["0", []]\n', TRACES),
        (TRACES, None, f"{TRACES}: there is no such file"),
    ],
)
def test_damage_is_named(tmp_path: Path, file: str, content: bytes | None, place: str) -> None:
    write_entries(tmp_path, [line(searched())])
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_entries(tmp_path)
    assert f"{tmp_path}/" in str(caught.value) and place in str(caught.value)


@pytest.fixture
def compiling(tmp_path: Path) -> list[object]:
    path = tmp_path / "naive.bneck"
    path.write_text(TABLE, encoding="utf-8")
    return ["compile", path, "--target", "host", "-o", tmp_path / "o"]


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return entries_of(parse(TABLE), load("host"))


@pytest.mark.compile
def test_a_bundle_of_what_was_found(
    command: Command, compiling: list[object], own: Path, entries: list[Entry]
) -> None:
    assert [entry.record.kernel for entry in entries] == KERNELS
    by_rule = command(*compiling, "--json").json
    assert (by_rule["by_metaschedule"], by_rule["by_tvm"]) == (0, 3)

    stays = Entry(searched(kernel=KERNELS[2], workload=entries[2].record.workload, better=False))
    write_entries(own, [*entries[:2], stays])
    made = command(*compiling, "--explain", "--json").json
    assert made["max_error"] < TOLERANCE and not made["cached"]
    assert (made["by_metaschedule"], made["by_tvm"]) == (2, 0)
    assert made["tuned"] == by_rule["tuned"] + 1  # the rule, which was measured
    sources = {call["kernel"]: call["provenance"] for call in made["plan"]}
    assert [sources[name] for name in KERNELS] == ["metaschedule", "metaschedule", "tuned"]
    assert ", 2 by MetaSchedule, " in command(*compiling).out

    ignored = command(*compiling, "--rule", "--json").json
    assert (ignored["by_metaschedule"], ignored["by_tvm"]) == (0, 3)
    assert "3 by TVM's rule" in command(*compiling, "--rule").out


@pytest.mark.compile
def test_a_record_of_another_function(
    command: Command, compiling: list[object], own: Path, entries: list[Entry]
) -> None:
    """Such as one from before a change of the lowering: the rule, and a gap."""
    other = entries_of(parse(TABLE.replace("6x6", "5x5")), load("host"))[1]
    moved = searched(kernel=KERNELS[1], workload=other.record.workload)
    write_entries(own, [Entry(moved, other.workload, other.trace)])
    made = command(*compiling, "--json").json
    assert (made["by_metaschedule"], made["by_tvm"]) == (0, 3)
    command(*compiling, "--require-tuned", "--json").refused("--require-tuned", KERNELS[0])


@pytest.mark.compile
def test_a_database_that_tvm_cannot_read(
    command: Command, compiling: list[object], own: Path, entries: list[Entry]
) -> None:
    """Each line is JSON of the right form, but no function, or no trace."""
    write_entries(own, entries)
    whole = (own / WORKLOADS).read_bytes()
    lines = whole.splitlines()
    (own / WORKLOADS).write_bytes(b"\n".join([line[:90] + b'"]' for line in lines]))
    command(*compiling, "--json").refused(str(own / WORKLOADS))
    (own / WORKLOADS).write_bytes(whole)
    trace = (own / TRACES).read_bytes()
    (own / TRACES).write_bytes(trace.replace(b'"Vectorize"', b'"Vectorise"'))
    command(*compiling, "--json").refused(str(own))


@pytest.mark.compile
def test_nothing_of_it_is_loaded_without_such_kernels(
    command: Command, own: Path, entries: list[Entry], table: Path, tmp_path: Path
) -> None:
    """Nor noticed if it is damaged."""
    write_entries(own, entries)
    (own / TRACES).write_bytes(b"[")
    assert load_tuned(load("host")).searched.records.keys() >= set(KERNELS)
    made = command("compile", table, "--target", "host", "-o", tmp_path / "t", "--json").json
    assert made["by_metaschedule"] == 0
    assert "tvm.s_tir.tensor_intrin" not in sys.modules
