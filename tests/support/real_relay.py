"""A TVM that still has Relay, in a CPython 3.8 environment of its own.

`MNV3GEN_RELAY_PYTHON` names an interpreter that has it; otherwise an environment is made of a
CPython 3.8 of this machine, once, in the user's cache folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from platformdirs import user_cache_path

CHECKER = Path(__file__).with_name("relay_checker.py")
PACKAGES = ("hhb-tvm==3.2.3", "tqdm", "tflite")
IMPORT = "from tvm import relay"


def relay_python() -> Path:
    """The interpreter; skips the test, with the reason, where none can be had."""
    found, reason = _found()
    if found is None:
        pytest.skip(f"no TVM with Relay: {reason}")
    return found


def check_files(folder: Path, timeout: float = 500) -> None:
    """Run the checker over the files of a folder; fails with what it says."""
    command = [str(relay_python()), str(CHECKER), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert result.returncode == 0, result.stderr[-3000:]


@cache
def _found() -> tuple[Path | None, str]:
    named = os.environ.get("MNV3GEN_RELAY_PYTHON")
    if named:
        return (Path(named), "") if _works(Path(named)) else (None, f"{named} cannot {IMPORT}")
    folder = user_cache_path("mnv3gen") / "relay-3.2.3"
    python = folder / "bin" / "python"
    if _works(python):
        return python, ""
    base = next(filter(_is_38, _candidates()), None)
    if base is None:
        return None, "no CPython 3.8 on this machine"
    shutil.rmtree(folder, ignore_errors=True)
    for command in ([base, "-m", "venv", folder], [python, "-m", "pip", "install", *PACKAGES]):
        made = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        if made.returncode:
            return None, f"{made.stdout[-200:]}{made.stderr[-200:]}"
    return (python, "") if _works(python) else (None, f"{PACKAGES[0]} does not import")


def _candidates() -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from sorted(pyenv.glob("3.8*/bin/python"))
    for name in ("python3.8", "python3"):
        if found := shutil.which(name):
            yield Path(found)


def _is_38(python: Path) -> bool:
    return _succeeds(python, "import sys; sys.exit(sys.version_info[:2] != (3, 8))")


def _works(python: Path) -> bool:
    return python.is_file() and _succeeds(python, IMPORT)


def _succeeds(python: Path, program: str) -> bool:
    command = [str(python), "-c", program]
    try:
        return (
            subprocess.run(command, capture_output=True, timeout=120, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
