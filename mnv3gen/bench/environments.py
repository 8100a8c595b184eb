"""Where the peers are installed: with mnv3gen, or each in a virtual environment of its own.

An environment named on the command line is looked at first, then `<folder>/<peer>` for the folder
`MNV3GEN_PEERS`, then mnv3gen's own.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnv3gen.bench.peers import PEERS, Peer, check_peers
from mnv3gen.errors import InputError

VARIABLE = "MNV3GEN_PEERS"
OWN = "mnv3gen's environment"
PROBE_SECONDS = 60
# Prints the versions of the distributions named that are there.
PROBE = """\
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Environment:
    """A peer that can be run: by which Python, and the version that is installed there.

    ``place`` says for people where that is.
    """

    peer: Peer
    python: str
    version: str
    place: str


@dataclass(frozen=True)
class Absent:
    """A peer that cannot be run: ``problem`` says why, ``command`` installs what is missing."""

    peer: Peer
    problem: str
    command: str


def find_peers(
    pythons: Mapping[str, str], names: Iterable[str] = PEERS
) -> list[Environment | Absent]:
    """Look for peers; ``pythons`` are the interpreters or environments named by the user."""
    return [_find(PEERS[name], pythons.get(name)) for name in names]


def need_peers(names: Iterable[str], pythons: Mapping[str, str]) -> list[Environment]:
    """The peers asked for; InputError for a name that is none, or a peer that cannot be run."""
    wanted = check_peers(names, "--against")
    found = find_peers(pythons, [peer.name for peer in wanted])
    for each in found:
        if isinstance(each, Absent):
            raise InputError(
                "this peer cannot be run",
                place=f"--against {each.peer.name}",
                found=each.problem,
                expected=each.command,
            )
    return [each for each in found if isinstance(each, Environment)]


def read_pythons(texts: Iterable[str]) -> dict[str, str]:
    """Environments by peer from `NAME=PYTHON` texts; InputError for one that is not there."""
    pythons = {}
    for text in texts:
        name, _, path = text.partition("=")
        check_peers([name], "--peer-env")
        python = _python_in(Path(path).expanduser()) if path else None
        if python is None:
            raise InputError(
                "no Python there",
                place="--peer-env",
                found=text,
                expected="NAME=PYTHON, an interpreter or a virtual environment's folder",
            )
        pythons[name] = str(python)
    return pythons


def _find(peer: Peer, given: str | None) -> Environment | Absent:
    python = given or _in_folder(peer)
    # What writes networks has to be with mnv3gen, the engine itself where it is run.
    needs = {sys.executable: list(peer.printers)}
    needs.setdefault(python or sys.executable, []).extend(peer.packages)
    problems, commands, version = [], [], ""
    for interpreter, packages in needs.items():
        versions = _versions(interpreter, packages)
        version = versions.get(peer.packages[0], version)
        if missing := [package for package in packages if package not in versions]:
            place = OWN if interpreter == sys.executable else interpreter
            problems.append(f"{place} lacks {', '.join(missing)}")
            commands.append(_install(interpreter, missing))
    if problems:
        return Absent(peer, "; ".join(problems), " && ".join(commands))
    return Environment(peer, python or sys.executable, version, python or OWN)


def _in_folder(peer: Peer) -> str | None:
    folder = os.environ.get(VARIABLE)
    python = _python_in(Path(folder).expanduser() / peer.name) if folder else None
    return None if python is None else str(python)


def _python_in(path: Path) -> Path | None:
    """The interpreter that a path is, or that the virtual environment of that folder has."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  a link is what makes an environment
    places = [absolute, absolute / "bin" / "python"]
    return next((place for place in places if place.is_file()), None)


def _install(python: str, packages: Sequence[str]) -> str:
    if python == sys.executable:
        return f"python -m pip install {' '.join(packages)}"
    return f"{python} -m pip install {' '.join([*packages, 'numpy'])}"


def _versions(python: str, packages: Sequence[str]) -> dict[str, str]:
    """The installed versions of packages in an environment, without importing any."""
    if python == sys.executable:
        return _own_versions(packages)
    try:
        printed = subprocess.run(
            [python, "-c", PROBE, *packages],
            env=environment_of(python),
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=True,
        ).stdout
        versions: dict[str, str] = json.loads(printed)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise InputError("not a Python that runs", place=python, found=str(error)) from error
    return versions


def _own_versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def environment_of(python: str) -> dict[str, str]:
    """The variables of a runner's process: one thread, and nothing of another environment's."""
    variables = os.environ | {"OMP_NUM_THREADS": "1"}
    if python != sys.executable:
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
            variables.pop(name, None)
    return variables
