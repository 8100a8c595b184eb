"""Calls on emulated processors: values, relocations, and everything that ends a call."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_library import A15, A72, AFFINE, AFFINE_ENTRY, affine, build, noise

from mnv3gen.errors import InputError, Mnv3genError
from mnv3gen.execute import Entry, Machine, execute, executing
from mnv3gen.execute.emulator import run_emulated

pytestmark = pytest.mark.emulate

ENTRY = Entry("run", 64, 64, 64)
ZEROS = bytes(64)


def function(body: str) -> str:
    """A library of one function that does what ``body`` says."""
    return f"""
    #include <stdint.h>
    int32_t run(const float *input, float *output, void *workspace) {{ {body} }}
    """


@pytest.mark.parametrize(
    ("machine", "options"),
    [(A72, ()), (A15, ("-mthumb",)), (A15, ("-marm",))],
    ids=["aarch64", "thumb", "arm"],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_values_and_relocated_tables(
    tmp_path: Path, machine: Machine, options: tuple[str, ...], seed: int
) -> None:
    library = build(tmp_path, AFFINE, machine, *options)
    execution = execute(library, AFFINE_ENTRY, machine, noise(seed).tobytes(), "unicorn")
    np.testing.assert_array_equal(np.frombuffer(execution.output, np.float32), affine(noise(seed)))
    assert execution.executor == "unicorn"
    assert execution.seconds > 0


@pytest.mark.parametrize("machine", [A72, A15], ids=["aarch64", "arm"])
def test_pointers_to_exported_data_resolve_inside_the_library(
    tmp_path: Path, machine: Machine
) -> None:
    source = """
    #include <stdint.h>
    float shared[2] = {4.0f, 0.5f};
    float *exported[2] = {shared, shared + 1};
    int32_t run(const float *input, float *output, void *workspace) {
        output[0] = *exported[0] + *exported[1] + shared[0];
        return 0;
    }
    """
    execution = run_emulated(build(tmp_path, source, machine), ENTRY, machine, ZEROS)
    assert np.frombuffer(execution.output, np.float32)[0] == 8.5


@pytest.mark.parametrize("machine", [A72, A15], ids=["aarch64", "arm"])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("output[16] = 1; return 0;", "wrote 4 bytes .* 0 bytes after the end of the output"),
        ("((float *)workspace)[40] = 1; return 0;", "96 bytes after the end of the workspace"),
        ("((float *)input)[2] = 1; return 0;", "wrote 4 bytes .* in the input, at its byte 8"),
        ("output[0] = input[17]; return 0;", "read 4 bytes .* 4 bytes after the end of the input"),
    ],
)
def test_memory_of_others_is_refused(
    tmp_path: Path, machine: Machine, body: str, message: str
) -> None:
    library = build(tmp_path, function(body), machine)
    with pytest.raises(Mnv3genError, match=rf"^run \(lib\.so\+0x[0-9a-f]+\) .*{message}"):
        run_emulated(library, ENTRY, machine, ZEROS)


def test_a_write_within_the_page_shows_in_the_guard(tmp_path: Path) -> None:
    library = build(tmp_path, function("output[-3] = 1; return 0;"), A72)
    with pytest.raises(Mnv3genError, match="outside of its output: up to 12 bytes before it"):
        run_emulated(library, ENTRY, A72, ZEROS)


@pytest.mark.parametrize("machine", [A72, A15], ids=["aarch64", "arm"])
@pytest.mark.parametrize("store", ["weights[1] = 3", "*(volatile uintptr_t *)pointers = 0"])
def test_constants_are_read_only(tmp_path: Path, machine: Machine, store: str) -> None:
    declarations = """
    #include <stdint.h>
    static const volatile float constants[4] = {1, 2, 3, 4};
    __attribute__((visibility("hidden"))) const volatile float *const pointers[1] = {constants};
    """
    body = f"volatile float *weights = (volatile float *)pointers[0]; {store}; return *weights;"
    library = build(tmp_path, declarations + function(body), machine)
    with pytest.raises(Mnv3genError, match=r"run .* wrote [48] bytes where it may not"):
        run_emulated(library, ENTRY, machine, ZEROS)


SDOT = function("""
    __asm__ volatile("movi v0.4s, #0\\n ldr q1, [%0]\\n sdot v0.4s, v1.16b, v1.16b\\n"
                     "str q0, [%1]" :: "r"(input), "r"(output) : "v0", "v1", "memory");
    return 0;
