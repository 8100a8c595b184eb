"""Bars as a picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnv3gen.bench.plot import Bar, draw
from mnv3gen.bench.summary import summarize


@pytest.mark.parametrize(("suffix", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_picture(tmp_path: Path, suffix: str, start: bytes) -> None:
    pytest.importorskip("matplotlib")
    bars = [Bar("mnv3gen 1", summarize([1, 2, 3]), True), Bar("peer 2", summarize([4]), False)]
    path = tmp_path / f"bars.{suffix}"
    draw({"one": bars, "two": bars[:1]}, path)
    assert path.read_bytes().startswith(start)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
