"""`mnv3gen train`: a network from pictures, and its weights for `compile`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.options import form_options, json_option, seed_option
from mnv3gen.cli.restarting import remove_earlier, restart_option
from mnv3gen.errors import InputError, Mnv3genError

if TYPE_CHECKING:
    from mnv3gen.quantize.statistics_file import Statistics
    from mnv3gen.tables.network import Network
    from mnv3gen.train.data.examples import Data
    from mnv3gen.train.data.scenes import SceneData
    from mnv3gen.train.recipe import Recipe
    from mnv3gen.train.request import Request
    from mnv3gen.train.session import Outcome

CALIBRATION = 256  # pictures

EPILOG = """\b
DATA is digits (scikit-learn's), fashion-mnist (Debian's package dataset-fashion-mnist),
fashion-mnist:DIR, imagefolder:DIR or npz:FILE. Nothing is downloaded.

\b
Examples:
  mnv3gen train mobilenet_v3_small --width 0.35 --resolution 32 --data digits --minutes 2
  mnv3gen train mobilenet_v3_small --width 0.5 --resolution 32 --data fashion-mnist --minutes 20
  mnv3gen train mobilenet_v3_small --data imagefolder:DIR --epochs 150 -o runs/a
  mnv3gen train mobilenet_v3_large --data imagefolder:DIR --recipe paper --batch 256 -o runs/b
  mnv3gen train my_table.bneck --data DIR --from big.safetensors --teacher big.safetensors
  mnv3gen train runs/a/network.bneck --data DIR --from runs/a/best.safetensors --int8 --epochs 5 \\
      --rate 0.0002 -o runs/q
  torchrun --nproc-per-node 2 -m mnv3gen train mobilenet_v3_small --data imagefolder:DIR

The same command goes on with a run that was killed. Then:
  mnv3gen eval runs/a/best.safetensors --data imagefolder:DIR
  mnv3gen compile runs/a/network.bneck --weights runs/a/best.safetensors --labels runs/a/labels.txt
"""


@click.command(epilog=EPILOG)
@click.argument("network")
@form_options
@click.option("--data", "spec", default="digits", show_default=True, help="See below.")
@click.option("--recipe", default="modern", show_default=True, help="A name, or a TOML file.")
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Instead of the recipe's.")
@click.option("--minutes", type=click.FloatRange(0.05), help="Train for so long instead.")
@click.option("--batch", type=click.IntRange(1, 1_000_000), help="Of all processes together.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="At the recipe's batch.")
@seed_option("Of all chance.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, or auto.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Of a CPU.  [default: torch's]")
@click.option(
    "--workers", default=2, show_default=True, type=click.IntRange(0, 256), help="Decode files."
)
@click.option(
    "--preprocess",
    type=click.Choice(["inception", "imagenet", "whole"]),
    help="How pictures become inputs, instead of the table's way.",
)
@click.option(
    "--from", "start", type=click.Path(path_type=Path), help="Weights to start from, of any size."
)
@click.option("--teacher", type=click.Path(path_type=Path), help="Weights of a run to learn from.")
@click.option(
    "--teacher-share",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Of the loss.",
)
@click.option(
    "--int8", is_flag=True, help="Learn with the int8 network's rounding; --from trained weights."
)
@restart_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The run's folder.  [default: runs/<network>]",
)
@json_option
def command(
    network: str,
    width: str | None,
    resolution: str | None,
    classes: int | None,
    variant: tuple[str, ...],
    output: Path | None,
    restart: bool,
    threads: int | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Train NETWORK, a name of the zoo or a .bneck file, on labelled pictures.

    Without --classes the network gets the classes of the data.
    """
    torch = need_torch()
    if threads is not None:
        torch.set_num_threads(threads)
    from mnv3gen.cli.training import Printer
    from mnv3gen.tables.zoo import resolve
    from mnv3gen.train.session import check, train
    from mnv3gen.train.state import STATE

    found = resolve(network, width, resolution, classes, variant)
    request = _request(found, classes, output or Path("runs") / found.name, **chosen)
    if restart:
        remove_earlier(request.folder, STATE, "run")
    check(request)
    quiet = as_json or not _first()
    if not quiet:
        _echo(request)
    with Printer(quiet) as printer:
        outcome = train(request, printer)
    if not _first():
        return
    warn_of_skipped(outcome.skipped)
    _print(outcome, as_json)


def need_torch() -> Any:
    """The module torch; Mnv3genError that says how to get it."""
    try:
        import torch
    except ImportError as error:
        raise Mnv3genError("training needs torch: pip install 'mnv3gen[train]'") from error
    return torch


def warn_of_skipped(skipped: tuple[str, ...]) -> None:
    """Say how many pictures could not be read, and name the first."""
    from mnv3gen.cli.integers import warn_of_skipped as warn

    warn(list(skipped))


def _first() -> bool:
    import os

    return os.environ.get("RANK", "0") == "0"


