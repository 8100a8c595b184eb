"""`mnv3gen search nas`: a space's blocks, by accuracy and by the latency of compiled binaries."""

from __future__ import annotations

import json
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.options import (
    device_option,
    device_target_option,
    json_option,
    latency_option,
    seed_option,
    table_option,
)
from mnv3gen.cli.restarting import remove_earlier, restart_option

if TYPE_CHECKING:
    from mnv3gen.devices.device import Device
    from mnv3gen.search.finalists import Finalist
    from mnv3gen.search.session import Outcome, Request
    from mnv3gen.search.space import Space

EPILOG = """\b
Spaces: v3-compact, v3-small, mnasnet, mnasnet-inverted, or a TOML file (docs/latency.md,
docs/search.md).
Controllers: ppo (the RNN of MnasNet), random, evolution, library (optuna's TPE), exhaustive.
With --latency table, kernels of the space that were not measured yet are measured first.
Every trial is written down as it ends: a search that was stopped, or killed, goes on by the same
command.

\b
Examples:
  mnv3gen search nas --device local --target-ms 0.05 --data fashion-mnist --trials 300 -o s/
  mnv3gen search nas --target-ms 0.05 --reward hard --data fashion-mnist -o h/
  mnv3gen search nas --target-ms 0.05 --data fashion-mnist --evaluator proxy --epochs 2 -o p/
  mnv3gen search nas --space my.toml --device pi --latency compile --target-ms 12 --data DIR -o q/
  mnv3gen search nas --target-ms 0.05 --data digits --controller random --ray off --json -o r/
"""
EPOCHS = {"proxy": 3, "supernet": 20}
FINALIST_EPOCHS = {"proxy": 0, "supernet": 3}


@click.command(epilog=EPILOG)
@click.option(
    "--space", default="v3-compact", show_default=True, help="A name or a file; see below."
)
@device_option
@device_target_option
@click.option(
    "--target-ms", required=True, type=click.FloatRange(0, min_open=True), help="TAR of the reward."
)
@click.option(
    "--reward",
    default="small",
    show_default=True,
    type=click.Choice(["small", "large", "hard"]),
    help="w of ACC x (LAT/TAR)^w: -0.15 for small networks, -0.07 for large ones; hard: 0 up to "
    "TAR and -1 beyond it, for the most accurate network that is fast enough.",
)
@click.option("--data", default="digits", show_default=True, help="As `mnv3gen train` takes it.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many pictures to learn from.")
@click.option("--trials", default=300, show_default=True, type=click.IntRange(1), help="In all.")
@click.option("--controller", default="ppo", show_default=True, help="See below.")
@click.option(
    "--evaluator",
    default="supernet",
    show_default=True,
    type=click.Choice(sorted(EPOCHS)),
    help="Trainings of some epochs, or weights that all candidates share.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1, 100_000),
    help="Of the evaluator's trainings.  [default: proxy 3, supernet 20]",
)
@click.option("--batch", default=128, show_default=True, type=click.IntRange(1), help="Of a step.")
@click.option(
    "--supernet", type=click.Path(path_type=Path), help="Its folder.  [default: OUTPUT/supernet]"
)
@latency_option
@table_option
@click.option(
    "--finalists", default=9, show_default=True, type=click.IntRange(0), help="To measure whole."
)
@click.option(
    "--finalist-epochs",
    type=click.IntRange(0),
    help="Train each alone before one is chosen; 0 for not.  [default: supernet 3, proxy 0]",
)
@click.option(
    "--ray", default="auto", show_default=True, metavar="A", help="auto, off, or an address."
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes that train, of Ray.  [default: one a processor]",
)
@seed_option("Of all chance.")
@restart_option
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The search's folder."
)
@json_option
def command(restart: bool, as_json: bool, **chosen: Any) -> None:
    """Search a space for accuracy at a target latency of compiled binaries."""
    from mnv3gen.cli.searching import Printer
    from mnv3gen.cli.train import need_torch

    need_torch()
    from mnv3gen.search.session import search
    from mnv3gen.search.settings import FILE

    request = _request(**chosen)
    if restart:
        remove_earlier(request.folder, FILE, "search")
    if request.latency == "table" and request.table is None:
        _measure_missing(request.space, request.device, as_json)
        _calibrate(request.space, request.device)
    with Printer(as_json, request.trials) as printer:
        outcome = search(request, printer)
    click.echo(json.dumps(_summary(outcome), indent=1) if as_json else _text(outcome))


def _request(
    space: str,
    device: str,
    target: str | None,
    output: Path,
    evaluator: Any,
    epochs: int | None,
    finalist_epochs: int | None,
    controller: str,
    latency: str,
    data: str,
    limit: int | None,
    **chosen: Any,
) -> Request:
    """The request, checked as far as that costs nothing."""
    from mnv3gen.devices.device import find_device, target_name
    from mnv3gen.search.controllers import check_kind
    from mnv3gen.search.latency import check_kind as check_latency
    from mnv3gen.search.nas import check_space
    from mnv3gen.search.session import Request, for_data
    from mnv3gen.search.spaces import load_space
    from mnv3gen.targets import load

    check_kind(controller)
    check_latency(latency)
    found, loaded = find_device(device, target), load_space(space)
    check_space(loaded)
    load(target_name(found))
    return Request(
        space=for_data(loaded, data),
        device=found,
        data=data,
        folder=output,
        controller=controller,
        evaluator=evaluator,
        epochs=epochs or EPOCHS[evaluator],
        finalist_epochs=FINALIST_EPOCHS[evaluator] if finalist_epochs is None else finalist_epochs,
        latency=latency,
        images=limit or 0,
        **chosen,
    )


