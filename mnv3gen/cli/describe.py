"""`mnv3gen describe`: a network's table with what each row costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from mnv3gen.cli.describe_all import print_comparisons
from mnv3gen.cli.options import json_option, network_options
from mnv3gen.cli.terminal import print_table
from mnv3gen.graph.count import Count, activation_bytes, count, count_rows
from mnv3gen.graph.expand import expand
from mnv3gen.report.paper import as_dictionary as as_comparison
from mnv3gen.report.paper import compare_all, paper
from mnv3gen.tables.format import operator_cell
from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.published import published_for
from mnv3gen.tables.shapes import Shape, row_shapes

HEADINGS = ("Input", "Operator", "exp", "#out", "SE", "NL", "s", "Output", "Params", "MAdds")

EPILOG = """\b
NETWORK is a name of the zoo or a .bneck file. --all sets every row of the paper's
tables beside the zoo's networks, and says why where they differ.

\b
Examples:
  mnv3gen describe mobilenet_v3_large
  mnv3gen describe mobilenet_v3_small --width 0.75 --resolution 192
  mnv3gen describe my_table.bneck --json
  mnv3gen describe mobilenet_v3_large --plot v3.svg
  mnv3gen describe --all
"""


@click.command(epilog=EPILOG)
@network_options(optional=True)
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it (.png, .svg, .pdf).")
@click.option("--all", "every_row", is_flag=True, help="Compare with every row of the paper.")
@json_option
def command(network: Network | None, plot: Path | None, every_row: bool, as_json: bool) -> None:
    """Print a network: its table, parameters, multiply-adds, memory."""
    if every_row == (network is not None):
        raise click.UsageError("give either a NETWORK or --all")
    if plot is not None and network is not None:
        _plot(network, plot)
    if network is None:
        _compare(as_json)
    elif as_json:
        click.echo(json.dumps(as_dictionary(network), indent=1))
    else:
        _print(network)


def _plot(network: Network, path: Path) -> None:
    from mnv3gen.report.blocks import check_plot, draw_network

    check_plot(path)
    draw_network(network, path)


def _compare(as_json: bool) -> None:
    comparisons = compare_all()
    if as_json:
        click.echo(json.dumps([as_comparison(each) for each in comparisons], indent=1))
    else:
        print_comparisons(comparisons)


def as_dictionary(network: Network) -> dict[str, Any]:
    """What `--json` prints; shapes are [height, width, channels], memory is in bytes."""
    graph = expand(network)
    total = count(graph)
    published = published_for(network)
    rows = zip(network.rows, row_shapes(network), count_rows(graph, len(network.rows)), strict=True)
    return {
        "name": network.name,
        "input": [network.height, network.width, network.channels],
        "classes": network.classes,
        **_counts(total),
        "activation_bytes": activation_bytes(graph),
        "paper": None if published is None else paper(published),
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
    if (published := published_for(network)) is not None:
        click.echo(f"paper, table {published.table}: {published.said()}")


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
