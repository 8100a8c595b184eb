"""`mnv3gen search netadapt`: shrink a network layer by layer to a latency, as measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.options import (
    device_cpu_option,
    device_option,
    device_target_option,
    form_options,
    json_option,
    latency_option,
    seed_option,
    table_option,
)
from mnv3gen.cli.restarting import remove_earlier, restart_option

if TYPE_CHECKING:
    from mnv3gen.devices.device import Device
    from mnv3gen.search.netadapt.request import Request
    from mnv3gen.search.netadapt.session import Outcome

EPILOG = """\b
Every step proposes to shrink each expansion, and the bottlenecks of each size; fine-tunes the
proposals, and takes the one with the best accuracy for the time that it saves. What a step saves is
measured: both networks are compiled and run in turns. The result is trained from scratch.

\b
Latencies that proposals are made by (--latency):
  table    the sum of kernels, each measured when it is met first; with --table only of that one
  model    kernels that were measured, others guessed from them (`mnv3gen latency-table`)
  compile  every proposal compiled and measured whole: takes longest

\b
Examples:
  mnv3gen search netadapt s/best.bneck --target-ms 0.04 --data fashion-mnist -o n/
  mnv3gen search netadapt runs/a/network.bneck --weights runs/a/best.safetensors --device pi \\
      --target-ms 12 --data imagefolder:DIR --fine-tune 1000 --final-epochs 150 -o n/
  mnv3gen compile n/final.bneck --weights n/final.safetensors --target rpi4

The same command goes on with a run that was killed. See docs/netadapt.md.
"""
QUARTER = 4  # of the recipe's rate: what has learned already wants smaller steps
SECONDS = 0.1  # of a turn, when two networks are compared


@click.command(epilog=EPILOG)
@click.argument("network")
@form_options
@click.option(
    "--target-ms",
    required=True,
    type=click.FloatRange(0, min_open=True),
    help="The latency to reach.",
)
@click.option("--data", "spec", required=True, help="As `mnv3gen train` takes it.")
@click.option("--weights", type=click.Path(path_type=Path), help="Of NETWORK.  [default: trained]")
@device_option
@device_target_option
@device_cpu_option
@latency_option
@table_option
@click.option(
    "--metric",
    default="ratio",
    show_default=True,
    type=click.Choice(["ratio", "original"]),
    help="MobileNetV3's accuracy change over latency change, or NetAdapt's highest accuracy.",
)
@click.option(
    "--importance",
    default="l2",
    show_default=True,
    type=click.Choice(["l1", "l2", "bn-scale"]),
    help="Which filters of a layer that shrinks are kept.",
)
@click.option(
    "--delta",
    default=0.01,
    show_default=True,
    type=click.FloatRange(0.001, 0.5),
    help="The part of the seed's latency that a step saves.",
)
@click.option(
    "--divisor", default=8, show_default=True, type=click.IntRange(1, 64), help="Of all widths."
)
@click.option(
    "--fine-tune", default=200, show_default=True, type=click.IntRange(1), help="Steps a proposal."
)
@click.option(
    "--fine-tune-rate",
    type=click.FloatRange(0, min_open=True),
    help="Its learning rate.  [default: a quarter of the recipe's]",
)
@click.option(
    "--hold-out",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 0.9, min_open=True),
    help="The share of the training pictures that proposals are compared by.",
)
@click.option("--recipe", default="modern", show_default=True, help="A name, or a TOML file.")
@click.option("--batch", type=click.IntRange(1, 1_000_000), help="Instead of the recipe's.")
@click.option(
    "--seed-epochs",
    default=8,
    show_default=True,
    type=click.IntRange(1),
    help="Of training the seed, without --weights.",
)
@click.option(
    "--final-epochs",
    default=30,
    show_default=True,
    type=click.IntRange(0),
    help="Of training from scratch; 0 keeps the weights of the last step.",
)
@click.option("--final-minutes", type=click.FloatRange(0.05), help="Instead of --final-epochs.")
@seed_option("Of all chance.")
@click.option("--compute", default="auto", show_default=True, help="What trains: cpu, cuda, auto.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Of a CPU.  [default: torch's]")
@click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    help="The search's folder.",
)
@restart_option
@json_option
def command(
    device: str,
    target: str | None,
    cpu: int | None,
    table: Path | None,
    threads: int | None,
    restart: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Shrink NETWORK, a name of the zoo or a .bneck file, to a latency on a device."""
    from mnv3gen.cli.train import need_torch
    from mnv3gen.devices.device import find_device, target_name
    from mnv3gen.search.netadapt.request import FILE

    torch = need_torch()
    if threads is not None:
        torch.set_num_threads(threads)
    found = find_device(device, target, cpu)
    request = _request(found.name, target_name(found), **chosen)
    if restart:
        remove_earlier(request.folder, FILE, "NetAdapt run")
    if not as_json:
        _echo(request)
    outcome = _run(request, found, table, as_json)
    if as_json:
        click.echo(json.dumps(_summary(request, outcome), indent=1))
    else:
        _print(request, outcome)


