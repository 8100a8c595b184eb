"""Files that cannot be written whole: nothing of them is left, and what was there stays."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.command import Finished

Command = Callable[..., Finished]
FORM = ("mobilenet_v3_small", "--width", "0.35", "--resolution", "32")
WRITERS = {
    "relay": ("export", *FORM, "--format", "relay", "-o", "out.relay"),
    "onnx": ("export", *FORM, "--format", "onnx", "-o", "out.onnx"),
    "safetensors": ("export", *FORM, "--format", "safetensors", "-o", "out.safetensors"),
    "saved-table": ("export", *FORM, "--format", "saved-table", "-o", "out.bneck"),
    "plot": ("describe", *FORM, "--plot", "out.svg"),
}


def full(self: Path, *_arguments: Any, **_options: Any) -> int:
    """A disk that takes a few bytes and then no more."""
    with self.open("wb") as file:
        file.write(b"half")
    raise OSError(errno.ENOSPC, "No space left on device", str(self))


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("fault", ["full disk", "no rename", "Ctrl-C"])
def test_nothing_half_written(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, fault: str
) -> None:
    if name == "plot":
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    words = WRITERS[name]
    before = tmp_path / words[-1]
    before.write_bytes(b"an earlier file")

    def fail(*_arguments: Any, **_options: Any) -> None:
        if fault == "Ctrl-C":
            raise KeyboardInterrupt
        raise OSError(errno.EACCES, "Permission denied", "out")

    if fault == "full disk" and name != "plot":
        monkeypatch.setattr(Path, "write_bytes", full)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    result = command(*words)
    monkeypatch.undo()
    assert result.code == (130 if fault == "Ctrl-C" else 1)
    assert "Traceback" not in result.err
    assert [path.name for path in tmp_path.iterdir()] == [words[-1]]
    assert before.read_bytes() == b"an earlier file"
