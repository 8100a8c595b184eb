"""`latency-table --check`: random networks of the space, measured whole."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.progress import counted

if TYPE_CHECKING:
    from mnv3gen.compile.bundle import Bundle
    from mnv3gen.measure.kernels import KernelMeasurer
    from mnv3gen.measure.records import Record
    from mnv3gen.tables.network import Network
    from mnv3gen.targets import Target


def chosen_networks(space: str | None, count: int | None, seed: int) -> list[Network]:
    """The networks to compare with: of a space, as many as calibrate a search if none are asked."""
    from mnv3gen.measure.check import random_networks
    from mnv3gen.search.footprint import CALIBRATING
    from mnv3gen.search.spaces import load_space

    if space is None:
        if count is not None:
            raise click.UsageError("--check takes networks of a --space")
        return []
    return random_networks(load_space(space), CALIBRATING if count is None else count, seed)


def compile_networks(networks: list[Network], target: Target, folder: Path) -> list[Bundle]:
    """Compile them before anything is measured; their bundles, in a folder."""
    from mnv3gen.measure.check import compile_all

    if not networks:
        return []
    with counted("compile networks", len(networks)) as advance:
        return compile_all(networks, target, folder, advance)


def check_networks(bundles: list[Bundle], measurer: KernelMeasurer, folder: Path) -> dict[str, Any]:
    """Measure networks whole; how far the sums of their kernels are off."""
    from mnv3gen.measure.check import measure_all, summarize
    from mnv3gen.measure.latency import load_predictor
    from mnv3gen.measure.validate import compared

    target, fresh = measurer.target, []

    def keep(record: Record) -> None:
        measurer.records.add(record)
        fresh.append(record)

    with counted("measure networks", len(bundles)) as advance:
        speeds = measure_all(bundles, measurer.session, keep, advance)
    rows = [
        replace(it, measured_ms=it.measured_ms * speeds[it.network])
        for it in compared(load_predictor(folder, target, learn=False), fresh)
    ]
    found = asdict(summarize(rows)) if len(rows) > 1 else {"networks": len(rows)}
    return found | {"noisy": sum(it.noisy for it in fresh), "rows": [asdict(it) for it in rows]}


def lines_of(check: dict[str, Any]) -> list[str]:
    """What the command prints of a check."""
    lines = [f"networks  {check['networks']} measured whole, {check['noisy']} more were noisy"]
    if "median_error" in check:
        median, largest = check["median_error"], check["largest_error"]
        lines.append(
            f"          sums of kernels are off by {median:.1%} (median), {largest:.1%} at most; "
            f"rank correlation {check['rank_correlation']:.3f}"
        )
    return lines
