"""What LLVM's CPU names stand for: the table of `cpus.toml`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import msgspec

TABLE = Path(__file__).with_name("cpus.toml")


class Cpu(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """CPUs of equal features; an open one is a baseline that a file may add any feature to."""

    architecture: str
    names: tuple[str, ...]
    features: frozenset[str]
    open: bool = False


class Cpus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole table; `tracked` and `makers_choice` by architecture, `parts` by implementer."""

    tracked: dict[str, tuple[str, ...]]
    makers_choice: dict[str, tuple[str, ...]]
    cpu: tuple[Cpu, ...]
    parts: dict[str, dict[str, str]]

    def names(self, architecture: str) -> tuple[str, ...]:
        """Return the CPU names of one architecture, in the table's order."""
        return tuple(
            name for cpu in self.cpu if cpu.architecture == architecture for name in cpu.names
        )

    def find(self, architecture: str, name: str) -> Cpu | None:
        """Return the row of a CPU, or None for a name that the table lacks."""
        rows = (c for c in self.cpu if c.architecture == architecture and name in c.names)
        return next(rows, None)

    def allowed(self, architecture: str, name: str) -> frozenset[str]:
        """Return the features that a file may name for a CPU; none for one that is unknown."""
        row = self.find(architecture, name)
        if row is None:
            return frozenset()
        if row.open:
            return frozenset(self.tracked[architecture])
        return row.features | frozenset(self.makers_choice[architecture])


@lru_cache(maxsize=1)
def table() -> Cpus:
    """Return the table, read once."""
    return msgspec.toml.decode(TABLE.read_bytes(), type=Cpus)
