"""Every error names the file and the field, and shows what would have been valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnv3gen import targets
from mnv3gen.errors import TargetError

VALID = """\
description = "A board of mine"
architecture = "aarch64"

[llvm]
triple = "aarch64-linux-gnu"
cpu = "cortex-a72"
features = ["neon"]

[core]
name = "Cortex-A72"
vector_bits = 128
vector_registers = 32
clock_mhz = 1500
cache_line = 64
l1d_kib = 32
l2_kib = 1024

[link]
zig_target = "aarch64-linux-musl"
system = "linux"
page_size = 65536

[emulation]
unicorn = "a72"
qemu = "cortex-a72"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own `targets` folder, on the search path and below the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNV3GEN_PATH", str(tmp_path))
    (tmp_path / "targets").mkdir()
    return tmp_path / "targets"


def failure(folder: Path, text: str) -> TargetError:
    (folder / "mine.toml").write_text(text)
    with pytest.raises(TargetError) as error:
        targets.load("mine")
    return error.value


def test_the_valid_file_is_valid(folder: Path) -> None:
    (folder / "mine.toml").write_text(VALID)
    assert targets.load("mine").core.l2_kib == 1024


# What is replaced in the valid file, by what, and the field that the error names.
CONTRADICTIONS = [
    ('"aarch64"\n', '"aarch46"\n', "architecture"),
    ("clock_mhz = 1500", "", "core.clock_mhz"),
    ("clock_mhz = 1500", 'clock_mhz = "fast"', "core.clock_mhz"),
    ("clock_mhz = 1500", "clock_mhz = 99", "core.clock_mhz"),
    ("clock_mhz = 1500", "clock_mhz = 6001", "core.clock_mhz"),
    ("cache_line", "cacheline", "core.cacheline"),
    ("cache_line = 64", "cache_line = 0", "core.cache_line"),
    ("cache_line = 64", "cache_line = 48", "core.cache_line"),
    ("vector_bits = 128", "vector_bits = 96", "core.vector_bits"),
    ("vector_bits = 128", "vector_bits = 256", "core.vector_bits"),
    ("vector_registers = 32", "vector_registers = 16", "core.vector_registers"),
    ("l1d_kib = 32", "l1d_kib = -32", "core.l1d_kib"),
    ("l1d_kib = 32", "l1d_kib = 2048", "core.l1d_kib"),
    ("l2_kib = 1024", "l2_kib = 1024\nl3_kib = -1", "core.l3_kib"),
    ("description", "name", "name"),
    ("aarch64-linux-gnu", "x86_64-linux-gnu", "llvm.triple"),
    ("aarch64-linux-gnu", "aarch64-linux-android", "llvm.triple"),
    ("aarch64-linux-gnu", "aarch64-none-elf", "llvm.triple"),
    ('cpu = "cortex-a72"', 'cpu = "cortex-a27"', "llvm.cpu"),
    ('["neon"]', '["neon", "dotprod"]', "llvm.features"),
    ('["neon"]', '["neon", "fullfp16"]', "llvm.features"),
    ('["neon"]', '["+neon"]', "llvm.features"),
    ('["neon"]', '["neon", "neon"]', "llvm.features"),
    ('["neon"]', "[]", "llvm.features"),
    ('["neon"]', "[1]", "llvm.features.0"),
    ("aarch64-linux-musl", "arm-linux-musleabihf", "link.zig_target"),
    ("aarch64-linux-musl", "aarch64-linux-android", "link.zig_target"),
    ('system = "linux"', 'system = "windows"', "link.system"),
    ("page_size = 65536", "page_size = 1000", "link.page_size"),
    ('unicorn = "a72"', 'unicorn = "a76"', "emulation.unicorn"),
    ("[link]", "[lnik]", "lnik"),
]


@pytest.mark.parametrize(("old", "new", "field"), CONTRADICTIONS)
def test_names_file_and_field(folder: Path, old: str, new: str, field: str) -> None:
    assert old in VALID
    error = failure(folder, VALID.replace(old, new, 1))
    assert error.place == f"targets/mine.toml: {field}"
    assert error.expected


