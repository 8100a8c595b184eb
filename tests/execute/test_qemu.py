"""A static executable under qemu-user; what needs qemu itself is skipped where it is absent."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_library import A15, A72, AFFINE, AFFINE_ENTRY, affine, build_program, noise

from mnv3gen.errors import InputError, Mnv3genError
from mnv3gen.execute import Machine, execute
from mnv3gen.execute.qemu import find_qemu, run_qemu

MAIN = """
#include <stdio.h>
#include <string.h>
int main(int count, char **words) {
    static float input[64], output[64], workspace[64];
    if (count != 5 || strcmp(words[1], "--input") || strcmp(words[3], "--output")) return 2;
    FILE *source = fopen(words[2], "rb");
    if (!source || fread(input, 4, 64, source) != 64) return 3;
    if (input[1] == 99.0f) { fprintf(stderr, "input out of range\\n"); return 4; }
    int code = affine(input, output, workspace);
    FILE *result = fopen(words[4], "wb");
    fwrite(output, 4, 64, result);
    fclose(result);
    return code;
}
"""


def needs_qemu(machine: Machine) -> None:
    if find_qemu(machine.architecture) is None:
        pytest.skip(f"no qemu-{machine.architecture} on PATH")


@pytest.mark.emulate
@pytest.mark.parametrize("machine", [A72, A15], ids=["aarch64", "arm"])
def test_values(tmp_path: Path, machine: Machine) -> None:
    needs_qemu(machine)
    program = build_program(tmp_path, AFFINE + MAIN, machine)
    data = noise(5).tobytes()
    execution = execute(tmp_path / "unused.so", AFFINE_ENTRY, machine, data, "qemu", program)
    np.testing.assert_array_equal(np.frombuffer(execution.output, np.float32), affine(noise(5)))
    assert execution.executor == "qemu"


@pytest.mark.emulate
def test_failures(tmp_path: Path) -> None:
    needs_qemu(A72)
    program = build_program(tmp_path, AFFINE + MAIN, A72)
    refused = np.full(64, 99, np.float32).tobytes()
    with pytest.raises(Mnv3genError, match="exit code 4\ninput out of range"):
        run_qemu(program, AFFINE_ENTRY, A72, refused)
    with pytest.raises(Mnv3genError, match="wrote 256 bytes, not 128"):
        run_qemu(program, replace(AFFINE_ENTRY, output_bytes=128), A72, bytes(256))


def test_qemu_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="qemu-aarch64 or qemu-aarch64-static on PATH"):
        run_qemu(tmp_path / "program", AFFINE_ENTRY, A72, bytes(256))


def test_no_program_given(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none was given"):
        execute(tmp_path / "lib.so", AFFINE_ENTRY, A72, bytes(256), "qemu")
