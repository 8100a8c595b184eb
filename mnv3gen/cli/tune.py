"""`mnv3gen tune`: search the parameters of kernels by measuring them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.damage import warn_of_damage
from mnv3gen.cli.options import form_options, input_shape_option, json_option, seed_option
from mnv3gen.cli.tuned_rows import HEADING, row
from mnv3gen.errors import InputError
from mnv3gen.tables.network import Network

if TYPE_CHECKING:
    from mnv3gen.compile.tuned import TunedRecord
    from mnv3gen.targets import Target
    from mnv3gen.tune.fallbacks import Fallbacks
    from mnv3gen.tune.session import Progress, Session

EPILOG = """\b
Examples:
  mnv3gen tune mobilenet_v3_large --minutes 10
  mnv3gen tune mobilenet_v3_small mobilenet_v2 --minutes 20 --commit
  mnv3gen tune --all-networks --minutes 120 --commit
  mnv3gen tune mobilenet_v3_small --int8 --minutes 5
  mnv3gen tune somebody_elses.onnx --input-shape 48x192 --minutes 5
  mnv3gen tune mobilenet_v3_small --target rpi4 --device modelled
  mnv3gen tune mobilenet_v3_large --int8 --target rpi5 --device modelled --minutes 20

Kernels that no generator covers are tuned by TVM's MetaSchedule, in a quarter of the time.
Every measurement is kept as it is made: a run that was stopped goes on where it was.
`mnv3gen compile` uses what was found from then on.
"""

DEFAULT = ("mobilenet_v3_large",)
LISTED = 20  # kernels at the end of a run


@click.command(epilog=EPILOG)
@click.argument("networks", nargs=-1)
@form_options
@input_shape_option
@click.option("--all-networks", is_flag=True, help="Every network of the zoo.")
@click.option("--int8", is_flag=True, help="The kernels of the quantized networks.")
@click.option("--target", default="host", show_default=True, help="See `mnv3gen targets`.")
@click.option(
    "--device",
    type=click.Choice(["local", "modelled"]),
    default="local",
    show_default=True,
    help="What says how fast a kernel is: this machine, or modelled cycles of the target's core.",
)
@click.option(
    "--minutes", type=click.FloatRange(min=0), default=10.0, show_default=True, help="The budget."
)
@seed_option("Of the choice of candidates.")
@click.option("--commit", is_flag=True, help="Also write tuning_logs/<target>/ of the checkout.")
@click.option(
    "--restart", is_flag=True, help="Begin anew: measurements of earlier runs are set aside."
)
@json_option
def command(
    networks: tuple[str, ...],
    width: str | None,
    resolution: str | None,
    classes: int | None,
    variant: tuple[str, ...],
    input_shape: str | None,
    all_networks: bool,
    int8: bool,
    target: str,
    device: str,
    minutes: float,
    seed: int,
    commit: bool,
    restart: bool,
    as_json: bool,
) -> None:
    """Tune the kernels of NETWORKS for this machine (default mobilenet_v3_large).

    A NETWORK is a name of the zoo, a .bneck file or an ONNX file.
    """
    from mnv3gen.cli.given import network_called
    from mnv3gen.tables.zoo import names
    from mnv3gen.targets import load
    from mnv3gen.tune.ranking import check_xgboost

    chosen = load(target)
    if device == "local":
        _check_target(chosen)
        check_xgboost()
    wanted = tuple(names()) if all_networks else networks or DEFAULT
    given = [
        network_called(name, width, resolution, classes, variant, input_shape) for name in wanted
    ]
    forms = [each if isinstance(each, Network) else each.network for each in given]
    if device == "modelled":
        from mnv3gen.cli.tune_modelled import tune_modelled

        tune_modelled(forms, chosen, int8, minutes, seed, commit, restart, as_json)
        return
    from mnv3gen.tune.fallbacks import Fallbacks
    from mnv3gen.tune.start import session_of

    interrupted = False
    with session_of(forms, chosen, seed, restart, int8) as session:
        warn_of_damage(session.trials.journal, session.comparisons.journal)
        fallbacks = Fallbacks(session)
        with _shown(minutes) as observe:
            session.observe = observe
            try:
                _run(session, fallbacks, minutes)
            except KeyboardInterrupt:
                interrupted = True
        records = _kept(session, chosen, commit)
        if commit:
            _commit_fallbacks(fallbacks, chosen)
        summary = _summary(session, records) | _found(fallbacks)
        best = _best(session, records)
        for name in session.wrong[:LISTED]:
            _warn(f"wrong values by the rule's parameters, so not tuned: {name}")
        for name in fallbacks.failed[:LISTED]:
            _warn(f"MetaSchedule has nothing that computes the same as the rule: {name}")
    click.echo(json.dumps(summary, indent=1) if as_json else _text(summary, best))
    if interrupted:
        raise KeyboardInterrupt


def _run(session: Session, fallbacks: Fallbacks, minutes: float) -> None:
    """Tune the generators' kernels, then those of TVM's, which have what time is left."""
    from mnv3gen.tune.fallbacks import SHARE

    deadline = time.monotonic() + minutes * 60
    session.run(minutes * (1 - SHARE) if fallbacks.waiting else minutes)
    fallbacks.run(deadline)


def _warn(problem: str) -> None:
    click.echo(f"mnv3gen: warning: {problem}", err=True)


def _check_target(target: Target) -> None:
    if not target.detect:
        raise InputError(
            "this machine cannot measure kernels for another one",
            place="--target",
            found=target.name,
            expected="host; or --device modelled, which takes modelled cycles of its core",
        )


def _kept(session: Session, target: Target, commit: bool) -> list[TunedRecord]:
    """Write the records of the run to the user's log, and to the committed one if asked."""
    from mnv3gen.compile.tuned import FILE, own_folder, read_log
    from mnv3gen.tune.logs import committed_folder, merged, records_of, write_log

    records = records_of(session)
    folders = [own_folder()] + ([committed_folder()] if commit else [])
    for folder in folders:
        path = folder / target.name / FILE
        write_log(path, merged(read_log(path), records, session.trials))
    return records


