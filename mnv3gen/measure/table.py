"""The latency table of a device: every kernel that some networks consist of, compiled and measured.

Each step leaves what it has done in a file at once, so that a run that was stopped goes on there.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from mnv3gen.compile.tuned import load_tuned
from mnv3gen.graph.model import Model
from mnv3gen.measure.kernel import Code
from mnv3gen.measure.kernels import Batch, KernelMeasurer
from mnv3gen.measure.planned import Plans, plans_for
from mnv3gen.measure.program import cached_program, find_program
from mnv3gen.tables.network import Network
from mnv3gen.targets import Target

PLANS = "plans.jsonl"
BATCH = 16  # kernels of one program

Advance = Callable[[], None]


def open_plans(target: Target, folder: Path) -> Plans:
    """The plans of a device's folder under the tuning records of today."""
    return plans_for(target, load_tuned(target), folder / PLANS)


def plan(plans: Plans, networks: Iterable[Network | Model], advance: Advance) -> dict[str, Code]:
    """Plan some networks; the distinct kernels of them, by the hash of their code."""
    networks = list(networks)
    for piece in plans.new_pieces(networks):
        plans.plan(piece)
        advance()
    keys = {call.code: None for network in networks for call in plans.calls(network)}
    return {key: plans.codes[key] for key in keys}


def measurable(codes: Mapping[str, Code]) -> dict[str, Code]:
    """Those that are timed by themselves: all that a generator writes."""
    return {key: code for key, code in codes.items() if code.generated}


def waiting(codes: Mapping[str, Code], measurer: KernelMeasurer) -> dict[str, Code]:
    """Those without a settled record."""
    return {key: it for key, it in codes.items() if not measurer.is_settled(key, it)}


def build(
    codes: Mapping[str, Code], target: Target, advance: Advance, workers: int | None = None
) -> Iterator[Batch]:
    """The programs of some kernels, compiled side by side, or taken from the cache, in order.

    All of them are there before the first one is given out: compiling would disturb measuring.
    """
    batches = list(_batches(codes))
    programs = [find_program(list(batch.values()), target) for batch in batches]
    missing = [number for number, program in enumerate(programs) if program is None]
    for _ in range(len(batches) - len(missing)):
        advance()
    lists = [list(batches[number].values()) for number in missing]
    for number, program in _compiled(lists, target, workers or os.cpu_count() or 1):
        programs[missing[number]] = program
        advance()
    for batch, found in zip(batches, programs, strict=True):
        assert found is not None
        yield Batch(found, batch)


def _compiled(
    lists: Sequence[list[Code]], target: Target, workers: int
) -> Iterator[tuple[int, Path]]:
    """Programs by their numbers, as they are done."""
    if not lists:
        return
    context = multiprocessing.get_context("spawn")
    count = min(workers, len(lists))
    with concurrent.futures.ProcessPoolExecutor(count, context, _ignore_interrupts) as pool:
        try:
            jobs = {pool.submit(cached_program, it, target): n for n, it in enumerate(lists)}
            for job in concurrent.futures.as_completed(jobs):
                yield jobs[job], job.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _batches(codes: Mapping[str, Code]) -> Iterator[dict[str, Code]]:
    items = iter(codes.items())
    while batch := dict(islice(items, BATCH)):
        yield batch


def _ignore_interrupts() -> None:
    """Ctrl-C is for the process that waits for these."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def measure(measurer: KernelMeasurer, batches: Iterable[Batch]) -> None:
    """Measure all kernels of all programs."""
    for batch in batches:
        measurer.measure(batch)


def count_batches(codes: Sequence[Code] | Mapping[str, Code]) -> int:
    """How many programs that makes."""
    return -(-len(codes) // BATCH)
