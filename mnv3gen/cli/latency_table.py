"""`mnv3gen latency-table`: measure every kernel that a search space can produce on a device."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.damage import warn_of_damage
from mnv3gen.cli.options import (
    device_cpu_option,
    device_option,
    device_target_option,
    input_shape_option,
    json_option,
    seed_option,
)
from mnv3gen.tables.network import Network

if TYPE_CHECKING:
    from mnv3gen.graph.model import Model
    from mnv3gen.measure.kernels import KernelMeasurer
    from mnv3gen.measure.protocol import Protocol
    from mnv3gen.targets import Target

EPILOG = """\b
Spaces: mnasnet, mnasnet-inverted, or a TOML file (docs/latency.md).
Every kernel is written down as it is measured: a run that was stopped goes on where it was.

\b
Examples:
  mnv3gen latency-table --space mnasnet --device pi -o table/
  mnv3gen latency-table --space mnasnet --check 20     and measure 20 networks of it whole
  mnv3gen latency-table mobilenet_v3_large my_table.bneck --device local
  mnv3gen latency-table somebody_elses.onnx --input-shape 48x192
  mnv3gen latency-table --all-networks --device ssh://pi@raspberrypi.local --target rpi4
"""


@click.command(epilog=EPILOG)
@click.argument("networks", nargs=-1, metavar="[NETWORK]...")
@click.option("--space", metavar="S", help="A search space, or a .toml file of one.")
@input_shape_option
@click.option("--all-networks", is_flag=True, help="Every classification network of the zoo.")
@device_option
@device_target_option
@device_cpu_option
@click.option(
    "--runs", default=15, show_default=True, type=click.IntRange(3, 1000), help="Of each kernel."
)
@click.option(
    "--cool-down",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 600),
    help="Seconds of rest between measurements.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes that compile.  [default: one a processor]",
)
@click.option("--build-only", is_flag=True, help="Plan and compile, and measure another time.")
@click.option(
    "--check", metavar="N", type=click.IntRange(min=0),
    help="Also measure N random networks of the space whole, by which its sums are calibrated, and "
    "compare; 0 for none.  [default: 6 of a --space]",
)  # fmt: skip
@seed_option("Of the choice of networks.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Also write the table to this folder."
)
@json_option
def command(
    networks: tuple[str, ...],
    space: str | None,
    input_shape: str | None,
    all_networks: bool,
    device: str,
    target: str | None,
    cpu: int | None,
    runs: int,
    cool_down: float,
    workers: int | None,
    build_only: bool,
    check: int | None,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Measure the kernels of NETWORKS, or of a whole search space, on a device.

    A NETWORK is a name of the zoo, a .bneck file or an ONNX file.
    """
    from mnv3gen.devices.device import find_device, target_name
    from mnv3gen.measure.records import FILE, Records, records_folder
    from mnv3gen.targets import load

    chosen = find_device(device, target, cpu)
    compiled_for = load(target_name(chosen))
    wanted = list(_wanted(networks, space, all_networks, input_shape))
    from mnv3gen.cli.latency_check import check_networks, chosen_networks, compile_networks
    from mnv3gen.measure import export
    from mnv3gen.measure.kernels import KernelMeasurer
    from mnv3gen.measure.protocol import Protocol
    from mnv3gen.measure.session import Session

    checked = [] if build_only else chosen_networks(space, check, seed)
    folder = records_folder(chosen.name)
    records = Records(folder / FILE)
    warn_of_damage(records.journal)
    protocol = Protocol(cpu=chosen.cpu, runs=runs, warmup=2, cool_down=cool_down)
    if space is not None and not (networks or all_networks):
        protocol = _of_space(space, compiled_for, folder, protocol)
    session = Session(chosen)
    measurer = KernelMeasurer(session, compiled_for, protocol, records)
    if not as_json:
        click.echo(f"device    {chosen.name}, cpu {'any' if chosen.cpu is None else chosen.cpu}")
        click.echo(f"target    {compiled_for.name}: {compiled_for.description}")
        click.echo(f"records   {folder / FILE}")
    try:
        with tempfile.TemporaryDirectory(prefix="mnv3gen-") as own:
            bundles = compile_networks(checked, compiled_for, Path(own))
            summary = measure_kernels(measurer, wanted, folder, workers, build_only)
            if bundles:
                summary["check"] = check_networks(bundles, measurer, folder)
    finally:
        session.close()
    if output is not None:
        export.write(folder, output)
        summary["table"] = str(output)
    click.echo(json.dumps(summary, indent=1) if as_json else _text(summary))


