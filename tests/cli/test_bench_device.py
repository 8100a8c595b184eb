"""`mnv3gen bench --device`: networks on devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Finished
from support.compiled import Compiled, Compiler, tiny

from mnv3gen.measure.records import FILE, Records, records_folder

pytestmark = pytest.mark.compile
Command = Callable[..., Finished]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records and devices of the test's own."""
    (tmp_path / "devices.toml").write_text("")
    monkeypatch.setenv("MNV3GEN_RECORDS", str(tmp_path / "records"))
    monkeypatch.setenv("MNV3GEN_DEVICES", str(tmp_path / "devices.toml"))


def test_a_bundle_on_this_machine(command: Command, tiny_bundle: Compiled) -> None:
    folder = tiny_bundle.bundle.folder
    (row,) = command("bench", folder, "--device", "local", "--seconds", 0.05, "--json").json
    assert (row["device"], row["target"]) == ("local", "host")
    assert 0 < row["min_ms"] <= row["median_ms"] <= row["p90_ms"]
    assert row["runs"] >= row["protocol"]["runs"] == 20
    (record,) = Records(records_folder("local") / FILE).of_kind("network")
    assert (record.name, record.bundle) == ("tiny", tiny_bundle.bundle.manifest.sha256[:16])


def test_a_network_is_compiled_for_the_device(command: Command, table: Path) -> None:
    result = command("bench", table, "--device", "local", "--cpu", 0, "--seconds", 0.05)
    assert result.code == 0, result.err
    assert result.out.startswith(f"{table}  median ")


@pytest.mark.emulate
def test_the_emulator_checks_values_and_takes_no_times(
    command: Command, compiler: Compiler
) -> None:
    folder = compiler(tiny(), "arm_cpu").bundle.folder
    (row,) = command("bench", folder, "--device", "emulator", "--json").json
    assert row["times"] is None
    assert 0 < row["max_error"] < 1e-4
    assert not (records_folder("emulator") / FILE).exists()
    assert "an emulator takes no times" in command("bench", folder, "--device", "emulator").out


def test_it_refuses(command: Command, tiny_bundle: Compiled, compiler: Compiler) -> None:
    folder = tiny_bundle.bundle.folder
    command("bench", folder, "--device", "emulator").refused("compiled for another target")
    command("bench", folder, "--device", "pi").refused("no such device", "devices.toml")
    command("bench", folder, "--device", "ssh://a", "--width", 0.5).refused("a bundle has the form")
    command("bench", "tiny", "--device", "ssh://a").refused("unknown network")
    wrong = command("bench", folder, "--device", "local", "--against", "ncnn")
    assert wrong.code == 2 and "--device times our own code alone" in wrong.err
    assert command("bench", folder, "--target", "rpi4").code == 2
