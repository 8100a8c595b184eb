"""The paper's networks on a device, beside its milliseconds."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from support.command import mnv3gen

from mnv3gen.cycles.measured import (
    FILE,
    Measured,
    key_of,
    measure_cells,
    read_measured,
    write_measured,
)
from mnv3gen.cycles.published_latency import Cell, cells
from mnv3gen.devices.device import find_device
from mnv3gen.errors import InputError
from mnv3gen.measure.session import Session

SMALL = "mobilenet_v3_small 1.0 - - float32 /1"
SMALLEST = Cell(3, "smallest", "P-1", "mobilenet_v3_small", "0.35", "96", (), None, 5.0)


def row(key: str, noisy: bool = False) -> Measured:
    return Measured(
        key=key,
        median_ms=1.25,
        spread=0.02,
        noisy=noisy,
        target="host",
        version="0",
        date="2026-11-25",
    )


def test_a_key_is_of_every_phone() -> None:
    keys = {key_of(cell) for cell in cells([3]) if cell.row == "V3-Small 1.0"}
    assert keys == {SMALL}
    assert key_of(cells([7])[0]).startswith("raspp_mobilenet_v2 1.0 512x1024")
    assert key_of(cells([7])[0]).endswith("/1")  # measured whole, though modelled in parts


@pytest.mark.parametrize(("noisy", "shown"), [(False, " 1.25"), (True, "noisy 1.25")])
def test_the_report_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noisy: bool, shown: str
) -> None:
    monkeypatch.setenv("MNV3GEN_RECORDS", str(tmp_path))
    write_measured(tmp_path / "local" / FILE, {SMALL: row(SMALL, noisy)})
    lines = mnv3gen("report", "paper", "--table", "3").out.splitlines()
    (line,) = [it for it in lines if it.startswith("V3-Small 1.0")][:1]
    assert line.endswith(shown)
    (other,) = [it for it in lines if it.startswith("V2 1.0")][:1]
    assert other.endswith(" -")
    column = mnv3gen("report", "paper", "--table", "3", "--json").json[0]
    found = {each["row"]: each["measured_ms"] for each in column["rows"]}
    assert (found["V3-Small 1.0"], found["V2 1.0"]) == (1.25, None)


def test_a_damaged_line_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNV3GEN_RECORDS", str(tmp_path))
    path = tmp_path / "local" / FILE
    path.parent.mkdir()
    path.write_bytes(msgspec.json.encode(row(SMALL)) + b"\n{}\n")
    result = mnv3gen("report", "paper", "--table", "3")
    assert result.code == 2
    assert f"{path}:2" in result.err


def test_an_emulator_is_refused(tmp_path: Path) -> None:
    session = Session(find_device("emulator"))
    with pytest.raises(InputError, match="an emulator takes no times"):
        measure_cells([SMALLEST], session, tmp_path / FILE, print)


@pytest.mark.compile
def test_one_is_measured_here(tmp_path: Path) -> None:
    session = Session(find_device("local"))
    try:
        measure_cells([SMALLEST, SMALLEST], session, tmp_path / FILE, print)
    finally:
        session.close()
    (measured,) = read_measured(tmp_path / FILE).values()
    assert measured.key == "mobilenet_v3_small 0.35 96 - float32 /1"
    assert measured.target == "host"
    assert 0 < measured.median_ms < 1e4
