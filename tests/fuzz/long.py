"""Damage files, many of them: python tests/fuzz/long.py [FILES] [SEED] [READER ...]

FILES are those of all readers together, each of which gets its share. With atheris installed half
of them are its own: it is guided by which lines of ours a file reaches; the others are damaged
blindly. Prints for each reader how many files were read, how many refused, and the slowest. A
reader stops at its first fault (a crash, a reader that does not come back, a file that is accepted
and cannot be worked with), and leaves the file that caused it, `fault-<reader>`, in the current
folder.
"""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

BUNDLE = "MNV3GEN_FUZZ_BUNDLE"  # a bundle, whose manifest is damaged too
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


class Count:
    """What became of the files of a reader."""

    def __init__(self, name: str, reader: Any, folder: Path) -> None:
        self.name, self.reader, self.folder = name, reader, folder
        self.read = self.refused = 0
        self.slowest = 0.0

    def try_(self, content: bytes) -> None:
        """Read one; the file is left in the current folder if that is a fault."""
        start = time.monotonic()
        try:
            accepted = self.reader.survives(content, self.folder)
        except BaseException:
            Path(f"fault-{self.name.replace(' ', '-')}").write_bytes(content)
            print(f"{self.name}: a fault after {self.read + self.refused} files", flush=True)
            raise
        self.read += accepted
        self.refused += not accepted
        self.slowest = max(self.slowest, time.monotonic() - start)

    def show(self, how: str) -> None:
        """The line of a reader."""
        counts = f"{self.read:9d} read{self.refused:9d} refused"
        print(f"{self.name:24s}{how:8s}{counts}, slowest {self.slowest:.2f} s", flush=True)


def main(files: int, seed: int, names: list[str]) -> int:
    """Fuzz readers in turn, each in processes of its own; 1 at a fault."""
    shares = {name: reader.share for name, reader in _readers().items()}
    guided = importlib.util.find_spec("atheris") is not None
    total, stopped = 0, []
    for name in names or shares:
        count = max(2, files * shares[name] // sum(shares[it] for it in names or shares))
        parts = {"guided": count // 2, "blind": count - count // 2} if guided else {"blind": count}
        for how, number in parts.items():
            own = [sys.executable, __file__, "--one", how, name, str(number), str(seed)]
            result = subprocess.run(own, stderr=subprocess.PIPE, text=True, check=False)
            if result.returncode:
                print(f"{name}: stopped by a fault, {how}\n{_first_traceback(result.stderr)}")
                stopped.append(name)
                break
            total += number
    print(f"{total} files, {f'faults of {stopped}' if stopped else 'no fault'}")
    return int(bool(stopped))


def _first_traceback(text: str) -> str:
    """What a reader raised, without what libFuzzer says of it."""
    start = max(text.find("Uncaught Python"), text.rfind("Traceback"), 0)
    return "\n".join(text[start:].partition("\n==")[0].splitlines()[-20:])


def one(how: str, name: str, count: int, seed: int) -> None:
    """Fuzz one reader in this process, which ends then."""
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    try:
        (_guided if how == "guided" else _blind)(name, count, seed, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _blind(name: str, count: int, seed: int, folder: Path) -> None:
    from support.fuzzing import damaged

    reader, source = _opened(name, folder), random.Random(seed)
    counts = Count(name, reader, folder)
    for _ in range(count):
        counts.try_(damaged(reader.content, source))
    counts.show("blind")


def _guided(name: str, count: int, seed: int, folder: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["mnv3gen"]):
        from support.fuzzing import damaged

        reader = _opened(name, folder)
    counts = Count(name, reader, folder)
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "whole").write_bytes(reader.content)

    def test(content: bytes) -> None:
        counts.try_(content)
        if counts.read + counts.refused >= count:
            counts.show("guided")
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(0)  # libFuzzer has no other end that runs ours

    def mutate(content: bytes, largest: int, own_seed: int) -> bytes:
        source = random.Random(own_seed)
        if source.random() < 0.5:
            return damaged(content, source)[:largest]
        made: bytes = atheris.Mutate(content, largest)
        return made

    largest = f"-max_len={2 * len(reader.content) + 64}"
    arguments = [sys.argv[0], str(corpus), f"-seed={seed + 1}", largest, "-verbosity=0"]
    limits = ["-timeout=60", "-rss_limit_mb=8000", f"-artifact_prefix={folder}/"]
    atheris.Setup([*arguments, *limits], test, custom_mutator=mutate)
    atheris.Fuzz()


def _opened(name: str, folder: Path) -> Any:
    """A reader; beside a manifest lie the other files of its bundle."""
    if name == "manifest":
        for path in Path(os.environ[BUNDLE]).iterdir():
            shutil.copy(path, folder / path.name)
    return _readers()[name]


def _readers() -> dict[str, Any]:
    from support.fuzzing import readers

    bundle = os.environ.get(BUNDLE)
    return readers((Path(bundle) / "manifest.json").read_bytes() if bundle else b"")


if __name__ == "__main__":
    given = sys.argv[1:]
    if given[:1] == ["--one"]:
        one(given[1], given[2], int(given[3]), int(given[4]))
    else:
        numbers = [int(each) for each in given[:2]] + [10_000, 0][len(given[:2]) :]
        sys.exit(main(numbers[0], numbers[1], given[2:]))