def _request(
    network: Network,
    classes: int | None,
    folder: Path,
    *,
    spec: str,
    preprocess: str | None,
    start: Path | None,
    teacher: Path | None,
    teacher_share: float,
    minutes: float | None,
    seed: int,
    device: str,
    workers: int,
    int8: bool,
    **changes: Any,
) -> Request:
    from dataclasses import replace

    from mnv3gen.tables.scaling import with_classes
    from mnv3gen.train.data.specs import open_any
    from mnv3gen.train.request import Request
    from mnv3gen.train.starting import load_teacher

    data = open_any(spec, (network.height, network.width))
    recipe = recipe_of(data.mirrored, **changes)
    if classes is None:
        network = with_classes(network, len(data.names))
    if preprocess is not None:
        conventions = replace(network.conventions, preprocess=preprocess)
        network = replace(network, conventions=conventions)
    weights = _started(start, network, seed)
    return Request(
        network=network,
        data=data,
        spec=spec,
        recipe=recipe,
        folder=folder,
        seed=seed,
        minutes=minutes,
        device=device,
        weights=weights,
        integers=_ranges(network, weights, data) if int8 else None,
        teacher=None if teacher is None else load_teacher(teacher, network, teacher_share),
        workers=workers,
    )


def _started(path: Path | None, network: Network, seed: int) -> Any:
    """The weights to start from, and a word on how well they fit."""
    from mnv3gen.train.starting import starting_weights

    if path is None:
        return None
    start = starting_weights(path, network, seed)
    if _first():
        click.echo(
            f"from      {path.name}: {start.whole} parameters whole, {start.cut} cut or widened, "
            f"{start.fresh} initialized",
            err=True,
        )
    return start.weights


def _ranges(network: Network, weights: Any, data: Data | SceneData) -> Statistics:
    """The ranges of the int8 network; InputError without weights to measure them with."""
    from mnv3gen.cli.progress import counted
    from mnv3gen.train.data.scenes import SceneData
    from mnv3gen.train.integers.ranges import measured

    if weights is None or isinstance(data, SceneData):
        raise InputError(
            "int8 rounding is learned by a classifier that is trained already",
            place="--int8",
            expected="--int8 --from FILE",
        )
    with counted("calibrate", CALIBRATION) as advance:
        return measured(network, weights, data.train, CALIBRATION, advance)


def recipe_of(
    mirrored: bool, recipe: str, epochs: int | None, batch: int | None, rate: float | None
) -> Recipe:
    """The recipe with what the command line changes of it."""
    import msgspec

    from mnv3gen.train.recipe import load_recipe

    loaded = load_recipe(recipe)
    changes = {"epochs": epochs, "batch": batch}
    loaded = msgspec.structs.replace(
        loaded, **{name: value for name, value in changes.items() if value is not None}
    )
    if not mirrored:
        augment = msgspec.structs.replace(loaded.augment, flip=False)
        loaded = msgspec.structs.replace(loaded, augment=augment)
    if rate is None:
        return loaded
    optimizer = msgspec.structs.replace(loaded.optimizer, rate=rate)
    return msgspec.structs.replace(loaded, optimizer=optimizer)


def _echo(request: Request) -> None:
    """Every resolved argument, before the work starts."""
    from mnv3gen.graph.count import count
    from mnv3gen.graph.expand import expand

    network, recipe, data = request.network, request.recipe, request.data
    counted = count(expand(network))
    length = f"{recipe.epochs} epochs" if request.minutes is None else f"{request.minutes:g} min"
    optimizer = recipe.optimizer
    rate = optimizer.rate * recipe.batch / optimizer.rate_for_batch
    lines = {
        "network": f"{network.name}, {network.height}x{network.width}x{network.channels}, "
        f"{network.classes} classes; {counted.params:,} parameters, {counted.madds:,} madds",
        "data": f"{request.spec}: {len(data.train):,} pictures, {len(data.held_out):,} held out, "
        f"{network.conventions.preprocess} preprocessing",
        "recipe": f"{length}, batch {recipe.batch}, {optimizer.name} at {rate:g}, "
        f"{recipe.schedule.name}, {recipe.augment.crop} crops, seed {request.seed}",
        "start": "random weights" if request.weights is None else "given weights",
        "output": f"{request.folder}/",
    }
    if request.teacher is not None:
        lines["teacher"] = (
            f"{request.teacher.network.name}, {request.teacher.share:.0%} of the loss"
        )
    for label, text in lines.items():
        click.echo(f"{label:10s}{text}")


def _print(outcome: Outcome, as_json: bool) -> None:
    from mnv3gen.train.folder import BEST

    last = outcome.rows[-1]
    summary = {
        "folder": str(outcome.folder),
        "weights": str(outcome.folder / BEST),
        "epochs": last.epoch,
        "best_accuracy": outcome.best,
        "last_accuracy": last.accuracy,
        "seconds": round(outcome.seconds, 1),
        "skipped": len(outcome.skipped),
    }
    if as_json:
        click.echo(json.dumps(summary, indent=1))
        return
    click.echo(
        f"accuracy  best {outcome.best:.2%}, last {last.accuracy:.2%}, "
        f"{last.epoch} epochs in {outcome.seconds:.0f} s"
    )
    click.echo(f"weights   {outcome.folder / BEST}")
