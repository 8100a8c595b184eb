"""Pictures of networks: what is drawn, and the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command import mnv3gen

from mnv3gen.report.blocks import blocks_of
from mnv3gen.tables.zoo import resolve


def test_blocks() -> None:
    """Of table 1: the first row and the last bneck, whose figures the paper's columns say."""
    blocks = blocks_of(resolve("mobilenet_v3_large"))
    first, last = blocks[0], blocks[15]
    assert (first.label, first.size, first.out, first.stride) == ("conv2d", "112x112", 16, 2)
    assert (last.expansion, last.out, last.size, last.squeezed) == (960, 160, "7x7", True)
    assert first.madds == 112 * 112 * 16 * 27
    assert sum(block.share for block in blocks) == pytest.approx(1)


def test_command(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "v3.svg"
    assert mnv3gen("describe", "mobilenet_v3_small", "--plot", path).code == 0
    assert path.read_text().rstrip().endswith("</svg>")
    for wrong, said in (("v3.gif", "no picture"), ("none/v3.svg", "no such folder")):
        mnv3gen("describe", "mobilenet_v3_small", "--plot", tmp_path / wrong).refused(said)
