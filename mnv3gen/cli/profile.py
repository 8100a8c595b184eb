"""`mnv3gen profile`: where a bundle's work goes, by kernel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.options import json_option

if TYPE_CHECKING:
    from mnv3gen.compile.bundle import Bundle
    from mnv3gen.profile.instructions import InstructionProfile, KernelWork, LoopWork
    from mnv3gen.profile.times import KernelTime, TimeProfile

EPILOG = """\b
Examples:
  mnv3gen profile host/                  time by kernel, on this machine
  mnv3gen profile out/ --instructions    executed instructions by kernel and loop, emulated
  mnv3gen profile out/ --instructions --top 10 --plot out.svg
  mnv3gen profile out/ --cycles          modelled cycles by kernel, of the target's core
  mnv3gen profile host/ --runs 300 --json
"""

TIME_HEADINGS = ("Calls", "Min ms", "Median ms", "%", "GMAC/s", "Kernel")
KERNEL_HEADINGS = (
    *("Calls", "M instr", "%", "M FMLA", "Instr/FMLA", "Lanes/madd"),
    *("M loads", "M stores", "M spills", "Kernel"),
)
LOOP_HEADINGS = (
    *("At", "Nest", "%", "Iterations", "Instr", "FMLA", "Instr/FMLA"),
    *("Loads", "Stores", "Spills", "Hot loop of"),
)


@click.command(epilog=EPILOG)
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--instructions", is_flag=True, help="Count executed instructions in the emulator (ARM)."
)
@click.option("--cycles", is_flag=True, help="Model the cycles of the target's core (aarch64).")
@click.option(
    "--runs", default=100, show_default=True, type=click.IntRange(1, 100_000), help="Timed."
)
@click.option("--top", type=click.IntRange(min=1), help="Print so many kernels.  [default: all]")
@click.option("--plot", type=click.Path(path_type=Path), help="Write bars (.png, .svg, .pdf).")
@json_option
def command(
    bundle: Path,
    instructions: bool,
    cycles: bool,
    runs: int,
    top: int | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Where a bundle's work goes, by kernel: time on this machine, instructions, modelled cycles.

    Instructions of a loop are for one iteration, without those of the loops inside of it. A hot
    loop has a tenth of its kernel's instructions or more.
    """
    from mnv3gen.compile.bundle import read_bundle
    from mnv3gen.profile.plot import bars_of, check_plot, draw

    if cycles and (instructions or plot is not None):
        raise click.UsageError("--cycles has no --plot and goes without --instructions")
    opened = read_bundle(bundle)
    if cycles:
        from mnv3gen.cli.profiled_cycles import print_cycles

        print_cycles(opened, top, as_json)
        return
    if plot is not None:
        check_plot(plot)
    profile = _count(opened) if instructions else _time(opened, runs)
    if plot is not None:
        draw(bars_of(profile, f"{opened.manifest.name} for {opened.target.name}"), plot)
    if as_json:
        click.echo(json.dumps(_as_dictionary(opened, profile), indent=1))
        return
    _print(profile, top)
    if plot is not None:
        click.echo(f"plot          {plot}")


def _count(bundle: Bundle) -> InstructionProfile:
    from mnv3gen.cli.progress import counted
    from mnv3gen.profile.instructions import profile_instructions

    calls = sum(kernel.calls for kernel in bundle.manifest.kernels)
    with counted("emulate", calls) as advance:
        return profile_instructions(bundle, advance)


def _time(bundle: Bundle, runs: int) -> TimeProfile:
    from mnv3gen.cli.progress import counted
    from mnv3gen.profile.times import WARMUP, profile_times

    with counted("time", WARMUP + runs) as advance:
        return profile_times(bundle, runs, advance)


def _as_dictionary(bundle: Bundle, profile: InstructionProfile | TimeProfile) -> dict[str, Any]:
    from dataclasses import asdict

    from mnv3gen.profile.summary import summarize
    from mnv3gen.profile.times import TimeProfile

    fields: dict[str, Any] = {"network": bundle.manifest.name, "target": bundle.target.name}
    if isinstance(profile, TimeProfile):
        whole = {"rounds": profile.rounds, "min_ms": profile.min_ms, "median_ms": profile.median_ms}
        return {
            **fields,
            **whole,
            "gmacs": profile.gmacs,
            "kernels": [{**asdict(each), "gmacs": each.gmacs} for each in profile.kernels],
            "calls": [asdict(each) for each in profile.calls],
        }
    return {
        **fields,
        "summary": asdict(summarize(profile)),
        "total": asdict(profile.total),
        "kernels": [
            {
                **asdict(each),
                "loops": [{**asdict(loop), "hot": loop.hot} for loop in each.loops],
            }
            for each in profile.kernels
        ],
    }


