"""docs/tutorial.md, command by command, in a folder of its own."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from support.command import ROOT, Finished

PAGE = ROOT / "docs" / "tutorial.md"
NOT_RUN = ("tune",)  # minutes of measuring, which its own tests do in seconds


def commands() -> Iterator[list[str]]:
    """What the page runs with mnv3gen, in order, without the comments."""
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall("^    mnv3gen (.*)$", text, re.MULTILINE):
        words = shlex.split(line, comments=True)
        if words[0] not in NOT_RUN:
            yield words


def table() -> str:
    """The page's table: the first indented block."""
    text = PAGE.read_text(encoding="utf-8")
    block = re.search(r"\n\n((?:    .*\n|\n)+)\S", text)
    assert block is not None
    return re.sub("^    ", "", block[1], flags=re.MULTILINE)


@pytest.mark.compile
@pytest.mark.emulate
def test_every_command(
    command: Callable[..., Finished], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("digits.bneck").write_text(table(), encoding="utf-8")
    (tmp_path / "pictures").mkdir()
    for path in ("photo.png", "pictures/photo.png"):
        Image.effect_noise((200, 150), 90).convert("RGB").save(path)
    ran = []
    for words in commands():
        result = command(*words)
        assert result.code == 0, f"mnv3gen {' '.join(words)}\n{result.err}"
        ran.append((words[0], result.out))
    top = [out.splitlines()[:3] for name, out in ran if name == "run"]
    assert top[0] == top[1]
    assert "read as   a bneck table" in ran[-1][1]
    assert [name for name, _ in ran].count("compile") == 4
