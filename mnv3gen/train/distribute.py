"""One process, or a group that torchrun started: the same code, with sums over the group."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from mnv3gen.errors import InputError
from mnv3gen.lower.torch_norm import BatchNorm


@dataclass(frozen=True)
class Group:
    """The place of this process in a group, and the device it computes on."""

    rank: int
    processes: int
    device: Any

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def total(self, *values: float) -> list[float]:
        """The sums of values over all processes."""
        if self.processes == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(tensor)
        return [float(value) for value in tensor]

    def of_first(self, value: float) -> float:
        """The first process's value."""
        return self.total(value if self.first else 0.0)[0]

    def wait(self) -> None:
        """Wait until every process is here."""
        self.total(0.0)


@contextlib.contextmanager
def group(device: str) -> Iterator[Group]:
    """The group that torchrun's environment describes, or this process alone.

    InputError for a device that this machine has not.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    rank, local = int(os.environ.get("RANK", "0")), int(os.environ.get("LOCAL_RANK", "0"))
    chosen = _device(device, local)
    if processes == 1:
        yield Group(0, 1, chosen)
        return
    torch.distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Group(rank, processes, chosen)
    finally:
        torch.distributed.destroy_process_group()


def shared(module: Any, group: Group, synchronized: bool) -> Any:
    """The module to call in training: in a group, gradients are averaged over its processes."""
    if group.processes == 1:
        return module
    for part in module.modules():
        if isinstance(part, BatchNorm):
            part.synchronized = synchronized
    return torch.nn.parallel.DistributedDataParallel(module, broadcast_buffers=not synchronized)


def _device(name: str, local: int) -> Any:
    found = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = found if name == "auto" else name
    if chosen not in ("cpu", "cuda"):
        raise InputError("no such device", place="--device", found=name, expected="auto, cpu, cuda")
    if chosen == "cuda" and found == "cpu":
        raise InputError(
            "torch finds no GPU here", place="--device", found=name, expected="cpu, or auto"
        )
    return torch.device(chosen, local if chosen == "cuda" else None)
