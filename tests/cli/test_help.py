"""`--help`, the exit codes of the group, and what the quick commands do not import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from support.command import ROOT, Finished, mnv3gen

COMMANDS = (
    "bench",
    "compare",
    "describe",
    "targets",
    "quantize",
    "compile",
    "completion",
    "export",
    "import-weights",
    "run",
    "tune",
    "logs",
    "profile",
    "devices",
    "doctor",
    "latency-table",
    "predict",
    "records",
    "search",
)
SLOW_TO_IMPORT = {"tvm", "torch", "onnx", "onnxruntime", "numpy", "unicorn", "capstone", "PIL"}


def test_help_of_the_group(command: Callable[..., Finished]) -> None:
    result = command("--help")
    assert result.code == 0
    assert all(f"  {name}  " in result.out for name in COMMANDS)
    assert "mnv3gen compile mobilenet_v3_small --target rpi4" in result.out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_examples(command: Callable[..., Finished], name: str) -> None:
    result = command(name, "--help")
    assert result.code == 0
    assert f"Examples:\n    mnv3gen {name}" in result.out
    assert command(name, "-h").out == result.out


SUBCOMMANDS = {
    "logs": ("check", "show", "prune"),
    "records": ("list", "merge", "prune"),
    "report": ("paper", "cycles"),
}
PRINT_NO_FIGURES = {"completion"}


@pytest.mark.parametrize(
    "words",
    [(name,) for name in COMMANDS if name not in SUBCOMMANDS]
    + [(group, name) for group, names in SUBCOMMANDS.items() for name in names],
)
def test_every_command_has_examples_and_json(
    command: Callable[..., Finished], words: tuple[str, ...]
) -> None:
    shown = command(*words, "--help").out
    assert f"mnv3gen {' '.join(words)}" in shown.partition("Examples:")[2]
    assert ("--json" in shown) == (words[0] not in PRINT_NO_FIGURES)


def test_module_and_version() -> None:
    result = mnv3gen("--version")
    assert result.code == 0
    assert result.out.startswith("mnv3gen, version ")


def test_an_unknown_command_offers_the_nearest() -> None:
    mnv3gen("compil").refused("found:    compil", "expected: one of describe", "nearest:  compile")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["compile", "--help"],
        ["quantize", "--help"],
        ["export", "--help"],
        ["run", "--help"],
        ["bench", "--help"],
        ["bench", "--list-peers"],
        ["profile", "--help"],
        ["devices", "--help"],
        ["latency-table", "--help"],
        ["predict", "--help"],
        ["records", "--help"],
        ["search", "--help"],
        ["search", "nas", "--help"],
        ["search", "controllers", "--help"],
        ["search", "tabulate", "--help"],
        ["train", "--help"],
        ["eval", "--help"],
        ["describe", "mobilenet_v3_large", "--width", "0.75", "--json"],
        ["describe", "mobilenet_v3_large"],
        ["targets"],
        ["targets", "rpi4"],
    ],
)
def test_quick_commands_import_nothing_slow(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from mnv3gen.cli.main import run\n"
        f"code = run({arguments})\n"
        f"print(*(set(sys.modules) & {SLOW_TO_IMPORT}), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr.strip()) == (0, "")