""")


def test_an_instruction_that_the_model_lacks_is_refused(tmp_path: Path) -> None:
    library = build(tmp_path, SDOT, A72, "-mcpu=cortex_a76")
    message = r"run .*the CPU model a72 does not execute .* 20 94 81 4e \(sdot v0.4s, v1.16b"
    with pytest.raises(Mnv3genError, match=message):
        run_emulated(library, ENTRY, A72, ZEROS)


def test_the_model_max_has_dot_products(tmp_path: Path) -> None:
    library = build(tmp_path, SDOT, A72, "-mcpu=cortex_a76")
    values = np.arange(-30, 34).astype(np.int8)
    execution = run_emulated(library, ENTRY, replace(A72, unicorn="max"), values.tobytes())
    # -30^2 + -29^2 + -28^2 + -27^2, and so on down to -18^2 + ... + -15^2
    assert np.frombuffer(execution.output, np.int32)[:4].tolist() == [3254, 2406, 1686, 1094]


def test_an_old_arm_has_no_fused_multiply_add(tmp_path: Path) -> None:
    body = "output[0] = __builtin_fmaf(input[0], input[1], input[2]); return 0;"
    library = build(tmp_path, function(body), A15)
    data = np.arange(2, 18, dtype=np.float32).tobytes()
    assert np.frombuffer(run_emulated(library, ENTRY, A15, data).output, np.float32)[0] == 10
    with pytest.raises(Mnv3genError, match=r"cortex-a8 does not execute the instruction .*vfma"):
        run_emulated(library, ENTRY, replace(A15, unicorn="cortex-a8"), data)


def test_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        run_emulated(Path("lib.so"), ENTRY, replace(A72, unicorn="a75"), ZEROS)
    assert "a72" in caught.value.nearest


@pytest.mark.parametrize("machine", [A72, A15], ids=["aarch64", "arm"])
def test_an_error_code_is_an_error(tmp_path: Path, machine: Machine) -> None:
    library = build(tmp_path, function("return -3;"), machine)
    with pytest.raises(Mnv3genError, match="run returned the error code -3"):
        run_emulated(library, ENTRY, machine, ZEROS)


def test_an_endless_call_ends_at_its_limit(tmp_path: Path) -> None:
    library = build(tmp_path, function('for (;;) __asm__ volatile(""); return 0;'), A72)
    with pytest.raises(Mnv3genError, match=r"did not return within 0\.3 s"):
        run_emulated(library, ENTRY, A72, ZEROS, limit=0.3)


@pytest.fixture
def hears_interrupts() -> Iterator[None]:
    """What a shell starts in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_process() -> None:
    """The system gives the signal to a thread of its choice, mostly the main one."""
    os.kill(os.getpid(), signal.SIGINT)


def interrupt_another_thread() -> None:
    """This thread takes the signal, and what the main thread waits for does not end."""
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)


@pytest.mark.parametrize("interrupt", [interrupt_process, interrupt_another_thread])
def test_an_endless_call_ends_at_an_interrupt(
    tmp_path: Path, interrupt: Callable[[], None], hears_interrupts: None
) -> None:
    library = build(tmp_path, function('for (;;) __asm__ volatile(""); return 0;'), A72)
    timer = threading.Timer(0.3, interrupt)
    timer.start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        run_emulated(library, ENTRY, A72, ZEROS, limit=20)
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize("machine", [A72, A15], ids=["aarch64", "arm"])
def test_many_calls_of_one_processor(tmp_path: Path, machine: Machine) -> None:
    """Each has its own input; what one call wrote is not there in the next."""
    library = build(tmp_path, AFFINE, machine)
    with executing(library, AFFINE_ENTRY, machine, "unicorn") as call:
        for seed in (1, 2, 3):
            found = np.frombuffer(call(noise(seed).tobytes()).output, np.float32)
            np.testing.assert_array_equal(found, affine(noise(seed)))
    source = function("if (input[0] > 0) output[0] = 1; return input[1] > 0;")
    library = build(tmp_path, source, machine)
    ones, negative, wrong = (np.full(16, value, np.float32) for value in (1, -1, 1))
    ones[1], wrong[1] = 0, 1
    with executing(library, ENTRY, machine, "unicorn") as call:
        assert np.frombuffer(call(ones.tobytes()).output, np.float32)[0] == 1
        assert np.isnan(np.frombuffer(call(negative.tobytes()).output, np.float32)).all()
        with pytest.raises(Mnv3genError, match="1"):
            call(wrong.tobytes())
        assert np.frombuffer(call(ones.tobytes()).output, np.float32)[0] == 1
