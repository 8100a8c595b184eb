"""What a bundle consists of, judged by tools that are not ours: pyelftools, zig's compilers."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from support.compiled import Compiled, Compiler, request_for, tiny

from mnv3gen.compile.pipeline import compile_network
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import resolve
from mnv3gen.targets import from_manifest, load

pytestmark = pytest.mark.compile

FILES = {
    "libtiny.so",
    "libtiny.a",
    "tiny.h",
    "tiny.c",
    "tiny-config.cmake",
    "benchmark",
    "manifest.json",
}
API = {
    "tiny_input_bytes",
    "tiny_output_bytes",
    "tiny_workspace_bytes",
    "tiny_alignment",
    "tiny_version",
    "tiny_run",
}
TARGETS = ["host", "arm_cpu", "pixel3-android", "armv7"]

# Two threads, each with buffers of its own, then every way to call `run` wrongly.
PROGRAM = """\
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tiny.h"

static float *input;

static void *work(void *output) {
  void *workspace = aligned_alloc(TINY_ALIGNMENT, TINY_WORKSPACE_BYTES);
  for (int i = 0; i < 50; i++)
    if (tiny_run(input, output, workspace) != TINY_OK) return output;
  free(workspace);
  return NULL;
}

int main(void) {
  input = aligned_alloc(TINY_ALIGNMENT, (TINY_INPUT_BYTES + 63) / 64 * 64);
  for (size_t i = 0; i < TINY_INPUT_BYTES / sizeof(float); i++) input[i] = (float)(i % 7) - 3;
  float *outputs[2];
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) {
    outputs[i] = aligned_alloc(TINY_ALIGNMENT, (TINY_OUTPUT_BYTES + 63) / 64 * 64);
    pthread_create(&threads[i], NULL, work, outputs[i]);
  }
  for (int i = 0; i < 2; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    if (failed) return 10;
  }
  if (memcmp(outputs[0], outputs[1], TINY_OUTPUT_BYTES)) return 11;
  if (outputs[0][0] == 0 || outputs[0][0] != outputs[0][0]) return 12;
  float *output = outputs[0];
  void *workspace = aligned_alloc(TINY_ALIGNMENT, TINY_WORKSPACE_BYTES);
  if (tiny_run(NULL, output, workspace) != TINY_NULL_POINTER) return 13;
  if (tiny_run(input, NULL, workspace) != TINY_NULL_POINTER) return 14;
  if (tiny_run(input, output, NULL) != TINY_NULL_POINTER) return 15;
  if (tiny_run(input + 1, output, workspace) != TINY_MISALIGNED) return 16;
  if (tiny_run(input, output + 1, workspace) != TINY_MISALIGNED) return 17;
  if (tiny_run(input, output, (char *)workspace + 4) != TINY_MISALIGNED) return 18;
  if (tiny_input_bytes() != TINY_INPUT_BYTES || tiny_output_bytes() != TINY_OUTPUT_BYTES) return 19;
  if (tiny_workspace_bytes() != TINY_WORKSPACE_BYTES) return 20;
  if (tiny_alignment() != TINY_ALIGNMENT) return 21;
  puts(tiny_version());
  return 0;
}
"""


def test_files(tiny_bundle: Compiled) -> None:
    folder = tiny_bundle.bundle.folder
    assert {path.name for path in folder.iterdir()} == FILES
    assert (folder / "benchmark").stat().st_mode & 0o111


@pytest.mark.parametrize("target", TARGETS)
def test_the_library_exports_the_api_and_needs_nothing(compiler: Compiler, target: str) -> None:
    with compiler(tiny(), target).bundle.library.open("rb") as file:
        elf = ELFFile(file)
        symbols = [s for s in elf.get_section_by_name(".dynsym").iter_symbols() if s.name]
        assert {symbol.name for symbol in symbols} == API
        assert all(symbol["st_shndx"] != "SHN_UNDEF" for symbol in symbols)
        tags = list(elf.get_section_by_name(".dynamic").iter_tags())
        assert [tag.soname for tag in tags if tag.entry.d_tag == "DT_SONAME"] == ["libtiny.so"]
        assert not [tag for tag in tags if tag.entry.d_tag in ("DT_NEEDED", "DT_RUNPATH")]


@pytest.mark.parametrize("target", TARGETS)
def test_segments_are_aligned_to_pages(compiler: Compiler, target: str) -> None:
    page = 16384 if target == "pixel3-android" else load(target).link.page_size
    with compiler(tiny(), target).bundle.library.open("rb") as file:
        loads = [s for s in ELFFile(file).iter_segments() if s["p_type"] == "PT_LOAD"]
        assert {segment["p_align"] for segment in loads} == {page}
        assert all((s["p_vaddr"] - s["p_offset"]) % page == 0 for s in loads)
        assert not [s for s in loads if s["p_flags"] & 1 and s["p_flags"] & 2]


@pytest.mark.parametrize(("compiler_name", "suffix"), [("cc", "c"), ("c++", "cpp")])
def test_the_header_compiles(
    tiny_bundle: Compiled, tmp_path: Path, compiler_name: str, suffix: str
) -> None:
    source = tmp_path / f"includes.{suffix}"
    source.write_text('#include "tiny.h"\n#include "tiny.h"\n')
    flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{tiny_bundle.bundle.folder}"]
    zig(compiler_name, *flags, "-c", str(source), "-o", str(tmp_path / "includes.o"))


def test_a_c_program_calls_it_from_two_threads(tiny_bundle: Compiled, tmp_path: Path) -> None:
    source, program = tmp_path / "program.c", tmp_path / "program"
    source.write_text(PROGRAM)
    folder = tiny_bundle.bundle.folder
    library = str(folder / "libtiny.a")
    zig("cc", "-O1", "-w", f"-I{folder}", str(source), library, "-lpthread", "-o", str(program))
    result = subprocess.run([program], capture_output=True, text=True, check=False)
    assert result.returncode == 0
    name, identity, *rest = result.stdout.split()
    assert (name, rest[0]) == ("tiny", "host")
    assert identity == tiny_bundle.bundle.manifest.identity


def test_the_manifest_has_every_files_hash(tiny_bundle: Compiled) -> None:
    folder = tiny_bundle.bundle.folder
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert files.keys() == FILES - {"manifest.json"}
    for name, described in files.items():
        content = (folder / name).read_bytes()
        assert described == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_the_manifest_reads_back(compiler: Compiler) -> None:
    compiled = compiler(tiny(), "pixel3-android")
    manifest = compiled.bundle.manifest
    assert parse(manifest.network) == compiled.request.network
    assert from_manifest(manifest.target) == load("pixel3-android")
    assert manifest.verification is None
    assert manifest.input.shape == (1, 20, 20, 3)
    (output,) = manifest.outputs
    assert (output.shape, output.dtype, output.offset) == ((1, 10), "float32", 0)


def test_the_manifest_has_the_reference_output(tiny_bundle: Compiled) -> None:
    graph, expected = tiny_bundle.graph, tiny_bundle.bundle.manifest.expected
    (output,) = run(graph, tiny_bundle.weights, seeded_input(graph.input_shape)).values()
    assert expected.stride == 1
    np.testing.assert_allclose(expected.values, output.ravel(), rtol=1e-6)
    assert expected.largest == pytest.approx(np.abs(output).max())


def test_sizes_of_the_large_network(compiler: Compiler) -> None:
    compiled = compiler(resolve("mobilenet_v3_large"))
    manifest = compiled.bundle.manifest
    # 5,483,032 parameters, of which BN's gamma and beta become a bias for each channel.
    assert manifest.memory.weights_bytes < 5_483_032 * 4
    parameters = sum(value.nbytes for value in compiled.weights.values())
    assert compiled.bundle.library.stat().st_size <= parameters + 1_500_000
    assert manifest.memory.arena_bytes <= 1.15 * manifest.memory.peak_alive_bytes


def test_compilation_is_reproducible(compiler: Compiler, tmp_path: Path) -> None:
    first = compiler(tiny(), "arm_cpu").bundle.folder
    second = tmp_path / "elsewhere" / "bundle"
    compile_network(request_for(tiny(), "arm_cpu"), second, use_cache=False)
    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


@pytest.mark.parametrize("target", TARGETS)
def test_no_file_tells_where_it_was_made(compiler: Compiler, target: str) -> None:
    folder = compiler(tiny(), target).bundle.folder
    here = [folder.parent, Path.home(), Path(__file__).parents[2], Path(sys.prefix)]
    for path in folder.iterdir():
        content = path.read_bytes()
        assert b".build." not in content, path.name
        for place in here:
            assert str(place).encode() + b"/" not in content, path.name


def zig(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "ziglang", *arguments], check=True)
