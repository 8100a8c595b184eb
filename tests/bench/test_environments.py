"""Where peers are looked for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mnv3gen.bench.environments import Absent, Environment, find_peers, need_peers, read_pythons
from mnv3gen.errors import InputError


def environment(folder: Path, **versions: str) -> Path:
    """A virtual environment that says it has these packages; gives its interpreter."""
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f"#!/bin/sh\necho '{json.dumps(versions)}'\n")
    python.chmod(0o755)
    return python


def found(pythons: dict[str, str], peer: str = "ncnn") -> Environment | Absent:
    (each,) = find_peers(pythons, [peer])
    return each


@pytest.fixture(autouse=True)
def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MNV3GEN_PEERS", raising=False)


def test_with_mnv3gen() -> None:
    each = found({}, "onnxruntime")
    assert isinstance(each, Environment)
    assert each.python == sys.executable
    assert each.version.count(".") >= 1


def test_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = environment(tmp_path / "ncnn", ncnn="1.0.7")
    monkeypatch.setenv("MNV3GEN_PEERS", str(tmp_path))
    each = found({})
    assert isinstance(each, Environment)
    assert (each.python, each.version, each.place) == (str(python), "1.0.7", str(python))


def test_the_environment_named_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment(tmp_path / "ncnn", ncnn="1.0.7")
    environment(tmp_path / "other", ncnn="1.0.8")
    monkeypatch.setenv("MNV3GEN_PEERS", str(tmp_path))
    each = found(read_pythons([f"ncnn={tmp_path / 'other'}"]))
    assert isinstance(each, Environment)
    assert each.version == "1.0.8"


def test_what_is_missing_and_how_to_install_it(tmp_path: Path) -> None:
    python = environment(tmp_path / "env", numpy="2.0")
    each = found({"ncnn": str(python)})
    assert isinstance(each, Absent)
    assert each.problem == f"{python} lacks ncnn"
    assert each.command == f"{python} -m pip install ncnn numpy"


def test_a_peer_asked_for_and_absent(tmp_path: Path) -> None:
    python = environment(tmp_path / "env")
    with pytest.raises(InputError) as caught:
        need_peers(["onnxruntime", "ncnn"], {"ncnn": str(python)})
    assert caught.value.place == "--against ncnn"
    assert caught.value.expected == f"{python} -m pip install ncnn numpy"


def test_each_peer_once() -> None:
    names = iter(["onnxruntime", "onnxruntime"])
    assert [each.peer.name for each in need_peers(names, {})] == ["onnxruntime"]


@pytest.mark.parametrize(
    ("text", "found", "nearest"),
    [
        ("ncn=python", "ncn", ("ncnn", "mnn")),
        ("ncnn=missing/python", "ncnn=missing/python", ()),
        ("ncnn", "ncnn", ()),
    ],
)
def test_environments_that_are_none(text: str, found: str, nearest: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        read_pythons([text])
    assert (caught.value.place, caught.value.found) == ("--peer-env", found)
    assert caught.value.nearest == nearest


def test_an_interpreter_that_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("not a program")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(InputError, match="not a Python that runs"):
        found(read_pythons([f"ncnn={tmp_path / 'python'}"]))
