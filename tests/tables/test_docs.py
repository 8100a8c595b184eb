"""The examples of docs/tables.md do what the page says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from mnv3gen.tables.parse import parse
from mnv3gen.tables.shapes import label_shapes, row_shapes

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"
TEXT = PAGE.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_tables_of_the_page() -> None:
    full, short, markdown, *heads = (parse(block) for block in blocks("bneck"))
    assert full.name == "tiny"
    assert full.rows == short.rows
    assert full.rows[-1].out == 10
    assert (markdown.height, markdown.width, markdown.rows[1].squeeze) == (192, 256, 16)

    separable, detector, segmenter = heads
    assert row_shapes(separable)[-1] == ((56, 56, 32), (56, 56, 64))
    assert [label_shapes(detector)[name] for name in detector.outputs] == [
        (16, 16, 12),
        (16, 16, 63),
        (8, 8, 24),
        (8, 8, 126),
    ]
    assert row_shapes(segmenter)[-1][1] == (8, 16, 19)


def test_python_of_the_page() -> None:
    example = doctest.DocTestParser().get_doctest(
        "".join(blocks("pycon")), {}, "tables.md", str(PAGE), 0
    )
    result = doctest.DocTestRunner().run(example)
    assert result.attempted == 13
    assert result.failed == 0
