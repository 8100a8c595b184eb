"""Our table of CPUs and the shipped targets against LLVM's own knowledge."""

from __future__ import annotations

from typing import Any

import pytest

from mnv3gen import targets
from mnv3gen.targets.cpus import Cpu, table

pytestmark = pytest.mark.compile

TRIPLES = {
    "aarch64": "aarch64-linux-gnu",
    "arm": "armv7-linux-gnueabihf",
    "x86_64": "x86_64-linux-gnu",
}


def llvm_features(description: dict[str, Any]) -> set[str]:
    from tvm.target import Target
    from tvm.target.codegen import llvm_get_cpu_features

    features: set[str] = llvm_get_cpu_features(Target(description))
    return features


@pytest.mark.parametrize("cpu", table().cpu, ids=lambda cpu: f"{cpu.architecture}-{cpu.names[0]}")
def test_cpus_have_what_llvm_gives_them(cpu: Cpu) -> None:
    from tvm.target.codegen import llvm_is_valid_cpu

    triple, tracked = TRIPLES[cpu.architecture], set(table().tracked[cpu.architecture])
    for name in cpu.names:
        assert llvm_is_valid_cpu(name, triple)
        description = {"kind": "llvm", "mtriple": triple, "mcpu": name, "num-cores": 1}
        assert llvm_features(description) & tracked == cpu.features, name


@pytest.mark.parametrize("name", targets.names())
def test_targets_are_llvm_targets(name: str) -> None:
    from tvm.target.codegen import llvm_is_valid_cpu

    target = targets.load(name)
    assert llvm_is_valid_cpu(target.llvm.cpu, target.llvm.triple)
    tracked = set(table().tracked[target.architecture])
    assert llvm_features(target.tvm_dict()) & tracked == targets.available(target)
