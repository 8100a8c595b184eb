"""`mnv3gen compile --explain`: the plan of a bundle, one row a call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.terminal import print_table

if TYPE_CHECKING:
    from mnv3gen.compile.manifest import Manifest

HEADINGS = (
    *("Computes", "Output", "Schedule", "Parameters", "From"),
    *("Cost", "Apart", "Saved %", "Prefetch KiB", "Arena KiB"),
)
LEFT = 5  # headings
LINE = 64  # bytes


def as_dictionary(manifest: Manifest) -> dict[str, Any]:
    """What `--json` adds: the plan's calls in order, and its sums.

    Costs are in vector multiply-adds (mnv3gen/generate/cost.py), sizes in bytes.
    """
    steps = manifest.plan
    return {
        "plan": list(_calls(manifest)),
        "plan_total": {
            "calls": len(steps),
            "fused": sum(len(step.computes) > 1 for step in steps),
            "kernels": sum(len(step.computes) for step in steps),
            "cost": sum(step.cost for step in steps),
            "cost_apart": sum(step.cost_apart for step in steps),
            "prefetched_bytes": sum(step.prefetched_lines for step in steps) * LINE,
            "arena_bytes": manifest.memory.arena_bytes,
        },
    }


def print_plan(plan: dict[str, Any]) -> None:
    """Print what `as_dictionary` returned: a table, and a line with the sums."""
    print_table(HEADINGS, map(_cells, plan["plan"]), right=HEADINGS[LEFT:])
    total = plan["plan_total"]
    click.echo(
        f"plan      {total['kernels']} kernels in {total['calls']} calls, {total['fused']} of them "
        f"of several; cost {total['cost']:,}, layer by layer {total['cost_apart']:,} "
        f"({_saved(total)} % saved); arena {total['arena_bytes'] / 2**20:.2f} MiB"
    )


def _calls(manifest: Manifest) -> Iterable[dict[str, Any]]:
    from mnv3gen.profile.names import kind_of

    kernels = {kernel.name: kernel for kernel in manifest.kernels}
    for step in manifest.plan:
        made = kernels[step.kernel]
        yield {
            "kernel": step.kernel,
            "computes": [kind_of(name) for name in step.computes],
            "reads": list(step.reads),
            "writes": list(step.writes),
            "shapes": [list(shape) for shape in step.shapes],
            "schedule": made.schedule,
            "parameters": made.parameters,
            "provenance": made.provenance,
            "cost": step.cost,
            "cost_apart": step.cost_apart,
            "prefetched_bytes": step.prefetched_lines * LINE,
            "alive_bytes": step.alive_bytes,
        }


def _cells(call: dict[str, Any]) -> list[str]:
    return [
        "+".join(call["computes"]),
        ", ".join("x".join(map(str, shape)) for shape in call["shapes"]),
        call["schedule"],
        " ".join(f"{name}={value}" for name, value in call["parameters"].items()) or "-",
        call["provenance"],
        f"{call['cost']:,}",
        f"{call['cost_apart']:,}" if len(call["computes"]) > 1 else "-",
        _saved(call) if len(call["computes"]) > 1 else "-",
        f"{call['prefetched_bytes'] / 1024:.0f}" if call["prefetched_bytes"] else "-",
        f"{call['alive_bytes'] / 1024:.1f}",
    ]


def _saved(costs: dict[str, Any]) -> str:
    """The share that computing kernels together saves, in per cent."""
    return f"{(1 - costs['cost'] / costs['cost_apart']) * 100:.1f}"