def _wanted(
    networks: tuple[str, ...], space: str | None, every: bool, input_shape: str | None
) -> Iterable[Network | Model]:
    from mnv3gen.cli.given import network_called
    from mnv3gen.tables.zoo import classifiers, get

    if not (networks or space or every):
        raise click.UsageError("a --space, NETWORKs or --all-networks")
    if space is not None:
        from mnv3gen.search.spaces import load_space

        yield from load_space(space).pieces()
    for name in networks:
        given = network_called(name, input_shape=input_shape)
        yield given if isinstance(given, Network) else given.network
    if every:
        yield from map(get, classifiers())


def _of_space(name: str, target: Target, folder: Path, base: Protocol) -> Protocol:
    """The protocol with the sizes of the space's networks."""
    from mnv3gen.cli.progress import counted
    from mnv3gen.measure import table
    from mnv3gen.search.footprint import protocol_for
    from mnv3gen.search.spaces import load_space

    space, plans = load_space(name), table.open_plans(target, folder)
    pieces = list(space.pieces())
    with counted("plan", len(plans.new_pieces(pieces))) as advance:
        table.plan(plans, pieces, advance)
    return protocol_for(space, plans, base)


def measure_kernels(
    measurer: KernelMeasurer,
    networks: Sequence[Network | Model],
    folder: Path,
    workers: int | None = None,
    build_only: bool = False,
) -> dict[str, Any]:
    """Plan, compile, measure, each with its bar."""
    from mnv3gen.cli.progress import counted
    from mnv3gen.measure import table

    target = measurer.target
    plans = table.open_plans(target, folder)
    warn_of_damage(plans.journal)
    pieces = len(plans.new_pieces(networks))
    with counted("plan", pieces) as advance:
        codes = table.plan(plans, networks, advance)
    timed = table.measurable(codes)
    waiting = table.waiting(timed, measurer)
    summary: dict[str, Any] = {
        "pieces": len(plans.known),
        "kernels": len(codes),
        "not_timed_alone": len(codes) - len(timed),
        "known": len(timed) - len(waiting),
    }
    with counted("compile", table.count_batches(waiting)) as advance:
        batches = list(table.build(waiting, target, advance, workers))
    if not build_only:
        with counted("measure", len(waiting)) as advance:
            measurer.advance = advance
            table.measure(measurer, batches)
    found = [it for key, code in timed.items() if (it := measurer.record(key, code)) is not None]
    summary |= {
        "measured": len(found),
        "noisy": sum(record.noisy for record in found),
        "skipped": measurer.skipped,
    }
    return summary


def _text(summary: dict[str, Any]) -> str:
    lines = [
        f"kernels   {summary['kernels']} distinct, {summary['measured']} measured "
        f"({summary['known']} before), {summary['noisy']} of them noisy",
    ]
    if summary["not_timed_alone"]:
        lines.append(f"          {summary['not_timed_alone']} of TVM's own, which are guessed")
    lines += [f"skipped   {name}: {reason}" for name, reason in summary["skipped"].items()]
    if "check" in summary:
        from mnv3gen.cli.latency_check import lines_of

        lines += lines_of(summary["check"])
    if "table" in summary:
        lines.append(f"table     {summary['table']}")
    return "\n".join(lines)
