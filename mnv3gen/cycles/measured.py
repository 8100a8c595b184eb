"""The paper's networks on a device, measured: `paper.jsonl` among the records of the device."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mnv3gen import __version__
from mnv3gen.cycles.published_latency import Cell
from mnv3gen.errors import InputError

if TYPE_CHECKING:
    from mnv3gen.measure.session import Session

FILE = "paper.jsonl"
SECONDS, BLOCKS = 1.0, 4  # of a network; those of a table take turns


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Our own plan of what a cell is about, whole, on the device: the median of its runs."""

    key: str
    median_ms: float
    spread: float
    noisy: bool
    target: str
    version: str
    date: str


def key_of(cell: Cell) -> str:
    """What is measured, in words, whatever phone the cell is of."""
    return replace(cell, shrunk=1).key.rsplit(" ", 1)[0]


def read_measured(path: Path) -> dict[str, Measured]:
    """What was measured, by key. InputError names a line that is none."""
    found: dict[str, Measured] = {}
    if not path.is_file():
        return found
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            measured = msgspec.json.decode(line, type=Measured)
        except msgspec.DecodeError as error:
            raise InputError(f"not a measurement: {error}", place=f"{path}:{number}") from error
        found[measured.key] = measured
    return found


def measure_cells(
    cells: Iterable[Cell], session: Session, path: Path, observe: Callable[[str], None]
) -> None:
    """Compile and measure each network of some tables, those of a table in turns.

    A table is written down when it is done. DeviceError if the device goes, or computes wrongly;
    InputError for an emulator.
    """
    device = session.device
    if device.address.scheme == "emulator":
        raise InputError("an emulator takes no times", place=device.name, expected="a device")
    tables: dict[int, dict[str, Cell]] = {}
    seen: set[str] = set()
    for cell in cells:
        if key_of(cell) not in seen:
            seen.add(key_of(cell))
            tables.setdefault(cell.table, {})[key_of(cell)] = cell
    for own in tables.values():
        rows = _measured(own, session, observe)
        write_measured(path, {**read_measured(path), **{row.key: row for row in rows}})


def write_measured(path: Path, rows: Mapping[str, Measured]) -> None:
    """All of them, sorted, one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    lines = (msgspec.json.encode(rows[key]) + b"\n" for key in sorted(rows))
    temporary.write_bytes(b"".join(lines))
    temporary.replace(path)


def _measured(
    cells: Mapping[str, Cell], session: Session, observe: Callable[[str], None]
) -> Sequence[Measured]:
    from mnv3gen.bench.subject import compiled, quantized_by_seed
    from mnv3gen.devices.device import target_name
    from mnv3gen.measure.network import measure_networks
    from mnv3gen.measure.protocol import Protocol

    target = target_name(session.device)
    protocol = Protocol(cpu=session.device.cpu, seconds=SECONDS, blocks=BLOCKS)
    with tempfile.TemporaryDirectory(prefix="mnv3gen-") as folder:
        bundles = []
        for number, (key, cell) in enumerate(cells.items()):
            network = replace(cell, shrunk=1).resolved()
            place = Path(folder) / str(number)
            quantize = quantized_by_seed if cell.integers else None
            subject = compiled(key, network, None, 0, place, observe, quantize, target)
            bundles.append(subject.bundle)
        observe(f"{len(bundles)} networks take turns on {session.device.name}")
        records = measure_networks(session, bundles, protocol)
    return [
        Measured(
            key=key,
            median_ms=record.times["run"].median_ms,
            spread=record.times["run"].spread,
            noisy=record.noisy,
            target=target,
            version=__version__,
            date=datetime.date.today().isoformat(),
        )
        for key, record in zip(cells, records, strict=True)
    ]
