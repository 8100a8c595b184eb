"""What all tests share: a cache and bundles of the session, away from the user's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.command import Finished
from support.compiled import TINY, Compiled, Compiler, tiny

from mnv3gen.cli.main import run


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The session's cache of bundles; subprocesses inherit it."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNV3GEN_CACHE", str(folder))
        patch.setenv("MNV3GEN_RECORDS", str(folder / "records"))
        patch.delenv("MNV3GEN_PATH", raising=False)
        yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiler]:
    """Compiles networks, each once in a session; nothing may change its bundles."""
    folder = tmp_path_factory.mktemp("bundles")
    yield Compiler(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def tiny_bundle(compiler: Compiler) -> Compiled:
    """The bundle of a tiny network for this machine; nothing may change it."""
    return compiler(tiny())


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """The command line in this process: faster than another one for each test."""

    def execute(*arguments: object) -> Finished:
        capfd.readouterr()
        code = run(list(map(str, arguments)))
        out, err = capfd.readouterr()
        return Finished(code, out, err)

    return execute


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The file of a tiny table."""
    path = tmp_path / "tiny.bneck"
    path.write_text(TINY, encoding="utf-8")
    return path
