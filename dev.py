#!/usr/bin/env python3
"""Set-up and the two things that one wants first; needs only Python 3.10 and the package index.

    python3 dev.py compile [ARGUMENTS]   build .venv, then `python -m mnv3gen compile ...`
    python3 dev.py test [ARGUMENTS]      build .venv, then lint, type check and pytest

`compile` without arguments compiles MobileNetV3-Large for arm_cpu. Arguments of `test` go to
pytest, for example `-m "not compile and not emulate"` for the fast tests alone.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("MNV3GEN_VENV", ROOT / ".venv"))
PYTHON = VENV / "bin" / "python"


def main() -> int:
    """Run the command given; its exit code."""
    if sys.version_info < (3, 10):
        print("mnv3gen needs Python 3.10 or newer", file=sys.stderr)
        return 2
    match sys.argv[1:]:
        case ["compile", *arguments]:
            install("")
            return call(PYTHON, "-m", "mnv3gen", "compile", *(arguments or ["--target", "arm_cpu"]))
        case ["test", *arguments]:
            install("[dev]")
            return test(arguments)
    print(__doc__, file=sys.stderr)
    return 2


def test(arguments: list[str]) -> int:
    """Lint, format check, type check and tests; the code of the first that fails."""
    for command in (
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("pytest", "--numprocesses", "auto", *arguments),
    ):
        if code := call(PYTHON, "-m", *command):
            return code
    return 0


def install(extras: str) -> None:
    """Build the virtual environment and install the checkout in it, unless that was done."""
    stamp = VENV / f".installed{extras}"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    if not PYTHON.is_file():
        create_environment()
    check(PYTHON, "-m", "pip", "install", "--quiet", "--editable", f".{extras}")
    stamp.write_text(wanted)


def create_environment() -> None:
    """A virtual environment, by `venv` or, where the system has cut that short, by virtualenv."""
    print(f"building {VENV}", flush=True)
    if call(sys.executable, "-m", "venv", VENV, quiet=True) == 0:
        return
    borrowed = VENV.with_name(f"{VENV.name}-virtualenv")
    check(sys.executable, "-m", "pip", "install", "--quiet", "--target", borrowed, "virtualenv")
    check(sys.executable, borrowed / "bin" / "virtualenv", "--clear", VENV, path=borrowed)


def check(*command: object, path: Path | None = None) -> None:
    """Run a command and exit with its code if it fails."""
    if code := call(*command, path=path):
        sys.exit(code)


def call(*command: object, quiet: bool = False, path: Path | None = None) -> int:
    """Run a command in the checkout; its exit code."""
    environment = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    output = subprocess.DEVNULL if quiet else None
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd=ROOT, env=environment, stdout=output, stderr=output, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
