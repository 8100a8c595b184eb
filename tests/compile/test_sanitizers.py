"""The generated driver under the sanitizers of addresses and of undefined behaviour."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support.compiled import Compiled

PROGRAM = """
#include "tiny.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  /* Of the heap, so that each has red zones of its own. */
  float *input = aligned_alloc(64, (TINY_INPUT_BYTES + 63) / 64 * 64);
  float *output = aligned_alloc(64, (TINY_OUTPUT_BYTES + 63) / 64 * 64);
  char *workspace = aligned_alloc(64, (TINY_WORKSPACE_BYTES + 63) / 64 * 64);
  memset(input, 0, TINY_INPUT_BYTES);
  memset(output, 0xff, TINY_OUTPUT_BYTES);
  if (tiny_run(NULL, output, workspace) != TINY_NULL_POINTER) return 1;
  if (tiny_run(input, NULL, workspace) != TINY_NULL_POINTER) return 2;
  if (tiny_run(input, output, NULL) != TINY_NULL_POINTER) return 3;
  if (tiny_run(input + 1, output, workspace) != TINY_MISALIGNED) return 4;
  if (tiny_run(input, output, workspace + 4) != TINY_MISALIGNED) return 5;
  for (int repeat = 0; repeat < 1000; repeat++)
    if (tiny_run(input, output, workspace) != TINY_OK) return 6;
  for (size_t at = 0; at < TINY_OUTPUT_BYTES / sizeof(float); at++)
    if (output[at] != output[at]) return 7;
  if (tiny_workspace_bytes() != TINY_WORKSPACE_BYTES || !strlen(tiny_version())) return 8;
  free(input), free(output), free(workspace);
  puts("done");
  return 0;
}
"""


@pytest.mark.compile
def test_the_driver(tiny_bundle: Compiled, tmp_path: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no gcc or clang, which bring the sanitizers' libraries")
    bundle = tiny_bundle.bundle.folder
    (tmp_path / "program.c").write_text(PROGRAM)
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]
    sources = [tmp_path / "program.c", bundle / "tiny.c", bundle / "libtiny.a"]
    command = [compiler, *sanitizers, "-Wall", "-Werror", "-I", bundle, *sources, "-o", "program"]
    made = subprocess.run(
        list(map(str, command)), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if "cannot find" in made.stderr and "san" in made.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert made.returncode == 0, made.stderr
    ran = subprocess.run(
        [tmp_path / "program"], capture_output=True, text=True, timeout=200, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr
