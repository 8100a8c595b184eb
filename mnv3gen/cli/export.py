"""`mnv3gen export`: a network as files that other tools read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.integers import chosen_integers, integer_options, warn_of_raised
from mnv3gen.cli.options import json_option, network_options, weights_option, weights_seed_option
from mnv3gen.errors import InputError
from mnv3gen.tables.network import Network

if TYPE_CHECKING:
    from mnv3gen.export import Rounding
    from mnv3gen.graph.model import Model
    from mnv3gen.onnx_import import Imported

# Those of mnv3gen.export, without NumPy.
FORMATS = ("relay", "onnx", "torch", "safetensors", "saved-table")
LAYOUTS = ("NCHW", "NHWC")
ROUNDINGS = ("exact", "relay")

EPILOG = """\b
Formats:
  relay        text of version 0.0.5 (TVM 0.8 to 0.19); the parameters go into FILE's .params;
               with --int8 the network in integers, by qnn.conv2d
  onnx         standard operators, opset 17; with --int8 float operators between QDQ pairs
  torch        a Python file with the module, which needs torch alone; the weights go into FILE's
               .safetensors
  safetensors  the weights by the graph's names, which torch and NumPy programs read
  saved-table  the bneck table with everything that --width and its like have changed

\b
Examples:
  mnv3gen export mobilenet_v3_large --format relay -o v3.relay
  mnv3gen export mobilenet_v3_large --format relay --int8 --calibration photos/ -o v3-int8.relay
  mnv3gen export mobilenet_v3_small --weights w.safetensors --format onnx -o v3.onnx
  mnv3gen export mobilenet_v3_small --format onnx --int8 --calibration photos/ -o v3-int8.onnx
  mnv3gen export mobilenet_v3_small --weights w.safetensors --format torch -o v3.py
  mnv3gen export mobilenet_v3_large --width 0.75 --format saved-table -o v3_075.bneck

Without --weights they are random. docs/interchange.md says how other tools read the files.
"""


@click.command(epilog=EPILOG)
@network_options(onnx=True)
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="See below.")
@weights_option
@weights_seed_option
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    default="NCHW",
    show_default=True,
    help="Of the input and the outputs.",
)
@click.option(
    "--rounding",
    type=click.Choice(ROUNDINGS),
    help="Of int8 in Relay: as our libraries round, or by its own qnn operators."
    f"  [default: {ROUNDINGS[0]}]",
)
@integer_options
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The file to write."
)
@json_option
def command(
    network: Network | Imported,
    form: Any,
    weights: Path | None,
    seed: int,
    layout: Any,
    rounding: Rounding | None,
    output: Path,
    as_json: bool,
    **integer_form: Any,
) -> None:
    """Write a network as Relay, ONNX, torch source, weights or a table.

    NETWORK is a name of the zoo, a .bneck file or an ONNX file.
    """
    from mnv3gen.cli.given import given_network
    from mnv3gen.export import Exported, export
    from mnv3gen.graph.model import model_of

    integers = chosen_integers(**integer_form)
    if rounding and (integers is None or form != "relay"):
        expected = "--format relay --int8"
        raise InputError("an option of int8 in Relay", place="--rounding", expected=expected)
    given = given_network(network, weights, seed)
    values, source = given.weights, given.source
    model = model_of(given.network)
    if form == "saved-table" and not isinstance(given.network, Network):
        raise InputError("this network is no table", place=given.source, found=given.note)
    quantized, ranges = None, ""
    if integers is not None:
        quantized, ranges = integers.quantized(given.network, values)
        warn_of_raised(quantized)
    metadata = _metadata(given.network) | {"network": model.name, "classes": str(model.classes)}
    exported = Exported(model.graph, values, model.table, metadata, quantized)
    files = export(exported, form, output, layout, rounding or "exact")
    sizes = {str(file): file.stat().st_size for file in files}
    if as_json:
        fields = {"format": form, "network": model.name, "weights": source, "files": sizes}
        click.echo(json.dumps(fields | ({"ranges": ranges} if ranges else {}), indent=1))
        return
    click.echo(f"network   {model.name}, {'x'.join(map(str, model.graph.input_shape))}")
    if given.note:
        click.echo(f"read as   {given.note}")
    click.echo(f"weights   {f'random ({source})' if source.startswith('seed ') else source}")
    for file, size in sizes.items():
        click.echo(f"file      {file} ({size / 2**20:.2f} MiB)")


def _metadata(network: Network | Model) -> dict[str, str]:
    """What a weights file says of the conventions that it was made for."""
    from mnv3gen.graph.weights import CONVENTIONS

    if not isinstance(network, Network):
        return {"preprocess": network.preprocess}
    return {key: str(getattr(network.conventions, key)) for key in CONVENTIONS}
