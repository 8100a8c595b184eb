"""Which executor is chosen, from what ``/proc/cpuinfo`` says of a machine."""

from __future__ import annotations

import pytest

from mnv3gen.errors import InputError
from mnv3gen.execute import Machine, choose, host

# Abridged from a Raspberry Pi 5, and from an x86-64 server.
CORTEX_A76 = """processor\t: 0
Features\t: fp asimd aes crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
processor\t: 1
Features\t: fp asimd aes crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
"""
SERVER = "flags\t\t: fpu sse4_1 sse4_2 fma avx2 abm bmi1 avx512f avx512_vnni\n"


@pytest.fixture
def raspberry(monkeypatch: pytest.MonkeyPatch) -> None:
    features = host.parse_features(CORTEX_A76, "aarch64")
    monkeypatch.setattr(host, "architecture", lambda: "aarch64")
    monkeypatch.setattr(host, "features", lambda: features)


def test_arm_names() -> None:
    features = host.parse_features(CORTEX_A76, "aarch64")
    assert {"dotprod", "fullfp16", "rdm", "lse", "neon"} <= features
    assert not {"i8mm", "bf16", "sve"} & features


def test_x86_names() -> None:
    expected = {"fpu", "sse4.1", "sse4.2", "fma", "avx2", "lzcnt", "bmi", "avx512f", "avx512vnni"}
    assert host.parse_features(SERVER, "x86_64") == expected


def test_only_what_every_core_has() -> None:
    big_little = "Features : fp asimd asimddp\nFeatures : fp asimd\n"
    assert host.parse_features(big_little, "aarch64") == {"fp-armv8", "neon"}


def test_nothing_known() -> None:
    assert host.parse_features("", "aarch64") == frozenset()


@pytest.mark.usefixtures("raspberry")
@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (Machine("aarch64", (), "a72", None), "native"),
        (Machine("aarch64", ("dotprod", "fullfp16"), "max", None), "native"),
        (Machine("aarch64", ("dotprod", "i8mm"), "max", None), "unicorn"),
        (Machine("arm", (), "cortex-a7", None), "unicorn"),
    ],
)
def test_the_best_that_there_is(machine: Machine, expected: str) -> None:
    assert choose(machine) == expected
    assert choose(machine, "unicorn") == "unicorn"


@pytest.mark.usefixtures("raspberry")
@pytest.mark.parametrize(
    ("machine", "lack"),
    [
        (Machine("aarch64", ("dotprod", "i8mm", "sve"), None, None), "lacks i8mm, sve"),
        (Machine("x86_64", ("avx2",), None, None), "is aarch64"),
    ],
)
def test_native_on_the_wrong_processor(machine: Machine, lack: str) -> None:
    with pytest.raises(InputError, match=f"this processor {lack}"):
        choose(machine, "native")


def test_an_unknown_executor() -> None:
    with pytest.raises(InputError) as caught:
        choose(Machine("arm", (), None, None), "unicron")
    assert caught.value.nearest == ("unicorn",)
