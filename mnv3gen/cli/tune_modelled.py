"""`mnv3gen tune --device modelled`: the search by modelled cycles, for a core that is not here."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.damage import warn_of_damage
from mnv3gen.errors import InputError

if TYPE_CHECKING:
    from mnv3gen.compile.modelled import ModelledRecord
    from mnv3gen.cycles.search import ModelledSearch
    from mnv3gen.graph.model import Model
    from mnv3gen.tables.network import Network
    from mnv3gen.targets import Target


def tune_modelled(
    networks: Sequence[Network | Model],
    target: Target,
    int8: bool,
    minutes: float,
    seed: int,
    commit: bool,
    restart: bool,
    as_json: bool,
) -> None:
    """Search, keep the records in the user's log, and write the committed one if asked."""
    from mnv3gen.compile.tuned import own_folder
    from mnv3gen.cycles.core import model_of
    from mnv3gen.cycles.search import TRIALS, ModelledSearch, ModelledTrial, log_of, write_records
    from mnv3gen.journal import Journal
    from mnv3gen.tune.logs import committed_folder
    from mnv3gen.tune.tasks import listed

    if target.architecture != "aarch64":
        raise InputError(
            "kernels are modelled by emulating aarch64",
            place="--target",
            found=f"{target.name} ({target.architecture})",
            expected="a target for aarch64, such as rpi4",
        )
    model = model_of(target)
    trials = own_folder() / target.name / TRIALS
    if restart and trials.is_file():
        trials.replace(trials.with_name(f"{trials.name}.before"))
    journal = Journal(trials, ModelledTrial)
    warn_of_damage(journal)
    interrupted = False
    with tempfile.TemporaryDirectory(prefix="mnv3gen-tune-") as folder, _shown() as observe:
        search = ModelledSearch(
            networks=[listed(network, target, int8) for network in networks],
            target=target,
            model=model,
            journal=journal,
            folder=Path(folder),
            integers=int8,
            seed=seed,
            observe=observe,
        )
        try:
            search.run(minutes)
        except KeyboardInterrupt:
            interrupted = True
    records = search.records()
    for logs in [own_folder()] + ([committed_folder()] if commit else []):
        write_records(log_of(logs, target), records)
    summary = _summary(search, records)
    click.echo(json.dumps(summary, indent=1) if as_json else _text(summary))
    if interrupted:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _shown() -> Iterator[Callable[[int, int, str], None]]:
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda trials, tasks, kernel: None
        return
    with console.status("starting") as status:
        yield lambda trials, tasks, kernel: status.update(
            f"{trials} trials, {tasks} kernels known; {kernel[:60]}"
        )


def _summary(search: ModelledSearch, records: Sequence[ModelledRecord]) -> dict[str, Any]:
    planned = [
        (record, calls)
        for record in records
        if (calls := search.calls[record.kernel, record.schedule])
    ]
    return {
        "core": search.model.name,
        "kernels": len(search.tasks),
        "modelled": len(records),
        "trials": search.trials,
        "improved": sum(record.cycles < record.rule_cycles for record in records),
        "planned_rule_cycles": sum(record.rule_cycles * calls for record, calls in planned),
        "planned_best_cycles": sum(record.cycles * calls for record, calls in planned),
    }


def _text(summary: dict[str, Any]) -> str:
    return (
        f"kernels   {summary['modelled']} of {summary['kernels']} modelled on a "
        f"{summary['core']}, {summary['improved']} better than by rule; "
        f"{summary['trials']} new trials\n"
        f"planned   {summary['planned_best_cycles'] / 1e6:.3f} M modelled cycles, "
        f"{summary['planned_rule_cycles'] / 1e6:.3f} M by rule"
    )
