"""Linux's description of the machine that we run on: /proc/cpuinfo and sysfs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Caches(NamedTuple):
    """Data caches that one core can use, in KiB (0: none), and the line in bytes.

    The defaults are for machines that tell nothing, as many virtual ones do.
    """

    l1d_kib: int = 32
    l2_kib: int = 512
    l3_kib: int = 0
    line: int = 64


def parse_cpuinfo(text: str) -> list[dict[str, str]]:
    """Return the `key: value` lines of each processor, in order; at least one dictionary."""
    processors = []
    for block in text.strip().split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines() if ":" in line)
        processor = {key.strip(): value.strip() for key, _, value in pairs}
        # A block without a number tells of the board ("Hardware", "Model").
        if "processor" in processor:
            processors.append(processor)
    return processors or [{}]


def read_caches(folder: Path) -> Caches:
    """Read a core's caches from its `cache` folder; `Caches()` where the kernel tells none."""
    kib: dict[int, int] = {}
    line = Caches().line
    for index in sorted(folder.glob("index*")):
        if _text(index / "type") == "Instruction":
            continue
        level, size = _text(index / "level"), _text(index / "size")
        if level.isdigit() and size.endswith("K"):
            kib[int(level)] = int(size[:-1])
            line = int(_text(index / "coherency_line_size") or line)
    if 1 not in kib:
        return Caches()
    return Caches(kib[1], kib.get(2, kib[1]), kib.get(3, 0), line)


def read_clock(folder: Path) -> int | None:
    """Read a core's highest clock (MHz); None if its `cpufreq` folder does not tell it."""
    khz = _text(folder / "cpuinfo_max_freq")
    return int(khz) // 1000 if khz.isdigit() else None


def _text(path: Path) -> str:
    return path.read_text().strip() if path.is_file() else ""
