"""Calls on the machine that runs the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from c_library import AFFINE, AFFINE_ENTRY, HERE, affine, build, noise

from mnv3gen.errors import InputError, Mnv3genError
from mnv3gen.execute import Entry, execute

pytestmark = pytest.mark.emulate


def run(folder: Path, body: str) -> bytes:
    source = f"""
    #include <stdint.h>
    int32_t run(const float *input, float *output, void *workspace) {{ {body} }}
    """
    return execute(build(folder, source, HERE), Entry("run", 4, 20, 8), HERE, bytes(4)).output


def test_values(tmp_path: Path) -> None:
    library = build(tmp_path, AFFINE, HERE)
    execution = execute(library, AFFINE_ENTRY, HERE, noise(7).tobytes())
    np.testing.assert_array_equal(np.frombuffer(execution.output, np.float32), affine(noise(7)))
    assert execution.executor == "native"


def test_buffers_are_aligned_and_fresh(tmp_path: Path) -> None:
    body = """
    int32_t *words = (int32_t *)output;
    words[0] = (uintptr_t)input % 64; words[1] = (uintptr_t)output % 64;
    words[2] = (uintptr_t)workspace % 64; words[3] = *(int32_t *)workspace;
    return 0;
    """
    words = np.frombuffer(run(tmp_path, body), np.int32)
    assert words.tolist() == [0, 0, 0, -1, -1]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("output[5] = 1; return 0;", "output: up to 4 bytes after it"),
        ("output[-2] = 1; return 0;", "output: up to 8 bytes before it"),
        ("((char *)workspace)[8] = 1; return 0;", "workspace: up to 1 bytes after it"),
        ("((char *)input)[4] = 1; return 0;", "input: up to 1 bytes after it"),
        ("return 12;", "run returned the error code 12"),
    ],
)
def test_a_wrong_call_is_refused(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(Mnv3genError, match=message):
        run(tmp_path, body)


def test_a_rebuilt_library_is_loaded_anew(tmp_path: Path) -> None:
    first = run(tmp_path, "output[0] = 1; return 0;")
    second = run(tmp_path, "output[0] = 2; return 0;")
    assert [np.frombuffer(output, np.float32)[0] for output in (first, second)] == [1, 2]


def test_an_input_of_another_size(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the input of affine has another size") as caught:
        execute(tmp_path / "lib.so", AFFINE_ENTRY, HERE, bytes(255))
    assert (caught.value.found, caught.value.expected) == ("255 bytes", "256 bytes")
