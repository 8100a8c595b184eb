"""Libraries of hand-written aarch64 assembly, whose instructions one can count on paper."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mnv3gen.execute import Entry, Machine
from mnv3gen.execute.library import Library, read_library

A72 = Machine("aarch64", (), "a72", "cortex-a72")
ENTRY = Entry("net_run", 64, 64, 64)

SUMS, SPILLING = "conv1x1_1x5x4_1x5x6_bias_f32", "pool_4x4x4_1x1x4_f32"
KERNELS = {f"net_{name}": name for name in (SUMS, SPILLING)}

# Executed: 3 + 3 bl + 2.
RUN = f"""
    str x30, [sp, #-16]!
    mov x19, x0
    mov x20, x1
    bl net_{SUMS}
    bl net_{SUMS}
    bl net_{SPILLING}
    mov w0, #0
    ldr x30, [sp], #16
    ret
"""

# A call executes 1 + 3 * (2 + 5 * 4 + 3) + 1 = 77, of which 3 * 5 multiply-adds of 4 lanes.
SUMS_CODE = """
    mov x8, #3
outer:
    mov x9, #5
    movi v0.4s, #0
inner:
    ldr q1, [x19]
    fmla v0.4s, v1.4s, v1.s[1]
    subs x9, x9, #1
    b.ne inner
    str q0, [x20]
    subs x8, x8, #1
    b.ne outer
    ret
"""

# Executed: 3 + its helper, which TVM would make of the body.
SPILLING_CODE = f"""
    str x30, [sp, #-16]!
    bl net_{SPILLING}_compute_
    ldr x30, [sp], #16
    ret
"""

# Executed: 5 + 7 * 8 + 1 + 2 * 5 + 3. Spills: 4 in each of 7 iterations; neither what saves d8, nor
# the scalar x9, nor x8 once it points elsewhere, be it by a move or by a load.
HELPER_CODE = """
    sub sp, sp, #64
    str d8, [sp, #48]
    str x20, [sp, #40]
    add x8, sp, #16
    mov x9, #7
spilling:
    ldr q0, [sp]
    str d0, [x8, #16]
    ldr q1, [x8]
    ldr q3, [x19]
    str q3, [x8], #0
    str x9, [sp, #56]
    subs x9, x9, #1
    b.ne spilling
    mov x9, #2
elsewhere:
    add x8, sp, #16
    ldr x8, [x8, #24]
    str q0, [x8]
    subs x9, x9, #1
    b.ne elsewhere
    ldr d8, [sp, #48]
    add sp, sp, #64
    ret
"""


def network(folder: Path) -> Library:
    """A driver that calls one kernel twice and one, in two parts, once."""
    functions = {
        "net_run": RUN,
        f"net_{SUMS}": SUMS_CODE,
        f"net_{SPILLING}": SPILLING_CODE,
        f"net_{SPILLING}_compute_": HELPER_CODE,
    }
    return assemble(folder, functions)


def assemble(folder: Path, functions: dict[str, str]) -> Library:
    """A shared library of functions, of which the first is exported."""
    first = next(iter(functions))
    text = f".text\n.globl {first}\n" + "".join(
        f".p2align 2\n.type {name}, %function\n{name}:\n{code}\n.size {name}, . - {name}\n"
        for name, code in functions.items()
    )
    source, library = folder / "lib.s", folder / "lib.so"
    source.write_text(text, encoding="utf-8")
    flags = ["-target", "aarch64-linux-musl", "-mcpu=cortex_a76", "-shared", "-nostdlib"]
    command = [sys.executable, "-m", "ziglang", "cc", *flags, "-o", str(library), str(source)]
    subprocess.run(command, check=True)
    return read_library(library, "aarch64")
