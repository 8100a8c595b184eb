"""`mnv3gen describe`: a network's table with what each row costs."""

from __future__ import annotations

import json
from typing import Any

import click

from mnv3gen.cli.options import json_option, network_options
from mnv3gen.cli.terminal import print_table
from mnv3gen.graph.count import Count, activation_bytes, count, count_rows
from mnv3gen.graph.expand import expand
from mnv3gen.tables.format import operator_cell
from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.published import Published, published_for
from mnv3gen.tables.shapes import Shape, row_shapes

HEADINGS = ("Input", "Operator", "exp", "#out", "SE", "NL", "s", "Output", "Params", "MAdds")

EPILOG = """\b
NETWORK is a name of the zoo or a .bneck file.

\b
Examples:
  mnv3gen describe mobilenet_v3_large
  mnv3gen describe mobilenet_v3_small --width 0.75 --resolution 192
  mnv3gen describe my_table.bneck --json
"""


@click.command(epilog=EPILOG)
@network_options()
@json_option
def command(network: Network, as_json: bool) -> None:
    """Print a network: its table, parameters, multiply-adds, memory."""
    if as_json:
        click.echo(json.dumps(as_dictionary(network), indent=1))
    else:
        _print(network)


def as_dictionary(network: Network) -> dict[str, Any]:
    """What `--json` prints; shapes are [height, width, channels], memory is in bytes."""
    graph = expand(network)
    total = count(graph)
    paper = published_for(network)
    rows = zip(network.rows, row_shapes(network), count_rows(graph, len(network.rows)), strict=True)
    return {
        "name": network.name,
        "input": [network.height, network.width, network.channels],
        "classes": network.classes,
        **_counts(total),
        "activation_bytes": activation_bytes(graph),
        "paper": None if paper is None else _paper(paper),
        "rows": [_row(row, shapes, counts) for row, shapes, counts in rows],
    }


def _row(row: Row, shapes: tuple[Shape, Shape], counts: Count) -> dict[str, Any]:
    return {
        "operator": row.operator,
        "kernel": row.kernel,
        "expansion": row.expansion,
        "out": row.out,
        "squeeze": row.squeeze,
        "nonlinearity": row.nonlinearity,
        "stride": row.stride,
        "batch_norm": row.batch_norm,
        "input": list(shapes[0]),
        "output": list(shapes[1]),
        **_counts(counts),
    }


def _counts(counts: Count) -> dict[str, int]:
    return {
        "params": counts.params,
        "params_without_bn": counts.params_without_bn,
        "madds": counts.madds,
    }


def _paper(paper: Published) -> dict[str, Any]:
    return {
        "table": 3,
        "top1": paper.top1,
        "params_millions": paper.params,
        "madds_millions": paper.madds,
        "pixel_ms": list(paper.pixel_ms),
    }


def _print(network: Network) -> None:
    graph = expand(network)
    total = count(graph)
    conventions = network.conventions
    click.echo(
        f"{network.name}  {_by((network.height, network.width, network.channels))}, "
        f"{network.classes} classes, {conventions.padding} padding, BN eps {conventions.bn_eps:g}"
    )
    rows = zip(network.rows, row_shapes(network), count_rows(graph, len(network.rows)), strict=True)
    print_table(HEADINGS, (_cells(*row) for row in rows), right=set(HEADINGS) - {"Operator", "NL"})
    click.echo(
        f"{total.params:,} parameters ({total.params_without_bn:,} without BN), "
        f"{total.madds:,} multiply-adds, "
        f"{activation_bytes(graph) / 2**20:.2f} MiB of fp32 activations at most"
    )
    if (paper := published_for(network)) is not None:
        milliseconds = ", ".join(f"P-{i} {ms:g} ms" for i, ms in enumerate(paper.pixel_ms, 1))
        click.echo(
            f"paper, table 3: {paper.params:g}M parameters, {paper.madds:g}M multiply-adds, "
            f"top-1 {paper.top1:g} %, {milliseconds}"
        )


def _cells(row: Row, shapes: tuple[Shape, Shape], counts: Count) -> list[str]:
    def or_dash(value: int) -> str:
        return str(value) if value else "-"

    return [
        _by(shapes[0]),
        operator_cell(row, shapes[0]),
        or_dash(row.expansion),
        or_dash(row.out),
        or_dash(row.squeeze),
        row.nonlinearity or "-",
        str(row.stride),
        _by(shapes[1]),
        f"{counts.params:,}",
        f"{counts.madds:,}",
    ]


def _by(shape: Shape) -> str:
    return "x".join(map(str, shape))