def _measure_missing(space: Space, device: Device, as_json: bool) -> None:
    """Have every kernel of the space in the device's records."""
    from mnv3gen.cli.latency_table import measure_kernels
    from mnv3gen.cli.progress import counted
    from mnv3gen.devices.device import target_name
    from mnv3gen.measure.kernels import KernelMeasurer
    from mnv3gen.measure.records import FILE, Records, records_folder
    from mnv3gen.measure.session import Session
    from mnv3gen.measure.table import open_plans, plan
    from mnv3gen.search.footprint import device_protocol
    from mnv3gen.targets import load

    folder, target = records_folder(device.name), load(target_name(device))
    pieces, plans = list(space.pieces()), open_plans(target, folder)
    with counted("plan", len(plans.new_pieces(pieces))) as advance:
        plan(plans, pieces, advance)
    session = Session(device)
    measurer = KernelMeasurer(
        session, target, device_protocol(space, plans, device), Records(folder / FILE)
    )
    try:
        summary = measure_kernels(measurer, pieces, folder)
    finally:
        session.close()
    if not as_json:
        click.echo(
            f"table     {summary['measured']} of {summary['kernels']} kernels are measured, "
            f"{summary['measured'] - summary['known']} of them now",
            err=True,
        )


def _calibrate(space: Space, device: Device) -> None:
    """Measure some networks of the space whole, in turns; one that stays noisy is left out."""
    from mnv3gen.cli.latency_check import compile_networks
    from mnv3gen.cli.progress import counted
    from mnv3gen.devices.device import target_name
    from mnv3gen.measure.check import measure_all
    from mnv3gen.measure.latency import open_records
    from mnv3gen.measure.records import Record, records_folder
    from mnv3gen.search.footprint import calibrating
    from mnv3gen.search.measured import open_session
    from mnv3gen.targets import load

    networks = [network for network, ms in calibrating(space, device) if ms is None]
    if not networks:
        return
    session, records = open_session(device), open_records(records_folder(device.name))

    def keep(record: Record) -> None:
        records.add(record)
        if record.noisy:
            spread = f"a spread of {record.times['run'].spread:.0%}"
            click.echo(
                f"mnv3gen: warning: {device.name}: {record.name}: {spread} after "
                f"{record.attempts} attempts",
                err=True,
            )

    with tempfile.TemporaryDirectory(prefix="mnv3gen-") as folder, closing(session):
        bundles = compile_networks(networks, load(target_name(device)), Path(folder))
        with counted("measure networks", len(bundles)) as advance:
            measure_all(bundles, session, keep, advance)


def _summary(outcome: Outcome) -> dict[str, Any]:
    states = [trial.state for trial in outcome.trials]
    return {
        "folder": str(outcome.folder),
        "trials": {state: states.count(state) for state in ("ok", "stopped", "failed")},
        "best_reward": max((it.reward or 0.0 for it in outcome.trials), default=0.0),
        "finalists": [_row(it) for it in outcome.finalists],
        "best": None if outcome.best is None else str(outcome.best),
    }


def _row(finalist: Finalist) -> dict[str, Any]:
    return {
        "trial": finalist.trial,
        "accuracy": finalist.accuracy,
        "trained_accuracy": None if finalist.trained is None else finalist.trained.value,
        "searched_ms": finalist.searched.ms,
        "measured_ms": None if finalist.measured is None else finalist.measured.ms,
        "steady_ms": finalist.steady_ms,
        "error": finalist.error,
        "reward": finalist.reward,
        "reason": finalist.reason,
    }


def _text(outcome: Outcome) -> str:
    counts = _summary(outcome)["trials"]
    lines = [
        f"trials    {counts['ok']} whole, {counts['stopped']} stopped, {counts['failed']} failed"
    ]
    for finalist in outcome.finalists:
        head = f"finalist  trial {finalist.trial}: accuracy {finalist.accuracy:.2%}, "
        if finalist.trained is not None:
            head += f"trained alone {finalist.trained.value:.2%}, "
        head += "searched "
        head += f"{finalist.searched.ms:.4f} ms"
        if finalist.measured is None:
            lines.append(f"{head}, not measured: {finalist.reason}")
        else:
            head += f", measured {finalist.measured.ms:.4f} ms"
            if finalist.steady_ms is not None:
                head += f", at the table's speed {finalist.steady_ms:.4f} ms"
            lines.append(f"{head} ({finalist.error:+.1%}), reward {finalist.reward:.4f}")
    if outcome.best is not None:
        lines.append(f"best      {outcome.best}")
    return "\n".join(lines)
