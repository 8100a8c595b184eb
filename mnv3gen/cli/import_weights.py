"""`mnv3gen import-weights`: weights trained elsewhere to a safetensors file for a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.options import json_option, network_options
from mnv3gen.tables.network import Network

if TYPE_CHECKING:
    from mnv3gen.weights_import import Imported

SOURCES = ("auto", "torchvision", "timm", "tf", "onnx")  # of weights_import, without its imports

EPILOG = """\b
Examples:
  mnv3gen import-weights mobilenet_v3_large.pth --network mobilenet_v3_large \\
      --variant torchvision -o w.safetensors
  mnv3gen import-weights tf_mobilenetv3_large_100.safetensors --source tf \\
      --network mobilenet_v3_large -o w.safetensors
  mnv3gen import-weights my_net.onnx --network my_table.bneck --classes 10 -o w.safetensors

Tensors are matched by shape and order, not by name; docs/weights.md has the rules. Then:
`mnv3gen compile NETWORK --weights w.safetensors`, with the same options of the network.
"""


@click.command("import-weights", epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path))
@network_options(as_option=True)
@click.option(
    "--source",
    type=click.Choice(SOURCES),
    default="auto",
    show_default=True,
    help="Where the weights were trained; tf is timm's tf_ models.",
)
@click.option(
    "--drop-background",
    is_flag=True,
    help="The file's first class is the background; insist on dropping it.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The safetensors file to write.",
)
@json_option
def command(
    file: Path, network: Network, source: str, drop_background: bool, output: Path, as_json: bool
) -> None:
    """Convert weights of torchvision, timm or an ONNX file to those of a network.

    FILE is a state_dict (.pth, .pt, .safetensors, .npz) or an ONNX model. Nothing in it is run.
    """
    from mnv3gen.errors import InputError
    from mnv3gen.graph.weights import save_weights
    from mnv3gen.weights_import import import_weights

    if output.suffix != ".safetensors":
        raise InputError("weights are written as .safetensors", place="--output", found=output)
    if not output.parent.is_dir():
        raise InputError("no such folder", place="--output", found=output.parent)
    imported = import_weights(file, network, source, drop_background)
    save_weights(imported.weights, output, imported.metadata)
    for warning in imported.warnings:
        click.echo(f"mnv3gen: warning: {warning}", err=True)
    if as_json:
        click.echo(json.dumps(_as_dictionary(imported, output), indent=1))
    else:
        _print(imported, output)


def _as_dictionary(imported: Imported, output: Path) -> dict[str, Any]:
    return {
        "output": str(output),
        "source": imported.source,
        "class_offset": imported.class_offset,
        "metadata": imported.metadata,
        "tensors": len(imported.weights),
        "assigned": dict(imported.assigned),
        "notes": list(imported.notes),
        "warnings": list(imported.warnings),
    }


def _print(imported: Imported, output: Path) -> None:
    said = imported.metadata
    click.echo(f"network   {said['network']}, {said['classes']} classes")
    click.echo(
        f"source    {imported.source}: {said['padding']} padding, BN eps {said['bn_eps']}, "
        f"{said['preprocess']} pictures"
    )
    click.echo(f"matched   {len(imported.assigned)} convolutions, {len(imported.weights)} tensors")
    for note in imported.notes:
        click.echo(f"note      {note}")
    click.echo(f"weights   {output}")
