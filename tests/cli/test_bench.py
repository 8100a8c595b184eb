"""`mnv3gen bench`, as a user types it. Times are never asserted."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.command import Finished
from support.compiled import Compiled, Compiler, tiny

import mnv3gen.cli.progress
from mnv3gen import __version__
from mnv3gen.bench.ablation import FORMS
from mnv3gen.bench.peers import PEERS

Command = Callable[..., Finished]

FIELDS = {
    *("network", "runner", "version", "runs", "min_ms", "p10_ms", "median_ms", "spread"),
    *("peak_fraction", "max_error", "memory_bytes", "binary_bytes", "ratio_to_fastest_peer"),
}
QUICK = ("--rounds", 3, "--block", 4)


@pytest.fixture(autouse=True)
def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MNV3GEN_PEERS", raising=False)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An interpreter that has no package."""
    path = tmp_path / "empty" / "python"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\necho '{}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.compile
def test_a_bundle_against_onnxruntime(command: Command, tiny_bundle: Compiled) -> None:
    folder = tiny_bundle.bundle.folder
    rows = command("bench", folder, "--against", "onnxruntime", "--json", *QUICK).json
    assert [row["runner"] for row in rows] == ["mnv3gen", "onnxruntime"]
    for row in rows:
        assert row.keys() == FIELDS
        assert row["network"] == "tiny"
        assert row["runs"] == 3 * (4 - 2)
        assert 0 < row["min_ms"] <= row["p10_ms"] <= row["median_ms"]
        assert 0 <= row["max_error"] < 1e-4
        assert 0 < row["peak_fraction"] < 1
    ours, peer = rows
    assert ours["version"] == __version__
    assert peer["ratio_to_fastest_peer"] == 1
    assert ours["ratio_to_fastest_peer"] == pytest.approx(ours["p10_ms"] / peer["p10_ms"])
    library = tiny_bundle.bundle.library.stat().st_size
    assert ours["binary_bytes"] == library < peer["binary_bytes"]
    assert ours["memory_bytes"] < peer["memory_bytes"]


@pytest.mark.compile
def test_a_table(command: Command, table: Path) -> None:
    options = ["--resolution", "24", "--against", "onnxruntime", *QUICK]
    result = command("bench", table, *options)
    assert (result.code, result.err) == (0, "")
    for part in (
        "networks  tiny --resolution 24",
        "peers     onnxruntime 1.",
        "blocks of 4 runs in turn, the first 2 not counted; 3 blocks each",
        "tiny --resolution 24  ",
        "6 runs each; core's peak ",
        "p10 ms",
        "Ratio: ",
    ):
        assert part in result.out


@pytest.mark.compile
def test_two_networks(command: Command, table: Path, tiny_bundle: Compiled) -> None:
    arguments = [table, tiny_bundle.bundle.folder, "--against", "onnxruntime", "--json", *QUICK]
    rows = command("bench", *arguments).json
    assert [row["runner"] for row in rows] == ["mnv3gen", "onnxruntime"] * 2


@pytest.mark.compile
def test_a_peer_in_an_environment_of_its_own(
    command: Command, tiny_bundle: Compiled, tmp_path: Path
) -> None:
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    options = ["--against", "onnxruntime", "--peer-env", f"onnxruntime={tmp_path / 'env'}"]
    rows = command("bench", tiny_bundle.bundle.folder, *options, "--json", *QUICK).json
    assert [row["runner"] for row in rows] == ["mnv3gen", "onnxruntime"]


@pytest.mark.compile
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("exit 3", "onnxruntime ended with exit code 3"),
        ("kill -SEGV $$", "onnxruntime ended by SIGSEGV"),
    ],
)
def test_a_peer_that_fails_is_left_out(
    command: Command, tiny_bundle: Compiled, tmp_path: Path, text: str, reason: str
) -> None:
    python = tmp_path / "python"
    version = "import importlib.metadata"  # what asks for versions begins with
    answer = """echo '{"onnxruntime": "1.0"}'"""
    python.write_text(f'#!/bin/sh\ncase "$2" in "{version}"*) {answer};; *) {text};; esac\n')
    python.chmod(0o755)
    options = ["--against", "onnxruntime", "--peer-env", f"onnxruntime={python}"]
    result = command("bench", tiny_bundle.bundle.folder, *options, "--json", *QUICK)
    assert result.code == 1
    assert f"tiny goes without onnxruntime: {reason}" in result.err.replace(
        str(tiny_bundle.bundle.folder), "tiny"
    )
    (ours,) = json.loads(result.out)
    assert (ours["runner"], ours["ratio_to_fastest_peer"]) == ("mnv3gen", None)


@pytest.mark.compile
@pytest.mark.parametrize("options", [["--json"], []])
def test_an_interrupt_prints_what_was_measured(
    command: Command,
    tiny_bundle: Compiled,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
) -> None:
    @contextlib.contextmanager
    def interrupted(label: str, total: int) -> Iterator[Callable[[], None]]:
        rounds = iter(range(total))

        def advance() -> None:
            if next(rounds) == 1:
                raise KeyboardInterrupt

        yield advance

    monkeypatch.setattr(mnv3gen.cli.progress, "counted", interrupted)
    arguments = ["bench", tiny_bundle.bundle.folder, "--against", "onnxruntime", "--rounds", 9]
    result = command(*arguments, *options)
    assert result.code == 130
    assert "interrupted" in result.err
    if options:
        assert [row["runs"] for row in json.loads(result.out)] == [2 * (8 - 2)] * 2
    else:
        assert "12 runs each" in result.out


