"""What `mnv3gen profile --cycles` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mnv3gen.compile.bundle import Bundle
    from mnv3gen.cycles.model import BundleCycles, KernelCycles

HEADINGS = ("Calls", "M cycles", "%", "M instr", "Instr/cycle", "Madds/cycle", "Kernel")


def print_cycles(bundle: Bundle, top: int | None, as_json: bool) -> None:
    """Model a bundle's cycles, or find them in the cache, and print them by kernel."""
    import msgspec

    from mnv3gen.cli.progress import counted
    from mnv3gen.cycles.model import model_cycles

    calls = sum(kernel.calls for kernel in bundle.manifest.kernels)
    with counted("model", calls) as advance:
        found = model_cycles(bundle, advance)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=1))
    else:
        _print(found, top)


def _print(found: BundleCycles, top: int | None) -> None:
    from mnv3gen.cli.terminal import print_table

    rows = (_cells(each, found.cycles) for each in found.kernels[:top])
    print_table(HEADINGS, rows, right=HEADINGS[:-1])
    click.echo(
        f"modelled      {found.cycles / 1e6:.3f} M cycles of a {found.core}, "
        f"{found.instructions / found.cycles:.2f} instructions each"
    )
    click.echo(
        f"memory        {found.l1_misses / 1e3:.1f} k misses of the first cache, "
        f"{found.memory_lines / 1e3:.1f} k lines from memory"
    )
    click.echo(f"branches      {found.mispredictions / 1e3:.1f} k mispredicted")


def _cells(kernel: KernelCycles, whole: int) -> list[str]:
    madds = "-" if kernel.madds is None else f"{kernel.madds / max(kernel.cycles, 1):.2f}"
    return [
        str(kernel.calls),
        f"{kernel.cycles / 1e6:.3f}",
        f"{kernel.cycles / whole * 100:.1f}",
        f"{kernel.instructions / 1e6:.3f}",
        f"{kernel.instructions / max(kernel.cycles, 1):.2f}",
        madds,
        kernel.name,
    ]
