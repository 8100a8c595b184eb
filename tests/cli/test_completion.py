"""Completion, asked as a shell asks, and the scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from support.command import ROOT, Finished


def completions(*words: str) -> list[str]:
    """What is offered for the last word."""
    asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    environment = os.environ | asked | {"_MNV3GEN_COMPLETE": "bash_complete"}
    environment["PYTHONPATH"] = str(ROOT)
    program = "from mnv3gen.__main__ import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return [line.split(",", 1)[1] for line in result.stdout.splitlines()]


def test_commands_options_and_networks() -> None:
    assert completions("mnv3gen", "comp") == ["compile", "compare", "completion"]
    assert completions("mnv3gen", "compile", "--inp") == ["--input-shape"]
    assert "mobilenet_v3_small" in completions("mnv3gen", "describe", "mobilenet_v3_s")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(command: Callable[..., Finished], shell: str) -> None:
    printed = command("completion", shell)
    assert printed.code == 0
    assert f"_MNV3GEN_COMPLETE={shell}_complete" in printed.out
