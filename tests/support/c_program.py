"""A C program that calls `tiny` rightly, and in every wrong way."""

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
