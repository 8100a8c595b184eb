"""`mnv3gen export`: a network as files that other tools read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from mnv3gen.cli.integers import chosen_integers, integer_options
from mnv3gen.cli.options import json_option, network_options
from mnv3gen.tables.network import Network

FORMATS = ("relay", "onnx", "safetensors", "saved-table")  # of mnv3gen.export, without NumPy
LAYOUTS = ("NCHW", "NHWC")

EPILOG = """\b
Formats:
  relay        text of version 0.0.5 (TVM 0.8 to 0.19); the parameters go into FILE's .params
  onnx         standard operators, opset 17; with --int8 float operators between QDQ pairs
  safetensors  the weights by the graph's names, which torch and NumPy programs read
  saved-table  the bneck table with everything that --width and its like have changed

\b
Examples:
  mnv3gen export mobilenet_v3_large --format relay -o v3.relay
  mnv3gen export mobilenet_v3_small --weights w.safetensors --format onnx -o v3.onnx
  mnv3gen export mobilenet_v3_small --format onnx --int8 --calibration photos/ -o v3-int8.onnx
  mnv3gen export mobilenet_v3_large --width 0.75 --format saved-table -o v3_075.bneck

Without --weights they are random. docs/interchange.md says how other tools read the files.
"""


@click.command(epilog=EPILOG)
@network_options()
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="See below.")
@click.option("--weights", type=click.Path(path_type=Path), help="A safetensors file.")
@click.option("--seed", default=0, show_default=True, help="Of random weights.")
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    default="NCHW",
    show_default=True,
    help="Of the input and the outputs.",
)
@integer_options
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The file to write."
)
@json_option
def command(
    network: Network,
    form: Any,
    weights: Path | None,
    seed: int,
    layout: Any,
    output: Path,
    as_json: bool,
    **integer_form: Any,
) -> None:
    """Write a network as Relay, ONNX, weights or a table.

    NETWORK is a name of the zoo or a .bneck file.
    """
    from mnv3gen.cli.compile import given_weights
    from mnv3gen.export import Exported, export
    from mnv3gen.graph.expand import expand
    from mnv3gen.graph.weights import CONVENTIONS
    from mnv3gen.tables.format import format_network

    integers = chosen_integers(**integer_form)
    wanted = form != "saved-table"
    values, source = given_weights(network, weights, seed) if wanted else ({}, "none")
    quantized, ranges = (None, "") if integers is None else integers.quantized(network, values)
    conventions = {key: str(getattr(network.conventions, key)) for key in CONVENTIONS}
    metadata = {"network": network.name, "classes": str(network.classes), **conventions}
    exported = Exported(expand(network), values, format_network(network), metadata, quantized)
    files = export(exported, form, output, layout)
    sizes = {str(file): file.stat().st_size for file in files}
    if as_json:
        fields = {"format": form, "network": network.name, "weights": source, "files": sizes}
        click.echo(json.dumps(fields | ({"ranges": ranges} if ranges else {}), indent=1))
        return
    click.echo(f"network   {network.name}, {network.height}x{network.width}x{network.channels}")
    click.echo(f"weights   {f'random ({source})' if source.startswith('seed ') else source}")
    for file, size in sizes.items():
        click.echo(f"file      {file} ({size / 2**20:.2f} MiB)")
