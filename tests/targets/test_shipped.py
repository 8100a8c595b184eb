"""Every shipped file loads, and its figures are those of the public documents."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from mnv3gen import targets
from mnv3gen.errors import TargetError

PHONES = ("pixel1", "pixel2", "pixel3")
SHIPPED = (
    *("arm_cpu", "armv7", "host", "rpi3", "rpi4", "rpi5", *PHONES),
    *(f"{phone}-android" for phone in PHONES),
    *(f"cortex-a{number}" for number in (53, 55, 72, 73, 75, 76)),
)


@pytest.mark.parametrize("name", SHIPPED)
def test_loads_under_its_name(name: str) -> None:
    target = targets.load(name)
    assert target.name == name
    assert target.description
    assert target.sources


def test_names_are_the_files() -> None:
    assert set(SHIPPED) <= set(targets.names())
    assert targets.DEFAULT == "arm_cpu"
    assert {target.name for target in targets.all_targets()} == set(targets.names())


# CPU, MHz, L1d, L2 and L3 in KiB, as the boards' and phones' makers give them.
FIGURES = {
    "rpi3": ("cortex-a53", 1200, 32, 512, 0),
    "rpi4": ("cortex-a72", 1500, 32, 1024, 0),
    "rpi5": ("cortex-a76", 2400, 64, 512, 2048),
    "pixel1": ("kryo", 2150, 24, 1024, 0),
    "pixel2": ("cortex-a73", 2350, 64, 2048, 0),
    "pixel3": ("cortex-a75", 2800, 64, 256, 2048),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures(name: str) -> None:
    target = targets.load(name)
    core = target.core
    figures = (target.llvm.cpu, core.clock_mhz, core.l1d_kib, core.l2_kib, core.l3_kib)
    assert figures == FIGURES[name]
    assert (core.vector_bits, core.vector_registers) == (128, 32)


def test_only_cores_with_the_dot_product_list_it() -> None:
    with_dot = {t.name for t in targets.all_targets() if "dotprod" in t.llvm.features} - {"host"}
    assert with_dot == {"rpi5", "cortex-a55", "cortex-a75", "cortex-a76"}
    assert "dotprod" not in targets.available(targets.load("pixel3"))


@pytest.mark.parametrize("phone", PHONES)
def test_android_form_differs_in_system_only(phone: str) -> None:
    linux, android = targets.load(phone), targets.load(f"{phone}-android")
    assert (android.core, android.llvm.cpu) == (linux.core, linux.llvm.cpu)
    assert (linux.link.system, linux.link.page_size) == ("linux", 65536)
    assert (android.link.system, android.link.page_size) == ("android", 16384)
    assert android.llvm.triple == "aarch64-linux-android"


def test_tvm_dict() -> None:
    assert targets.load("rpi5").tvm_dict() == {
        "kind": "llvm",
        "mtriple": "aarch64-linux-gnu",
        "mcpu": "cortex-a76",
        "mattr": ["+neon", "+fullfp16", "+dotprod"],
        "num-cores": 1,
    }
    assert targets.load("pixel3").tvm_dict()["mattr"] == ["+neon", "+fullfp16", "-dotprod"]
    armv7 = targets.load("armv7").tvm_dict()
    assert armv7["mfloat-abi"] == "hard"
    assert armv7["mattr"] == ["+neon", "+vfp3", "+use-misched"]


@pytest.mark.parametrize("name", SHIPPED)
def test_manifest_round_trip(name: str) -> None:
    target = targets.load(name)
    assert (
        targets.from_manifest(msgspec.json.decode(msgspec.json.encode(target.to_manifest())))
        == target
    )


def test_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(TargetError) as error:
        targets.load("rpi6")
    assert set(error.value.nearest) == {"rpi3", "rpi4", "rpi5"}


def test_import_knows_nothing_of_tvm() -> None:
    code = "import sys, mnv3gen.targets; sys.exit('tvm' in sys.modules or 'numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
