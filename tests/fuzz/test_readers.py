"""Damaged files of every kind: each is read or refused in our own words, and nothing else."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.compiled import Compiled
from support.fuzzing import Reader, damaged, readers

READERS = readers()
BOUNDED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("name", READERS)
def test_valid(tmp_path: Path, name: str) -> None:
    """The content that is damaged below is whole."""
    assert READERS[name].survives(READERS[name].content, tmp_path)


@pytest.mark.parametrize("name", READERS)
@BOUNDED
@given(seed=st.integers(0, 2**32))
def test_damaged(tmp_path: Path, name: str, seed: int) -> None:
    reader = READERS[name]
    reader.survives(damaged(reader.content, random.Random(seed)), tmp_path)


@pytest.mark.parametrize("name", READERS)
@BOUNDED
@given(content=st.binary(max_size=300))
def test_anything(tmp_path: Path, name: str, content: bytes) -> None:
    READERS[name].survives(content, tmp_path)


@pytest.mark.compile
def test_no_damaged_manifest_is_believed(tiny_bundle: Compiled, tmp_path: Path) -> None:
    """What was changed in a manifest's values is noticed by its hash."""
    content = (tiny_bundle.bundle.folder / "manifest.json").read_bytes()
    for file in tiny_bundle.bundle.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    reader: Reader = readers(content)["manifest"]
    assert reader.survives(content, tmp_path)
    for seed in range(300):
        changed = damaged(content, random.Random(seed))
        if changed.split() != content.split():
            accepted = reader.survives(changed, tmp_path)
            assert not accepted or _same(changed, content)


def _same(first: bytes, second: bytes) -> bool:
    """Whether two manifests say the same: only white space or a field's spelling differs."""
    from mnv3gen.compile.manifest import decode

    return decode(first) == decode(second)
