"""The plug-ins of `schedules/`: generators of kernels, and rules that schedule TVM's own code.

A generator is a file with VERSION, accepts, space, rule, pack and generate, and maybe cost; what
they take and return is in `Generator` and in docs/schedules.md. A file with VERSION and apply
schedules the function that TVM made of a kernel: one that is named after the kernel's kind wins
over all generators, `any.py` takes what no generator accepts.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy.typing as npt

from mnv3gen import resources
from mnv3gen.compile.kernel import Kernel
from mnv3gen.errors import Mnv3genError
from mnv3gen.generate.cost import cost, tensors
from mnv3gen.generate.group import Generated, Group, Parameters, Space
from mnv3gen.targets import Core

if TYPE_CHECKING:
    from tvm import tirx

FALLBACK = "any"
SHARE_OF_PEAK = 0.3  # that a kernel is taken to reach if its file says nothing

T = TypeVar("T")


class Generator(Protocol):
    """What a file of `schedules/` defines to write kernels itself."""

    VERSION: int
    DTYPE: str = "float32"  # of every kernel of the groups that it is asked about

    def accepts(self, group: Group, core: Core) -> bool:
        """Whether it can compute a group; `group.writes` are all that has to be stored."""

    def space(self, group: Group, core: Core) -> Space:
        """The values of each parameter that a tuner may choose; every combination is valid."""

    def rule(self, group: Group, core: Core) -> Parameters:
        """The parameters without tuning."""

    def pack(
        self,
        group: Group,
        core: Core,
        parameters: Parameters,
        weights: list[list[npt.NDArray[Any]]],
    ) -> list[npt.NDArray[Any]]:
        """The arrays that the function takes, from each kernel's weights (HWIO, HWOI) and bias."""

    def generate(self, group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
        """The function; `ahead` is how many cache lines to prefetch, if it can."""


@dataclass(frozen=True)
class Schedule:
    """A loaded file of `schedules/`; an error in it names the file and what it was given."""

    name: str
    path: Path
    version: int
    module: Any

    @property
    def generates(self) -> bool:
        """Whether it writes kernels itself."""
        return hasattr(self.module, "generate")

    @property
    def dtype(self) -> str:
        """The type of the kernels that it writes: float32 if the file has no DTYPE."""
        return str(getattr(self.module, "DTYPE", "float32"))

    def accepts(self, group: Group, core: Core) -> bool:
        """See `Generator`. None of them steps down and along a row by different strides."""
        if any(kernel.dtype != self.dtype or kernel.along for kernel in group.kernels):
            return False
        return bool(self._ask("compute", group.name, self.module.accepts, group, core))

    def space(self, group: Group, core: Core) -> Space:
        """See `Generator`."""
        return self._ask("tune", group.name, self.module.space, group, core)

    def rule(self, group: Group, core: Core) -> Parameters:
        """See `Generator`."""
        return self._ask("choose parameters for", group.name, self.module.rule, group, core)

    def pack(
        self,
        group: Group,
        core: Core,
        parameters: Parameters,
        weights: list[list[npt.NDArray[Any]]],
    ) -> list[npt.NDArray[Any]]:
        """See `Generator`."""
        pack = self.module.pack
        return self._ask("pack weights for", group.name, pack, group, core, parameters, weights)

    def generate(self, group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
        """See `Generator`."""
        generate = self.module.generate
        return self._ask("generate", group.name, generate, group, core, parameters, ahead)

    def cost(self, group: Group, core: Core) -> float:
        """What the group costs in the units of mnv3gen/generate/cost.py."""
        if hasattr(self.module, "cost"):
            return float(self._ask("estimate", group.name, self.module.cost, group, core))
        return cost(group, core, SHARE_OF_PEAK, tensors(group))

    def apply(self, kernel: Kernel, function: tirx.PrimFunc, core: Core) -> tirx.PrimFunc:
        """The kernel's function as TVM made it, scheduled for a core."""
        return self._ask("schedule", kernel.name, self.module.apply, kernel, function, core)

    def _ask(self, what: str, name: str, function: Callable[..., T], *arguments: Any) -> T:
        try:
            return function(*arguments)
        except Exception as error:  # whatever a user's file may do
            problem = f"{self.path}: cannot {what} {name}: {_told(error)}"
            raise Mnv3genError(problem) from error


def generators() -> Iterator[Schedule]:
    """Every generator, in the order of the files' names."""
    for path in resources.find("schedules", ".py").values():
        schedule = _load(path)
        if schedule.generates:
            yield schedule


def own_schedule(kernel: Kernel) -> Schedule | None:
    """The file with `apply` that is named after the kernel's kind, if there is one."""
    path = resources.find("schedules", ".py").get(kernel.kind)
    schedule = _load(path) if path is not None else None
    return schedule if schedule is not None and not schedule.generates else None


def schedule_for(kernel: Kernel) -> Schedule:
    """The file with `apply` for a kernel: its kind's own, or the fallback."""
    return own_schedule(kernel) or _load(resources.find("schedules", ".py")[FALLBACK])


def all_schedules() -> dict[str, int]:
    """The VERSION of every file by its name."""
    return {name: _load(it).version for name, it in resources.find("schedules", ".py").items()}


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
    sys.modules[specification.name] = module  # dataclasses look their module up
    try:
        specification.loader.exec_module(module)
        return Schedule(path.stem, path, int(module.VERSION), _checked(module))
    except Exception as error:  # whatever a user's file may do
        raise Mnv3genError(f"{path}: not a schedule: {_told(error)}") from error


def _checked(module: Any) -> Any:
    """The module, if it has all functions of one of the two forms."""
    names = ("accepts", "space", "rule", "pack", "generate")
    if hasattr(module, "generate") and (lacking := [n for n in names if not hasattr(module, n)]):
        raise AttributeError(f"a generator needs {', '.join(names)}; lacks {', '.join(lacking)}")
    if not hasattr(module, "generate") and not callable(module.apply):
        raise AttributeError("apply is no function")
    return module


def _told(error: Exception) -> str:
    """The first lines of an error; TVM's own can be pages long."""
    lines = str(error).strip().splitlines()[:8]
    return f"{type(error).__name__}: " + "\n  ".join(lines)