def _request(
    device: str,
    target: str,
    *,
    network: str,
    width: str | None,
    resolution: str | None,
    classes: int | None,
    variant: tuple[str, ...],
    spec: str,
    recipe: str,
    batch: int | None,
    weights: Path | None,
    fine_tune_rate: float | None,
    latency: str,
    **rest: Any,
) -> Request:
    from mnv3gen.cli.train import recipe_of
    from mnv3gen.search.latency import check_kind
    from mnv3gen.search.netadapt.request import Request
    from mnv3gen.tables.scaling import with_classes
    from mnv3gen.tables.zoo import resolve
    from mnv3gen.train.data.specs import open_data

    kind = check_kind(latency)
    found = resolve(network, width, resolution, classes, variant)
    data = open_data(spec)
    if classes is None:
        found = with_classes(found, len(data.names))
    learned = recipe_of(data.mirrored, recipe, None, batch, None)
    optimizer = learned.optimizer
    usual = optimizer.rate * learned.batch / optimizer.rate_for_batch / QUARTER
    return Request(
        network=found,
        data=data,
        spec=spec,
        recipe=learned,
        device=device,
        target=target,
        latency=kind,
        weights=_weights(weights, found),
        fine_tune_rate=usual if fine_tune_rate is None else fine_tune_rate,
        **rest,
    )


def _weights(path: Path | None, network: Any) -> Any:
    """The seed's weights; WeightsError if they are of another network."""
    from mnv3gen.graph.expand import expand
    from mnv3gen.graph.weights import check_metadata, load_weights

    if path is None:
        return None
    for warning in check_metadata(path, network.conventions):
        click.echo(f"mnv3gen: warning: {warning}", err=True)
    return load_weights(path, expand(network))


def _run(request: Request, device: Device, table: Path | None, quiet: bool) -> Outcome:
    from mnv3gen.cli.netadapt_printer import NetAdaptPrinter
    from mnv3gen.errors import DeviceLostError
    from mnv3gen.measure.protocol import Protocol
    from mnv3gen.search.latency import open_latency
    from mnv3gen.search.measured import MeasuredLatency, open_session
    from mnv3gen.search.netadapt.growing import GrowingTable
    from mnv3gen.search.netadapt.session import check, run
    from mnv3gen.search.netadapt.shrink import least
    from mnv3gen.targets import load

    check(request)
    session, target = open_session(device), load(request.target)
    comparer = MeasuredLatency(session, target, Protocol(cpu=device.cpu, seconds=SECONDS))
    try:
        with NetAdaptPrinter(quiet, request.fine_tune) as printer:
            if request.latency != "table" or table is not None:
                source = open_latency(request.latency, device, table)
                return run(request, source, comparer, printer)
            smallest = least(request.network, request.divisor)
            growing = GrowingTable(session, target, request.network, smallest, printer.busy)
            return run(request, growing, comparer, printer, growing.prepare)
    except DeviceLostError:
        click.echo("mnv3gen: what was done is kept: the same command goes on from here", err=True)
        raise
    finally:
        session.close()


def _echo(request: Request) -> None:
    """Every resolved argument, before the work starts."""
    network, data = request.network, request.data
    final = f"{request.final_epochs} epochs"
    if request.final_minutes is not None:
        final = f"{request.final_minutes:g} min"
    lines = {
        "network": f"{network.name}, {network.height}x{network.width}x{network.channels}, "
        f"{network.classes} classes",
        "weights": "given" if request.weights is not None else f"{request.seed_epochs} epochs",
        "data": f"{request.spec}: {len(data.train):,} pictures, {request.hold_out:.0%} held out "
        f"of them; {len(data.held_out):,} test pictures",
        "device": f"{request.device}, compiled for {request.target}, latency by {request.latency}",
        "target": f"{request.target_ms:g} ms, in steps of {request.delta:.2%} of the seed",
        "proposals": f"{request.fine_tune} steps of {request.recipe.batch} at "
        f"{request.fine_tune_rate:.2g}, chosen by {request.metric}, filters by "
        f"{request.importance}",
        "final": f"{final} from scratch",
        "output": f"{request.folder}/",
    }
    for label, text in lines.items():
        click.echo(f"{label:10s}{text}")


def _summary(request: Request, outcome: Outcome) -> dict[str, Any]:
    import msgspec

    from mnv3gen.search.netadapt.outcome import TABLE, WEIGHTS

    return {
        "folder": str(request.folder),
        "table": str(request.folder / TABLE),
        "weights": str(request.folder / WEIGHTS),
        "steps": [
            {
                "number": step.number,
                "chosen": step.chosen,
                "accuracy": step.accuracy,
                "measured_ms": step.measured_ms,
                "reduction": step.verified[-1].reduction if step.verified else None,
            }
            for step in outcome.steps
        ],
        **msgspec.to_builtins(outcome.final),
    }


def _print(request: Request, outcome: Outcome) -> None:
    from mnv3gen.search.netadapt.outcome import TABLE, WEIGHTS

    final = outcome.final
    less = f"{1 - final.ratio:.1%} ± {1.96 * final.error:.1%} less"
    click.echo(
        f"latency   {final.ms:.4g} ms, the seed takes {final.seed_ms:.4g}: {less} after "
        f"{len(outcome.steps) - 1} steps"
    )
    if final.ms > request.target_ms:
        click.echo(
            f"          {request.target_ms:g} ms were wanted: the device's speed differs from that "
            f"at the start, when it took {outcome.steps[0].measured_ms:.4g} ms for the seed"
        )
    if final.accuracy is not None:
        click.echo(
            f"accuracy  {final.accuracy:.2%} of {final.pictures:,} test pictures, after "
            f"{final.epochs} epochs from scratch"
        )
    click.echo(f"table     {request.folder / TABLE}")
    click.echo(f"weights   {request.folder / WEIGHTS}")