def _commit_fallbacks(fallbacks: Fallbacks, target: Target) -> None:
    from mnv3gen.tune.fallbacks import commit_entries
    from mnv3gen.tune.logs import committed_folder

    commit_entries(fallbacks, committed_folder() / target.name)


@contextlib.contextmanager
def _shown(minutes: float) -> Iterator[Callable[[Progress], None]]:
    """A function that shows a run's progress on stderr; silent in a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda progress: None
        return
    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=minutes * 60)

        def observe(progress: Any) -> None:
            left = progress.seconds_left
            text = (
                f"{left / 60:.1f} min left, {progress.trials} trials, "
                f"{progress.measured}/{progress.tasks} kernels; {progress.task[:40]}: "
                f"{progress.ratio:.2f} of its rule, {progress.floor:.2f} of its floor"
            )
            bar.update(task, description=text, completed=minutes * 60 - left)

        yield observe


def _summary(session: Session, records: list[TunedRecord]) -> dict[str, Any]:
    planned = [(record, calls) for record in records if (calls := _calls(session, record))]
    return {
        "kernels": len(session.tasks),
        "measured": len(records),
        "trials": session.progress.trials,
        "improved": sum(record.median_us < record.rule_us for record in records),
        "planned_rule_us": round(sum(r.rule_us * calls for r, calls in planned), 1),
        "planned_best_us": round(sum(r.median_us * calls for r, calls in planned), 1),
        "planned_floor_us": round(sum(r.floor_us * calls for r, calls in planned), 1),
    }


def _found(fallbacks: Fallbacks) -> dict[str, Any]:
    """What came of the kernels that no generator covers."""
    known = [(record, fallbacks.kernels[name]) for name, record in fallbacks.records.items()]
    rule = sum(record.rule_us * kernel.calls for record, kernel in known)
    best = sum(record.rule_us * record.ratio * kernel.calls for record, kernel in known)
    return {
        "fallbacks": len(fallbacks.kernels),
        "searched": len(known),
        "by_metaschedule": sum(record.better for record, _ in known),
        "fallbacks_rule_us": round(rule, 1),
        "fallbacks_best_us": round(best, 1),
    }


def _calls(session: Session, record: TunedRecord) -> int:
    """How often the networks' plans call a kernel."""
    return session.calls[record.kernel, record.schedule]


def _best(session: Session, records: list[TunedRecord]) -> list[TunedRecord]:
    """Those that the networks' plans spend most time in, by rule."""
    planned = [record for record in records if _calls(session, record)]
    planned.sort(key=lambda record: -record.median_us * _calls(session, record))
    return planned[:LISTED]


def _text(summary: dict[str, Any], best: list[TunedRecord]) -> str:
    lines = [HEADING, *map(row, best)] if best else []
    lines += [
        f"kernels   {summary['measured']} of {summary['kernels']} measured, "
        f"{summary['improved']} faster than by rule; {summary['trials']} new trials",
        f"planned   {summary['planned_best_us'] / 1e3:.3f} ms tuned, "
        f"{summary['planned_rule_us'] / 1e3:.3f} ms by rule, "
        f"{summary['planned_floor_us'] / 1e3:.3f} ms of multiply-adds at the core's peak",
    ]
    if summary["fallbacks"]:
        lines.append(
            f"fallback  {summary['searched']} of {summary['fallbacks']} kernels of TVM's searched, "
            f"{summary['by_metaschedule']} faster by MetaSchedule than by rule: "
            f"{summary['fallbacks_best_us'] / 1e3:.3f} ms, by rule "
            f"{summary['fallbacks_rule_us'] / 1e3:.3f} ms"
        )
    return "\n".join(lines)
