"""A network as a picture: a block for each row of its table, as wide as its channels.

Blocks stand above each other from input to output; a bneck is drawn with its expansion behind it.
Colours are activations, a bar on the right is the row's share of all multiply-adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

from mnv3gen.graph.count import count_rows
from mnv3gen.graph.expand import expand
from mnv3gen.profile.plot import check_plot
from mnv3gen.run import replacing_file
from mnv3gen.tables.format import operator_cell
from mnv3gen.tables.network import Network
from mnv3gen.tables.shapes import row_shapes

__all__ = ["Block", "blocks_of", "check_plot", "draw_network"]

COLOURS = {"HS": "#4c72b0", "RE": "#55a868", "R6": "#8172b2", "SG": "#c44e52", "": "#9aa0a6"}
MEANINGS = {"HS": "h-swish", "RE": "ReLU", "R6": "ReLU6", "SG": "sigmoid", "": "linear"}
WIDTH, ROW = 10.0, 0.34  # inches
LEFT, RIGHT, BAR = 0.30, 0.72, 0.20  # of the width: the blocks' region, and the longest bar


@dataclass(frozen=True)
class Block:
    """A row: widths in channels, `share` its part of all multiply-adds."""

    label: str
    size: str
    nonlinearity: str
    out: int
    expansion: int
    stride: int
    squeezed: bool
    madds: int
    share: float


def blocks_of(network: Network) -> tuple[Block, ...]:
    """The rows of a table as blocks."""
    counts = count_rows(expand(network), len(network.rows))
    total = max(sum(each.madds for each in counts), 1)
    return tuple(
        Block(
            label=operator_cell(row, before),
            size=f"{after[0]}x{after[1]}",
            nonlinearity=row.nonlinearity,
            out=after[2],
            expansion=row.expansion,
            stride=row.stride,
            squeezed=row.squeeze > 0,
            madds=each.madds,
            share=each.madds / total,
        )
        for row, (before, after), each in zip(
            network.rows, row_shapes(network), counts, strict=True
        )
    )


def draw_network(network: Network, path: Path) -> None:
    """Write the picture, whole or not at all; needs matplotlib."""
    from matplotlib.figure import Figure

    blocks = blocks_of(network)
    figure = Figure(figsize=(WIDTH, ROW * (len(blocks) + 3)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(len(blocks) + 1.2, -1)
    widest = max(max(block.out, block.expansion) for block in blocks)
    largest = max(block.share for block in blocks)
    for number, block in enumerate(blocks):
        _block(axes, number, block, widest, largest)
    title = f"{network.name}, {network.height}x{network.width}x{network.channels}"
    axes.set_title(f"{title}: {sum(block.madds for block in blocks) / 1e6:,.1f} M multiply-adds")
    _legend(axes, {block.nonlinearity for block in blocks})
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=120)


def _block(axes: Any, number: int, block: Block, widest: int, largest: float) -> None:
    from matplotlib.patches import Rectangle

    colour, middle = COLOURS[block.nonlinearity], (LEFT + RIGHT) / 2
    for channels, alpha in ((block.expansion, 0.3), (block.out, 1.0)):
        width = (RIGHT - LEFT) * log2(1 + channels) / log2(1 + widest)
        box = (middle - width / 2, number - 0.36)
        axes.add_patch(Rectangle(box, width, 0.72, color=colour, alpha=alpha, linewidth=0))
    notes = [f"{block.out}"]
    notes += [f"exp {block.expansion}"] if block.expansion else []
    notes += ["SE"] if block.squeezed else []
    notes += [f"s{block.stride}"] if block.stride > 1 else []
    text = {"va": "center", "fontsize": 8}
    axes.text(middle, number, " · ".join(notes), ha="center", color="white", **text)
    axes.text(0.01, number, block.label, **text)
    axes.text(LEFT - 0.02, number, block.size, ha="right", color="#555555", **text)
    length = BAR * block.share / largest if largest else 0
    axes.add_patch(Rectangle((RIGHT + 0.02, number - 0.2), length, 0.4, color="#dd8452"))
    cost = f"{block.madds / 1e6:.1f} M" if block.madds else ""
    axes.text(RIGHT + 0.03 + length, number, cost, **text)


def _legend(axes: Any, used: set[str]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=COLOURS[key], label=MEANINGS[key]) for key in COLOURS if key in used]
    handles.append(Patch(color="#dd8452", label="multiply-adds"))
    axes.legend(handles=handles, loc="lower center", ncols=len(handles), frameon=False, fontsize=8)
