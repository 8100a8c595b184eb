"""Descriptions of cores: what is shipped is whole, what is wrong is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from mnv3gen import targets
from mnv3gen.cycles import aarch64
from mnv3gen.cycles.core import BROADER, FOLDER, model_of, models, read_model
from mnv3gen.cycles.model import stamp_of
from mnv3gen.errors import InputError, TargetError

MOVES = ("load", "load_pair", "vload", "vload64", "vload_pair", "vload_pair64", "vload_dup")
STORES = ("store", "store_pair", "vstore", "vstore64", "vstore_pair", "vstore_pair64", "prefetch")
OTHERS = ("none", "alu", "shifted", "multiply", "divide", "branch", "vload_lane", "vadd", "vmove")
VECTOR = ("insert", "from_general", "to_general", *set(aarch64._CLASSES.values()))


@pytest.mark.parametrize(
    "name", [name for name, it in models().items() if it.architecture != "x86_64"]
)
def test_every_class_of_aarch64_is_described(name: str) -> None:
    model = models()[name]
    for wide in (*MOVES, *STORES, *OTHERS, *VECTOR):
        assert model.micro_ops(wide)
        assert model.micro_ops(f"{wide.removesuffix('64')}64")
    assert model.sources


@pytest.mark.parametrize(
    "name", ["pixel1", "pixel2", "pixel3", "rpi3", "rpi4", "rpi5", "cortex-a55"]
)
def test_targets_have_their_core(name: str) -> None:
    target = targets.load(name)
    model = model_of(target)
    assert name in model.targets
    levels = 3 if target.core.l3_kib else 2
    assert len(model.caches) == levels


def test_every_named_target_exists() -> None:
    named = {name for model in models().values() for name in model.targets}
    assert named <= set(targets.names())


def test_the_papers_phones_multiply_four_lanes_a_cycle() -> None:
    """Two pipes of 64 bits: one fmla of 128 bits a cycle, but two on a Cortex-A76."""
    for phone in ("kryo", "cortex-a72", "cortex-a73", "cortex-a75"):
        assert len(models()[phone].micro_ops("fmla")) == 2
        assert len(models()[phone].micro_ops("fmla")[0].ports.split()) == 2
    assert len(models()["cortex-a76"].micro_ops("fmla")) == 1


# Units and latencies of LLVM's and GCC's models of the Cortex-A57 (V: either pipe, W: the one that
# multiplies, X: the one that shifts), whose integer vectors Arm's guide to the A72 times likewise.
INTEGERS_OF_A57 = {
    "vadd": ("V", 1),
    "logic": ("V", 1),
    "vmul64": ("W", 1),
    "vmul": ("W", 2),  # 128 bits times 128 bits
    "vmull": ("W", 1),  # 64 times 64
    "vmla": ("W", 2),
    "vmlal": ("W", 1),
    "vadalp": ("X", 1),
    "vshift": ("X", 1),
    "vextend": ("X", 1),
    "vshift_by64": ("X", 1),
    "vshift_by": ("X", 2),
    "zip64": ("V", 1),
    "zip": ("V", 3),
}


@pytest.mark.parametrize("name", INTEGERS_OF_A57)
def test_integers_of_the_cortex_a72(name: str) -> None:
    ports = {"V": "F0 F1", "W": "F0", "X": "F1"}
    unit, count = INTEGERS_OF_A57[name]
    found = models()["cortex-a72"].micro_ops(name)
    assert [each.ports for each in found] == [ports[unit]] * count
    if name in ("vmlal", "vadalp"):  # sums follow one another at once
        assert found[0].latency - found[0].late == 1


# What was measured (ocxtal/insn_bench_aarch64: aws_graviton2.md, of the A76's form for servers, and
# raspberry-pi-3_cortex-a53.md): cycles from operands to result, and instructions a cycle.
MEASURED = {
    "cortex-a76": {
        "vmull": (4, 1), "vmlal": (4, 1), "vadalp": (4, 1), "vmul": (5, 0.5), "vextend": (2, 1),
        "vshift_by": (2, 1), "select": (2, 2), "zip": (2, 2), "permute": (2, 2), "vadd": (2, 2),
    },
    "cortex-a53": {
        "vmull": (4, 1), "vmlal": (4, 1), "vadalp": (4, 0.5), "vmul": (4, 1), "vextend": (2, 1),
        "vshift_by": (2, 1), "select": (2, 1), "zip": (2, 1), "permute": (2, 1), "vadd": (2, 1),
    },
}  # fmt: skip


@pytest.mark.parametrize("core", MEASURED)
def test_integers_are_as_fast_as_was_measured(core: str) -> None:
    for name, (latency, rate) in MEASURED[core].items():
        (operation,) = models()[core].micro_ops(name)
        assert operation.latency == latency
        assert len(operation.ports.split()) / operation.busy == rate
    (sums,) = models()[core].micro_ops("vmlal")
    assert sums.latency - sums.late == 1  # one after the other at once, as measured


# LLVM's AArch64SchedKryoDetails.td, of 128 bits and of 64: pipes, how many of them, latency.
INTEGERS_OF_KRYO = {
    "vmull": ("X", 2, 4), "vmlal": ("X", 2, 4), "vadalp": ("X", 2, 3), "vadalp64": ("X", 1, 3),
    "vaddw": ("XY", 4, 2), "vextend": ("XY", 2, 2), "vshift_by": ("XY", 2, 2),
    "vshift_by64": ("XY", 1, 2), "select": ("X", 2, 1), "zip": ("X", 2, 1), "zip64": ("X", 1, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", INTEGERS_OF_KRYO)
def test_integers_of_kryo(name: str) -> None:
    ports = {"X": "XA XB", "XY": "XA XB YA YB"}
    pipes, count, latency = INTEGERS_OF_KRYO[name]
    found = models()["kryo"].micro_ops(name)
    assert [each.ports for each in found] == [ports[pipes]] * count
    assert max(each.latency for each in found) == latency


@pytest.mark.parametrize("core", ["cortex-a73", "cortex-a75"])
def test_cores_that_compilers_take_for_a_cortex_a57(core: str) -> None:
    for name in set(BROADER) - {"vaddw"}:
        assert models()[core].micro_ops(name) == models()["cortex-a72"].micro_ops(name)


def test_floats_do_not_depend_on_what_integers_cost() -> None:
    core, target = models()["kryo"], targets.load("pixel1").core
    slower = replace(core, classes=core.classes | {"vmull": core.classes["fdivide"]})
    described = replace(core, sources=("another",))
    assert stamp_of(slower, target) != stamp_of(core, target)
    assert stamp_of(slower, target, integers=False) == stamp_of(core, target, integers=False)
    assert stamp_of(described, target) == stamp_of(core, target)
    other = replace(core, classes=core.classes | {"fmla": core.classes["fdivide"]})
    assert stamp_of(other, target, integers=False) != stamp_of(core, target, integers=False)
    assert stamp_of(core, target, integers=False) != stamp_of(core, target)


def test_what_a_description_does_not_tell_apart_is_taken_for_what_it_does() -> None:
    core = models()["cortex-a53"]
    assert core.micro_ops("vmull") == core.micro_ops("vmul")
    assert core.micro_ops("vmlal64") == core.micro_ops("vmla64")
    assert core.micro_ops("zip") == core.micro_ops("permute")


def test_a_target_without_a_description_is_refused() -> None:
    with pytest.raises(TargetError, match="no description of this target's core"):
        model_of(targets.load("armv7"))


@pytest.mark.parametrize(
    ("changed", "to", "message"),
    [
        ("decode = 3", "decode = 'three'", "decode"),
        ('ports = "I0 I1" }]', 'ports = "I7" }]', "no such port"),
        ('branch = [8, "B"]', 'branch = [8, "B L"]', "one scheduler"),
        ("retire = 5", "retire = 5\nretired = 1", "retired"),
    ],
)
def test_what_cannot_be_is_refused_with_its_file(
    tmp_path: Path, changed: str, to: str, message: str
) -> None:
    text = (FOLDER / "cortex-a72.toml").read_text()
    assert changed in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(changed, to, 1))
    with pytest.raises(InputError, match=message) as error:
        read_model(path)
    assert "mine.toml" in str(error.value)


def test_a_description_may_say_only_what_differs(tmp_path: Path) -> None:
    (tmp_path / "cortex-a72.toml").write_text((FOLDER / "cortex-a72.toml").read_text())
    path = tmp_path / "wide.toml"
    path.write_text('base = "cortex-a72"\ndecode = 9\n[classes]\nalu = [{ ports = "L" }]\n')
    model = read_model(path)
    base = models()["cortex-a72"]
    assert (model.decode, model.micro_ops("alu")[0].ports) == (9, "L")
    assert model.micro_ops("fmla") == base.micro_ops("fmla")
    path.write_text('base = "nothing"\n')
    with pytest.raises(InputError, match="no such description"):
        read_model(path)


def test_a_class_that_is_not_described_names_the_core() -> None:
    with pytest.raises(InputError, match="Cortex-A72"):
        models()["cortex-a72"].micro_ops("teleport")
