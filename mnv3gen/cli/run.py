"""`mnv3gen run`: a bundle on a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.options import json_option
from mnv3gen.errors import InputError

if TYPE_CHECKING:
    from mnv3gen.execute import Execution
    from mnv3gen.images import Ranked
    from mnv3gen.run import Outputs

EPILOG = """\b
IMAGE is a JPEG, PNG or .npy file: a picture of any size (uint8, h x w x 3), or the network's
input itself (float32, h x w x 3).

\b
Examples:
  mnv3gen run out/ photo.jpg --top 5
  mnv3gen run out/ photo.jpg --json
  mnv3gen run out/ photo.jpg -o outputs.npz
  mnv3gen run out/ photo.jpg --executor qemu
"""


@click.command(epilog=EPILOG)
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--top", default=5, show_default=True, type=click.IntRange(min=1), help="Classes.")
@click.option("--labels", type=click.Path(path_type=Path), help="Class names, one a line.")
@click.option(
    "--executor",
    default="auto",
    show_default=True,
    help="native, unicorn (emulated in process), qemu (where installed), or auto.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write raw outputs (.npz).")
@json_option
def command(
    bundle: Path,
    image: Path,
    top: int,
    labels: Path | None,
    executor: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Run a bundle on a picture, on this machine or emulated."""
    from mnv3gen.cli.progress import phases
    from mnv3gen.compile.bundle import read_bundle
    from mnv3gen.images import load_input, load_labels
    from mnv3gen.run import run_bundle, save_outputs, top_of

    if output is not None and output.suffix != ".npz":
        raise InputError("outputs are written as .npz", place="--output", found=output)
    if output is not None and not output.parent.is_dir():
        raise InputError("no such folder", place="--output", found=output.parent)
    opened = read_bundle(bundle)
    manifest = opened.manifest
    classes = (
        manifest.labels if labels is None else load_labels(labels, manifest.outputs[0].shape[-1])
    )
    _, height, width, channels = manifest.input.shape
    data = load_input(image, (height, width, channels), manifest.input.preprocess)
    with phases() as observe:
        observe(f"run {manifest.name}")
        execution, outputs = run_bundle(opened, data, executor)
    ranked = top_of(outputs, top, classes)
    if output is not None:
        save_outputs(outputs, output)
    if as_json:
        click.echo(json.dumps(_as_dictionary(execution, outputs, ranked, output)))
    else:
        _print(execution, ranked, output)


def _as_dictionary(
    execution: Execution, outputs: Outputs, ranked: list[Ranked], output: Path | None
) -> dict[str, Any]:
    raw = [value.tolist() for value in outputs.values()]
    return {
        "outputs": raw if output is None else str(output),
        "top": [{"index": each.index, "label": each.label, "score": each.score} for each in ranked],
        "seconds": execution.seconds,
        "executor": execution.executor,
    }


def _print(execution: Execution, ranked: list[Ranked], output: Path | None) -> None:
    for each in ranked:
        click.echo(f"{each.score * 100:6.2f} %  {each.label}")
    if output is not None:
        click.echo(f"outputs: {output}")
    how = "natively" if execution.executor == "native" else f"emulated by {execution.executor}"
    note = "" if execution.executor == "native" else "; says nothing of a device's speed"
    click.echo(f"{execution.seconds * 1000:.1f} ms {how}{note}")
