"""`mnv3gen targets`: the devices that can be compiled for."""

from __future__ import annotations

import json

import click

from mnv3gen.cli.options import json_option
from mnv3gen.cli.terminal import print_table
from mnv3gen.targets import DEFAULT, Target, all_targets, available, load

HEADINGS = ("Target", "CPU", "Vectors", "L1d", "L2", "L3", "Clock", "System", "Description")

EPILOG = """\b
Examples:
  mnv3gen targets
  mnv3gen targets rpi4
  mnv3gen targets --json

Your own targets/*.toml are found in the folders that MNV3GEN_PATH names.
"""


@click.command(epilog=EPILOG)
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the devices to compile for, or show one."""
    chosen = all_targets() if name is None else (load(name),)
    if as_json:
        plain = [target.to_manifest() for target in chosen]
        click.echo(json.dumps(plain if name is None else plain[0], indent=1))
    elif name is None:
        _print_all(chosen)
    else:
        _print_one(chosen[0])


def _print_all(targets: tuple[Target, ...]) -> None:
    print_table(HEADINGS, map(_cells, targets), right=("L1d", "L2", "L3", "Clock"))


def _cells(target: Target) -> list[str]:
    core = target.core
    return [
        f"{target.name} (default)" if target.name == DEFAULT else target.name,
        target.llvm.cpu,
        f"{core.vector_registers} x {core.vector_bits} bit",
        *(f"{kib} KiB" if kib else "-" for kib in (core.l1d_kib, core.l2_kib, core.l3_kib)),
        f"{core.clock_mhz} MHz",
        target.link.system,
        target.description,
    ]


def _print_one(target: Target) -> None:
    core, emulation = target.core, target.emulation
    lines = {
        "Target": f"{target.name}: {target.description}",
        "Core": f"{core.name}, {core.clock_mhz} MHz",
        "Vectors": f"{core.vector_registers} registers of {core.vector_bits} bits",
        "Caches": f"L1d {core.l1d_kib} KiB, L2 {core.l2_kib} KiB, L3 {core.l3_kib or '-'} KiB, "
        f"lines of {core.cache_line} bytes",
        "LLVM": f"{target.llvm.triple}, {target.llvm.cpu} "
        f"{' '.join(target.llvm.features)}".rstrip(),
        "Features": ", ".join(sorted(available(target))) or "-",
        "Linking": f"{target.link.zig_target}, {target.link.system}, "
        f"pages of {target.link.page_size} bytes",
        "Emulated": f"unicorn {emulation.unicorn}, qemu {emulation.qemu}" if emulation else "-",
        "Sources": "; ".join(target.sources) or "-",
    }
    for label, text in lines.items():
        click.echo(f"{label + ':':10s}{text}")
