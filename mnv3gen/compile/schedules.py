"""The plug-ins of `schedules/`: one Python file a kernel kind, `any.py` for the rest."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mnv3gen import resources
from mnv3gen.compile.kernel import Kernel
from mnv3gen.errors import Mnv3genError
from mnv3gen.targets import Core

if TYPE_CHECKING:
    from tvm import tirx

FALLBACK = "any"


class Apply(Protocol):
    """What a schedule file defines: a function of this form, and an integer VERSION."""

    def __call__(self, kernel: Kernel, function: tirx.PrimFunc, core: Core) -> tirx.PrimFunc:
        """The kernel's function, scheduled for a core."""


@dataclass(frozen=True)
class Schedule:
    """A loaded schedule file."""

    name: str
    path: Path
    version: int
    apply: Apply

    def scheduled(self, kernel: Kernel, function: tirx.PrimFunc, core: Core) -> tirx.PrimFunc:
        """Apply the schedule; Mnv3genError names its file and the kernel if it fails."""
        try:
            return self.apply(kernel, function, core)
        except Exception as error:  # whatever a user's file may do
            problem = f"{self.path}: cannot schedule {kernel.name}: {_told(error)}"
            raise Mnv3genError(problem) from error


def schedule_for(kernel: Kernel) -> Schedule:
    """The schedule of a kernel's kind, or the fallback."""
    files = resources.find("schedules", ".py")
    return _load(files.get(kernel.kind, files[FALLBACK]))


def fingerprint() -> str:
    """A hash of every schedule file, for caches."""
    digest = hashlib.sha256()
    for name, path in resources.find("schedules", ".py").items():
        digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@cache
def _load(path: Path) -> Schedule:
    specification = importlib.util.spec_from_file_location(f"mnv3gen_schedules.{path.stem}", path)
    assert specification is not None and specification.loader is not None
    module: Any = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
        return Schedule(path.stem, path, int(module.VERSION), module.apply)
    except Exception as error:  # whatever a user's file may do
        raise Mnv3genError(f"{path}: not a schedule: {_told(error)}") from error


def _told(error: Exception) -> str:
    """The first lines of an error; TVM's own can be pages long."""
    lines = str(error).strip().splitlines()[:8]
    return f"{type(error).__name__}: " + "\n  ".join(lines)
