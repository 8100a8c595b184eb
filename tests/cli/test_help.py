"""`--help`, the exit codes of the group, and what the quick commands do not import."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from support.command import ROOT, Finished, mnv3gen

from mnv3gen.cli.main import COMMANDS

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
    assert re.search(rf"Examples:\n +mnv3gen {name}\b", result.out)
    assert command(name, "-h").out == result.out


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