def _print(profile: InstructionProfile | TimeProfile, top: int | None) -> None:
    from mnv3gen.profile.times import TimeProfile

    if isinstance(profile, TimeProfile):
        _print_times(profile, top)
    else:
        _print_instructions(profile, top)


def _print_times(profile: TimeProfile, top: int | None) -> None:
    from mnv3gen.cli.terminal import print_table

    rows = map(_time_cells, profile.kernels[:top])
    print_table(TIME_HEADINGS, rows, right=TIME_HEADINGS[:-1])
    click.echo(
        f"whole         {profile.min_ms:.3f} ms at best, median {profile.median_ms:.3f} ms of "
        f"{profile.rounds} rounds; {profile.gmacs:.1f} GMAC/s"
    )


def _time_cells(kernel: KernelTime) -> list[str]:
    return [
        str(kernel.calls),
        f"{kernel.min_ms:.4f}",
        f"{kernel.median_ms:.4f}",
        f"{kernel.share * 100:.1f}",
        _number(kernel.gmacs, ".1f"),
        kernel.name,
    ]


def _print_instructions(profile: InstructionProfile, top: int | None) -> None:
    from mnv3gen.cli.terminal import print_table

    whole = profile.total.instructions
    shown = profile.kernels[:top]
    rows = (_kernel_cells(kernel, whole) for kernel in shown)
    print_table(KERNEL_HEADINGS, rows, right=KERNEL_HEADINGS[:-1])
    click.echo()
    loops = (_loop_cells(each, loop) for each in shown if each.kernel for loop in each.hot_loops)
    print_table(LOOP_HEADINGS, loops, right={*LOOP_HEADINGS[:-1]} - {"Nest"})
    click.echo()
    _print_summary(profile)


def _kernel_cells(kernel: KernelWork, whole: int) -> list[str]:
    work = kernel.work
    return [
        str(kernel.calls),
        f"{work.instructions / 1e6:.3f}",
        f"{work.instructions / whole * 100:.1f}",
        f"{work.fmlas / 1e6:.3f}",
        _number(work.per_fmla, ".2f"),
        _number(kernel.lanes_per_madd, ".3f"),
        *(f"{count / 1e6:.3f}" for count in (work.loads, work.stores, work.spills)),
        kernel.name,
    ]


def _loop_cells(kernel: KernelWork, loop: LoopWork) -> list[str]:
    work = loop.work
    counts = (work.instructions, work.fmlas, work.loads, work.stores, work.spills)
    instructions, fmlas, *moves = (f"{count / loop.iterations:.4g}" for count in counts)
    return [
        f"{loop.address:#x}",
        "inner" if loop.innermost else "outer",
        f"{loop.share * 100:.0f}",
        f"{loop.iterations:,}",
        instructions,
        fmlas,
        _number(work.per_fmla, ".2f"),
        *moves,
        kernel.name,
    ]


def _print_summary(profile: InstructionProfile) -> None:
    from mnv3gen.profile.summary import summarize

    summary = summarize(profile)
    click.echo(
        f"instructions  {summary.instructions / 1e6:.2f} M, of which {summary.fmlas / 1e6:.2f} M "
        f"vector multiply-adds: {_number(summary.per_fmla, '.2f')} for each"
    )
    worsts = {
        "pointwise": summary.pointwise,
        "one position": summary.single,
        "together": summary.together,
    }
    for label, worst in worsts.items():
        if worst is not None:
            click.echo(
                f"{label:14s}inner loops at worst {worst.per_fmla:.2f} instructions a "
                f"multiply-add ({worst.kernel})"
            )
    click.echo(
        f"spills        in {summary.spilling} of {summary.hot_loops} hot loops; "
        f"{summary.spills / 1e6:.2f} M instructions in all loops"
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