@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a57", "cortex-a72", "cortex-a73", "kryo"])
@pytest.mark.parametrize("feature", ["dotprod", "fullfp16"])
def test_armv8_0_cores_have_no_later_feature(folder: Path, cpu: str, feature: str) -> None:
    text = VALID.replace('cpu = "cortex-a72"', f'cpu = "{cpu}"')
    error = failure(folder, text.replace('["neon"]', f'["neon", "{feature}"]'))
    assert error.problem == f"{cpu} does not have it"
    assert error.found == feature


@pytest.mark.parametrize(
    ("old", "new", "nearest"),
    [
        ("cache_line", "cacheline", "cache_line"),
        ('"aarch64"\n', '"aarch46"\n', "aarch64"),
        ('cpu = "cortex-a72"', 'cpu = "cortex-a73x"', "cortex-a73"),
        ('["neon"]', '["neon", "dotprd"]', "dotprod"),
        ("[link]", "[lnik]", "link"),
    ],
)
def test_nearest_choice(folder: Path, old: str, new: str, nearest: str) -> None:
    assert failure(folder, VALID.replace(old, new, 1)).nearest[0] == nearest


def test_syntax_error_has_line_and_column(folder: Path) -> None:
    error = failure(folder, VALID.replace('cpu = "cortex-a72"', "cpu = cortex"))
    assert error.place == "targets/mine.toml, line 6, column 7"


def test_missing_table(folder: Path) -> None:
    error = failure(folder, VALID.partition("[emulation]")[0])
    assert error.place == "targets/mine.toml: emulation"
    error = failure(folder, VALID.partition("[link]")[0])
    assert (error.place, error.expected) == ("targets/mine.toml: link", "a table [link]")


def test_generic_takes_what_the_file_lists(folder: Path) -> None:
    text = VALID.replace('cpu = "cortex-a72"', 'cpu = "generic"')
    (folder / "mine.toml").write_text(text.replace('["neon"]', '["neon", "dotprod"]'))
    assert targets.available(targets.load("mine")) == {"neon", "dotprod"}


ARMV7 = {
    "aarch64-linux-gnu": "armv7-linux-gnueabihf",
    'architecture = "aarch64"': 'architecture = "arm"',
    "cortex-a72": "cortex-a7",
    "vector_registers = 32": "vector_registers = 16",
    "aarch64-linux-musl": "arm-linux-musleabihf",
    '"a72"': '"cortex-a7"',
}


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("gnueabihf", "gnueabi", "llvm.triple"),
        ("musleabihf", "musleabi", "link.zig_target"),
        ('system = "linux"', 'system = "android"', "link.system"),
        ("vector_registers = 16", "vector_registers = 32", "core.vector_registers"),
    ],
)
def test_armv7_is_hard_float_linux(folder: Path, old: str, new: str, field: str) -> None:
    text = VALID
    for before, after in ARMV7.items():
        text = text.replace(before, after)
    (folder / "mine.toml").write_text(text)
    assert targets.load("mine").tvm_dict()["mfloat-abi"] == "hard"
    assert failure(folder, text.replace(old, new)).place == f"targets/mine.toml: {field}"


def test_base_is_found_beside_or_by_name(folder: Path) -> None:
    (folder / "board.toml").write_text(VALID)
    (folder / "mine.toml").write_text('base = "board"\n[core]\nclock_mhz = 1800\n')
    core = targets.load("mine").core
    assert (core.clock_mhz, core.l2_kib) == (1800, 1024)
    (folder / "mine.toml").write_text('base = "rpi5"\n')
    assert targets.load("mine").core == targets.load("rpi5").core


@pytest.mark.parametrize("base", ['"pixel1-android"', '"rpi55"', "3"])
def test_base_must_be_a_file_of_its_own(folder: Path, base: str) -> None:
    assert failure(folder, f"base = {base}\n").place == "targets/mine.toml: base"


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="cannot be read"):
        targets.load_file(tmp_path / "none.toml")


def test_manifest_errors_name_the_manifest() -> None:
    fields = targets.load("rpi4").to_manifest()
    fields["core"]["l1d_kib"] = 0
    with pytest.raises(TargetError) as error:
        targets.from_manifest(fields, "bundle/manifest.json")
    assert error.value.place == "bundle/manifest.json: core.l1d_kib"
