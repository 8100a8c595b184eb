"""Runs a compiled network library: natively, or emulated by unicorn or qemu-user."""

from mnv3gen.execute.entry import Entry, Execution, Machine
from mnv3gen.execute.run import choose, execute, executing

__all__ = ["Entry", "Execution", "Machine", "choose", "execute", "executing"]
