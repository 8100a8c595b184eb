"""A device's table as a folder of its own, to be copied and read elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

from mnv3gen.errors import InputError
from mnv3gen.measure.model import MODEL
from mnv3gen.measure.records import FILE, Records
from mnv3gen.measure.table import PLANS
from mnv3gen.run import replacing_file

KERNELS = "kernels.tsv"
FILES = (FILE, PLANS, MODEL, KERNELS)


def write(source: Path, folder: Path) -> None:
    """Write the records and plans of a device, and its kernels as a table for people.

    InputError if the folder holds something else.
    """
    if folder.exists() and (
        not folder.is_dir() or not all(_is_ours(it.name) for it in folder.iterdir())
    ):
        raise InputError(
            "will not write among other files",
            place=str(folder),
            expected="a new folder, or a table",
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name in (FILE, PLANS, MODEL):
        if (source / name).is_file():
            with replacing_file(folder / name) as temporary:
                shutil.copy(source / name, temporary)
    with replacing_file(folder / KERNELS) as temporary:
        temporary.write_text(_table(source / FILE), encoding="utf-8")


def _is_ours(name: str) -> bool:
    """A file of a table, or what is left of one where the process was killed."""
    return name in FILES or any(name.startswith(f".{own}.") for own in FILES)


def _table(path: Path) -> str:
    lines = ["cold_ms\tnear_ms\tspread\tnoisy\tschedule\tkernel"]
    records = Records(path).of_kind("kernel")
    for record in sorted(records, key=lambda it: (it.name, it.bundle)):
        cold = record.times["cold"]
        near = record.times.get("near", cold)
        cells = [f"{cold.median_ms:.6f}", f"{near.median_ms:.6f}", f"{cold.spread:.3f}"]
        cells += [str(int(record.noisy)), record.schedule, record.name]
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"
