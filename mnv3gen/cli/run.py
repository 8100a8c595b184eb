"""`mnv3gen run`: a bundle on a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.options import executor_option, json_option
from mnv3gen.errors import InputError

if TYPE_CHECKING:
    from mnv3gen.execute import Execution
    from mnv3gen.results import Result

EPILOG = """\b
IMAGE is a JPEG, PNG or .npy file: a picture of any size (uint8, h x w x 3), or the network's
input itself (float32, h x w x 3).

\b
Examples:
  mnv3gen run out/ photo.jpg --top 5
  mnv3gen run out/ photo.jpg --json
  mnv3gen run out/ photo.jpg -o outputs.npz
  mnv3gen run out/ photo.jpg --executor qemu
  mnv3gen run detector/ street.jpg --threshold 0.3 -o boxes.png
  mnv3gen run segmentation/ street.jpg -o overlay.png
"""


@click.command(epilog=EPILOG)
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--top", default=5, show_default=True, type=click.IntRange(min=1), help="Classes.")
@click.option(
    "--threshold",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Score that detections exceed.",
)
@click.option("--labels", type=click.Path(path_type=Path), help="Class names, one a line.")
@executor_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write raw outputs (.npz), or the picture with boxes or an overlay (.png, .jpg).",
)
@json_option
def command(
    bundle: Path,
    image: Path,
    top: int,
    threshold: float,
    labels: Path | None,
    executor: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Run a bundle on a picture, on this machine or emulated.

    Prints the best classes, the detections (label, score, box x0 y0 x1 y1 in pixels of the upright
    picture), or the classes of a segmentation with their shares.
    """
    from mnv3gen.cli.progress import phases
    from mnv3gen.compile.bundle import read_bundle
    from mnv3gen.images import load_labels, load_with_picture
    from mnv3gen.results import Reading, check_output, classes_of, read_result, save
    from mnv3gen.run import run_bundle

    opened = read_bundle(bundle)
    manifest = opened.manifest
    if output is not None:
        check_output(manifest, output)
    names = () if labels is None else load_labels(labels, classes_of(manifest))
    _, height, width, channels = manifest.input.shape
    shape, preprocess = (height, width, channels), manifest.input.preprocess
    data, picture = load_with_picture(image, shape, preprocess)
    if picture is None and output is not None and output.suffix.lower() != ".npz":
        raise InputError(
            "an input tensor, on which nothing can be drawn",
            place=str(image),
            expected="a picture, or an --output of .npz",
        )
    with phases() as observe:
        observe(f"run {manifest.name}")
        execution, outputs = run_bundle(opened, data, executor)
    size = None if picture is None else picture.size
    result = read_result(manifest, outputs, size, Reading(names, top, threshold))
    if output is not None:
        save(output, outputs, result, picture)
    if as_json:
        raw = [value.tolist() for value in outputs.values()] if output is None else str(output)
        click.echo(json.dumps({"outputs": raw, **_as_dictionary(execution, result)}))
    else:
        _print(execution, result, output)


def _as_dictionary(execution: Execution, result: Result) -> dict[str, Any]:
    from dataclasses import asdict

    from mnv3gen.results import Classes, Detections

    fields: dict[str, Any] = {
        "top": [],
        "seconds": execution.seconds,
        "executor": execution.executor,
    }
    match result:
        case Classes(top):
            fields["top"] = [asdict(each) for each in top]
        case Detections(found):
            fields["detections"] = [asdict(each) for each in found]
        case _:
            fields["classes"] = [asdict(each) for each in result.shares]
    return fields


def _lines(result: Result) -> Iterator[str]:
    from mnv3gen.results import Classes, Detections

    match result:
        case Classes(top):
            yield from (_share(each.score, each.label) for each in top)
        case Detections(found):
            for each in found:
                box = "".join(f"{side:8.1f}" for side in each.box)
                yield f"{_share(each.score, each.label):<28}{box}"
            if not found:
                yield "no detections"
        case _:
            yield from (_share(each.share, each.label) for each in result.shares)


def _share(share: float, label: str) -> str:
    return f"{share * 100:6.2f} %  {label}"


def _print(execution: Execution, result: Result, output: Path | None) -> None:
    for line in _lines(result):
        click.echo(line)
    if output is not None:
        click.echo(f"{'outputs' if output.suffix.lower() == '.npz' else 'picture'}: {output}")
    how = "natively" if execution.executor == "native" else f"emulated by {execution.executor}"
    note = "" if execution.executor == "native" else "; says nothing of a device's speed"
    click.echo(f"{execution.seconds * 1000:.1f} ms {how}{note}")
