"""A fault at each single write: the disk is full, or the process is killed.

`support/faults.c`, loaded before libc, fails the n-th write, copy, sync or rename below a folder.
Whatever n is, what a user named is afterwards as it was, or whole and new.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.command import Finished, finish, start
from support.compiled import TINY
from support.faults import build_faults, content_of

from mnv3gen.compile.bundle import read_bundle

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="by LD_PRELOAD")

FORM = ("--width", "0.35", "--resolution", "32")
SMALL = ("mobilenet_v3_small", *FORM)
COMMANDS: dict[str, Callable[[Path], list[object]]] = {
    "relay": lambda out: ["export", *SMALL, "--format", "relay", "-o", out / "m.relay"],
    "onnx": lambda out: ["export", *SMALL, "--format", "onnx", "-o", out / "m.onnx"],
    "safetensors": lambda out: ["export", *SMALL, "--format", "safetensors", "-o", out / "m.st"],
    "table": lambda out: ["export", *SMALL, "--format", "saved-table", "-o", out / "m.bneck"],
    "statistics": lambda out: [
        *("quantize", out.parent / "tiny.bneck", "--calibration", out.parent / "x.npz"),
        *("-o", out / "s.json", "--report", out / "s.html"),
    ],
    "bundle": lambda out: [
        *("compile", out.parent / "tiny.bneck", "--target", "host", "-o", out / "b"),
    ],
}
EVERY = "MNV3GEN_EVERY_FAULT"  # set: each event of a bundle, not every fourth


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that fails writes."""
    return build_faults(tmp_path_factory.mktemp("faults"))


@pytest.mark.compile
@pytest.mark.parametrize("kind", ["full", "kill"])
@pytest.mark.parametrize("name", COMMANDS)
def test_at_every_write(
    tmp_path: Path, faults: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    (tmp_path / "tiny.bneck").write_text(TINY)
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 20, 20, 3), np.float32))
    monkeypatch.setenv("MNV3GEN_CACHE", str(tmp_path / "cache"))
    _run(name, _folder(tmp_path / "first"), faults)  # what is compiled is in the cache from now on
    out = _folder(tmp_path / "out")
    assert _run(name, out, faults).code == 0
    new, count = content_of(out), len((tmp_path / "out.count").read_bytes())
    assert count > 1
    old = dict.fromkeys(new, b"an earlier file") if name != "bundle" else new
    for at in range(1, count + 1, 4 if name == "bundle" and not os.environ.get(EVERY) else 1):
        out = _folder(tmp_path / f"{kind}{at}", old)
        result = _run(name, out, faults, kind, at)
        found = content_of(out)
        assert found.keys() == old.keys(), (at, result.err)
        assert all(found[file] in (old[file], new[file]) for file in found), at
        assert result.code == (-9 if kind == "kill" else 1), (at, result.err)
        if kind == "full":
            assert "Traceback" not in result.err, result.err
            assert not [path for path in out.iterdir() if path.name.startswith(".")]
        if name == "bundle":
            assert read_bundle(out / "b").manifest.name == "tiny"


def _run(name: str, out: Path, faults: Path, kind: str = "full", at: int = 0) -> Finished:
    environment = {
        "LD_PRELOAD": str(faults),
        "FAULT_FOLDER": str(out),
        "FAULT_COUNT": str(out.with_suffix(".count")),
        "FAULT_AT": str(at),
        "FAULT_KIND": kind,
    }
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environment.items():
            patch.setenv(key, value)
        process = start(*COMMANDS[name](out))
    return finish(process)


def _folder(folder: Path, content: dict[str, bytes] | None = None) -> Path:
    """A folder with some files in it."""
    folder.mkdir()
    for name, data in (content or {}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.compile
def test_two_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two compilations with one empty cache, both are right and one is kept."""
    (tmp_path / "tiny.bneck").write_text(TINY)
    monkeypatch.setenv("MNV3GEN_CACHE", str(tmp_path / "cache"))
    command = ["compile", tmp_path / "tiny.bneck", "--target", "host", "-o"]
    both = [start(*command, tmp_path / name) for name in ("a", "b")]
    assert [finish(process, 400).code for process in both] == [0, 0]
    bundles = [read_bundle(tmp_path / name) for name in ("a", "b")]
    assert bundles[0].library.read_bytes() == bundles[1].library.read_bytes()
    (kept,) = (tmp_path / "cache").iterdir()
    assert read_bundle(kept).manifest == bundles[0].manifest
