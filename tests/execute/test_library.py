"""What is said of a file that is not a complete library for the machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from c_library import A15, A72, AFFINE, AFFINE_ENTRY, build

from mnv3gen.errors import InputError, Mnv3genError
from mnv3gen.execute.library import read_library

pytestmark = pytest.mark.emulate


def test_a_library_is_laid_out(tmp_path: Path) -> None:
    library = read_library(build(tmp_path, AFFINE, A72), "aarch64")
    assert list(library.exports) == ["affine"]
    assert len(library.patches) == 2
    assert not any(segment.writable and segment.executable for segment in library.segments)


def test_a_missing_file() -> None:
    with pytest.raises(InputError, match=r"^nowhere\.so: cannot be read: No such file"):
        read_library(Path("nowhere.so"), "aarch64")


def test_another_kind_of_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.so"
    path.write_text("no ELF file", encoding="utf-8")
    with pytest.raises(InputError, match="not a whole ELF file"):
        read_library(path, "aarch64")


def test_a_file_cut_off_anywhere(tmp_path: Path) -> None:
    path = build(tmp_path, AFFINE, A72, "-Wl,--strip-all")
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 37):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            read_library(path, "aarch64")


def test_another_architecture(tmp_path: Path) -> None:
    path = build(tmp_path, AFFINE, A15)
    with pytest.raises(InputError, match="another architecture") as caught:
        read_library(path, "aarch64")
    assert (caught.value.found, caught.value.expected) == ("arm", "aarch64")


def test_a_missing_function(tmp_path: Path) -> None:
    library = read_library(build(tmp_path, AFFINE, A72), "aarch64")
    with pytest.raises(InputError, match="does not export") as caught:
        library.export("affin")
    assert caught.value.nearest == (AFFINE_ENTRY.symbol,)


def test_an_undefined_symbol_is_named(tmp_path: Path) -> None:
    source = """
    #include <stdint.h>
    float expf(float);
    int32_t run(const float *input, float *output, void *workspace) {
        output[0] = expf(input[0]);
        return 0;
    }
    """
    path = build(tmp_path, source, A72, "-Wl,-z,undefs")
    with pytest.raises(Mnv3genError, match="undefined symbol 'expf'"):
        read_library(path, "aarch64")
