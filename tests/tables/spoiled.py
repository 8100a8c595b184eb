"""Cases of a good table with one place spoiled, and what the error must name."""

from __future__ import annotations

import pytest

from mnv3gen.errors import TableError
from mnv3gen.tables.parse import parse

Case = tuple[str, str, int, int, str, str, str, tuple[str, ...]]
"""What is replaced by what; line, column; problem, found, expected, nearest."""


def check(good: str, case: Case) -> None:
    """Spoil a good table and hold the error against the case."""
    old, new, line, column, problem, found, expected, nearest = case
    assert good.count(old) == 1, "the case must change one place"
    with pytest.raises(TableError) as caught:
        parse(good.replace(old, new), source="net.bneck")
    error = caught.value
    assert error.place == f"net.bneck:{line}:{column}"
    assert problem in error.problem
    assert found in str(error.found)
    assert expected in str(error.expected)
    assert error.nearest == nearest