@pytest.mark.compile
def test_several_forms(command: Command, table: Path) -> None:
    options = ["--width", "0.5", "--width", "1", "--resolution", "8", "--against", "onnxruntime"]
    result = command("bench", table, *options, *QUICK)
    assert result.code == 0
    names = [f"tiny --width {width} --resolution 8" for width in ("0.5", "1")]
    assert f"networks  {', '.join(names)}" in result.out
    *_, summary = result.out.split("To fastest peer")
    assert all(name in summary for name in names)
    assert "onnxruntime: of 2, " in summary
    command("bench", table, "--width", "2", "--width", "wide").refused("width", "wide")


@pytest.mark.compile
def test_a_plot(command: Command, tiny_bundle: Compiled, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    options = ["--against", "onnxruntime", "--plot", tmp_path / "bars.svg", *QUICK]
    result = command("bench", tiny_bundle.bundle.folder, *options)
    assert result.code == 0
    assert f"plot      {tmp_path / 'bars.svg'}" in result.out
    assert (tmp_path / "bars.svg").read_text().startswith("<?xml")


@pytest.mark.compile
def test_ablation(command: Command, table: Path) -> None:
    printed = command("bench", table, "--ablation", "nonlinearity", "--json", *QUICK).json
    labels = [form.label for form in FORMS]
    assert [each["form"] for each in printed if not each["naive"]] == labels
    assert [each["form"] for each in printed if each["naive"]] == [
        label for label in labels if label != "ReLU"
    ]
    assert printed[1]["network"] == "tiny --variant hswish@80 --variant naive-hswish"
    for each in printed:
        assert each.keys() == FIELDS | {"form", "naive", "paper_ms"}
        assert each["paper_ms"] is None  # the paper has no such network
        assert each["max_error"] < 1e-4


def test_list_peers(command: Command, empty: Path) -> None:
    result = command("bench", "--list-peers", "--peer-env", f"ncnn={empty}")
    assert result.code == 0
    lines = {line.split()[0]: line for line in result.out.splitlines()[1:]}
    assert lines.keys() == PEERS.keys()
    assert f"{empty} lacks ncnn: {empty} -m pip install ncnn numpy" in lines["ncnn"]
    assert "mnv3gen's environment" in lines["onnxruntime"]
    printed = command("bench", "--list-peers", "--peer-env", f"ncnn={empty}", "--json").json
    (absent,) = [each for each in printed if each["peer"] == "ncnn"]
    assert absent == {
        "peer": "ncnn",
        "version": None,
        "place": None,
        "problem": f"{empty} lacks ncnn",
        "command": f"{empty} -m pip install ncnn numpy",
    }


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--against", "onxruntime"], ("--against", "onxruntime", "nearest:  onnxruntime")),
        (["--peer-env", "ncnn"], ("--peer-env", "found:    ncnn", "NAME=PYTHON")),
        (["--peer-env", "ncn=x"], ("found:    ncn", "nearest:  ncnn")),
        (["--block", "2"], ("--block", "2")),
        (["--rounds", "0"], ("--rounds", "0")),
        (["--seconds", "0"], ("--seconds", "0")),
        (["--cpu", "123456"], ("--cpu", "found:    123456", "expected: one of ")),
        (["--ablation", "width"], ("--ablation", "width", "nonlinearity")),
        (["--ablation", "nonlinearity", "--against", "litert"], ("--ablation", "--against")),
        (["mobilenet_v3_small", "--all-networks"], ("--all-networks",)),
        (["mobilenet_v3_smal"], ("mobilenet_v3_smal", "nearest:  mobilenet_v3_small")),
        (["mobilenet_v3_small", "mobilenet_v4"], ("found:    mobilenet_v4",)),
        (["--variant", "hswich@80"], ("hswich@80", "nearest:  hswish@N")),
        (["--plot", "bars.gif"], ("--plot", "bars.gif", ".svg")),
        (["--plot", "no/such/bars.svg"], ("--plot", "no/such")),
    ],
)
def test_bad_arguments(command: Command, arguments: list[str], parts: tuple[str, ...]) -> None:
    command("bench", *arguments).refused(*parts)


def test_an_absent_peer(command: Command, empty: Path) -> None:
    arguments = ["bench", "--against", "onnxruntime,ncnn", "--peer-env", f"ncnn={empty}"]
    hint = f"{empty} -m pip install ncnn numpy"
    command(*arguments).refused("--against ncnn: this peer cannot be run", hint)


@pytest.mark.compile
def test_bundles_that_cannot_be_timed(
    command: Command, compiler: Compiler, tiny_bundle: Compiled, tmp_path: Path
) -> None:
    foreign = compiler(tiny(), "armv7").bundle.folder
    command("bench", foreign).refused(str(foreign), "compiled for armv7", "--target host")
    folder = tiny_bundle.bundle.folder
    command("bench", folder, "--width", "0.5").refused(str(folder), "found:    --width 0.5")
    shutil.copytree(folder, tmp_path / "bundle")
    os.truncate(tmp_path / "bundle" / "libtiny.so", 100)
    command("bench", tmp_path / "bundle").refused("libtiny.so", "changed after compilation")


def test_all_networks_are_the_zoos(command: Command) -> None:
    """All are resolved before any is compiled: a form that one of them lacks is an error."""
    arguments = ["bench", "--all-networks", "--variant", "reduced"]
    command(*arguments).refused("lraspp_mobilenet_v2: variant reduced does not apply")
