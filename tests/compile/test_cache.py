"""The cache of bundles: what is found in it, what is not, and what spoils it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.compiled import request_for, tiny

from mnv3gen.compile import cache
from mnv3gen.compile.bundle import read_bundle
from mnv3gen.compile.pipeline import Result, compile_network
from mnv3gen.tables.scaling import with_classes
from mnv3gen.targets import load

REQUEST = request_for(tiny())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("MNV3GEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.compile
def test_the_second_bundle_is_the_first(folder: Path, tmp_path: Path) -> None:
    first = compile_network(REQUEST, tmp_path / "first")
    second = compile_network(REQUEST, tmp_path / "deeper" / "second")
    assert (first.cached, second.cached) == (False, True)
    assert contents(first) == contents(second)
    assert read_bundle(tmp_path / "deeper" / "second").manifest == first.bundle.manifest
    assert entries(folder) == [REQUEST.key]


@pytest.mark.compile
@pytest.mark.parametrize("damage", ["cut", "manifest", "missing"])
def test_a_damaged_entry_is_made_anew(folder: Path, tmp_path: Path, damage: str) -> None:
    first = compile_network(REQUEST, tmp_path / "first")
    entry = folder / REQUEST.key
    match damage:
        case "cut":
            os.truncate(entry / "libtiny.so", 1000)
        case "manifest":
            (entry / "manifest.json").write_text("{}")
        case "missing":
            (entry / "benchmark").unlink()
    again = compile_network(REQUEST, tmp_path / "second")
    assert not again.cached
    assert contents(again) == contents(first)
    assert compile_network(REQUEST, tmp_path / "third").cached


def test_whatever_changes_the_bundle_changes_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_weights = request_for(tiny(), seed=1).weights
    target = REQUEST.target
    others = [
        replace(REQUEST, weights=other_weights),
        replace(REQUEST, weights_source="w.safetensors"),
        replace(REQUEST, target=load("arm_cpu")),
        replace(REQUEST, labels=tuple("abcdefghij")),
        replace(REQUEST, verify=not REQUEST.verify),
        replace(REQUEST, storage="fp16"),
        replace(REQUEST, storage="fp16-all"),
        request_for(with_classes(tiny(), 11)),
    ]
    keys = {request.key for request in others}
    assert len(keys) == len(others)
    assert REQUEST.key not in keys
    assert request_for(tiny()).key == REQUEST.key
    before = replace(REQUEST, target=target).key
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "mine.py").write_text("VERSION = 1\n")
    monkeypatch.setenv("MNV3GEN_PATH", str(tmp_path))
    assert REQUEST.key != before


@pytest.mark.compile
def test_the_oldest_entries_make_room(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What was tuned may lie beside the bundles, and is not theirs to remove.
    for days, name in enumerate(("used-today", "used-yesterday", "used-long-ago", "tuning")):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_bytes(bytes(1000))
        os.utime(folder / name, (1e9 - 86400 * days,) * 2)
    monkeypatch.setattr(cache, "LIMIT_BYTES", size_of_a_bundle(tmp_path) + 1500)
    compile_network(REQUEST, tmp_path / "bundle")
    assert entries(folder) == sorted([REQUEST.key, "tuning", "used-today"])


@pytest.mark.compile
def test_a_cache_that_cannot_be_written_is_a_warning(folder: Path, tmp_path: Path) -> None:
    folder.write_text("a file where the cache's folder should be")
    result = compile_network(REQUEST, tmp_path / "bundle")
    assert read_bundle(tmp_path / "bundle").manifest == result.bundle.manifest
    (warning,) = result.warnings
    assert warning.startswith("not cached: ")
    assert str(folder) in warning


def contents(result: Result) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in result.bundle.folder.iterdir()}


def size_of_a_bundle(folder: Path) -> int:
    result = compile_network(REQUEST, folder / "measured", use_cache=False)
    return sum(map(len, contents(result).values()))


def entries(folder: Path) -> list[str]:
    """The names of everything in a folder, hidden or not."""
    return sorted(path.name for path in folder.iterdir())
