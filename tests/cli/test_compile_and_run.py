"""`mnv3gen compile` and `mnv3gen run`, as a user types them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.command import Finished, mnv3gen
from support.compiled import Compiled, Compiler, tiny

from mnv3gen.graph.expand import expand
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_weights
from mnv3gen.graph.weights import save_weights

Command = Callable[..., Finished]

LABELS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A JPEG of a disc before a wall."""
    picture = Image.new("RGB", (160, 120), (200, 180, 90))
    ImageDraw.Draw(picture).ellipse((40, 20, 120, 100), fill=(20, 60, 190))
    picture.save(tmp_path / "photo.jpg", quality=95)
    return tmp_path / "photo.jpg"


@pytest.fixture
def tensor(tmp_path: Path) -> Path:
    """An input tensor, which needs no preprocessing."""
    data = np.random.default_rng(8).standard_normal((20, 20, 3)).astype(np.float32)
    np.save(tmp_path / "tensor.npy", data)
    return tmp_path / "tensor.npy"


@pytest.mark.compile
def test_from_table_and_weights_to_classes(table: Path, tensor: Path, tmp_path: Path) -> None:
    graph = expand(tiny())
    weights = seeded_weights(graph, seed=5)
    save_weights(weights, tmp_path / "w.safetensors")
    (tmp_path / "labels.txt").write_text("\n".join(LABELS) + "\n")
    options = ["--target", "host", "--weights", "w.safetensors", "--labels", "labels.txt"]
    compiled = mnv3gen("compile", table, *options, folder=tmp_path)
    assert (compiled.code, compiled.err) == (0, "")
    for part in ("weights   w.safetensors", "labels    10", "checked   native", "tiny-host/"):
        assert part in compiled.out
    printed = mnv3gen("run", "tiny-host/", tensor, "--json", "--top", "10", folder=tmp_path).json
    (expected,) = run(graph, weights, np.load(tensor)).values()
    logits = expected.ravel()
    np.testing.assert_allclose(printed["outputs"], [[logits]], atol=1e-4 * abs(logits).max())
    best = sorted(range(10), key=lambda index: -logits[index])
    assert [each["index"] for each in printed["top"]] == best
    assert [each["label"] for each in printed["top"]] == [LABELS[index] for index in best]
    shares = np.exp(logits) / np.exp(logits).sum()
    assert [each["score"] for each in printed["top"]] == pytest.approx(shares[best], abs=1e-4)


@pytest.mark.compile
def test_compile_as_json(command: Command, table: Path, tmp_path: Path) -> None:
    arguments = ["compile", table, "--target", "host", "-o", tmp_path / "out", "--json"]
    first, second = command(*arguments).json, command(*arguments).json
    assert second["cached"]
    assert first["executor"] == second["executor"] == "native"
    assert first["max_error"] < 1e-4
    library = tmp_path / "out" / "libtiny.so"
    assert first["library"] == str(library)
    assert first["library_bytes"] == library.stat().st_size
    assert first["arena_bytes"] <= 1.15 * first["peak_alive_bytes"]


@pytest.mark.compile
def test_dump_ir(command: Command, table: Path, tmp_path: Path) -> None:
    options = ["--target", "host", "--dump-ir", tmp_path / "ir", "-o", tmp_path / "out"]
    assert command("compile", table, *options).code == 0
    dumped = sorted(path.name for path in (tmp_path / "ir").iterdir())
    assert dumped[0] == "01-lower.py"
    assert [int(name[:2]) for name in dumped[:-1]] == list(range(1, len(dumped)))
    assert {Path(name).suffix for name in dumped} == {".py", ".txt", ".ll", ".s"}


@pytest.mark.compile
def test_run_on_a_photo(command: Command, tiny_bundle: Compiled, photo: Path) -> None:
    result = command("run", tiny_bundle.bundle.folder, photo, "--top", "3")
    assert (result.code, result.err) == (0, "")
    *classes, how = result.out.splitlines()
    assert len(classes) == 3
    assert all(" %  class " in line for line in classes)
    assert "ms natively" in how


@pytest.mark.compile
def test_run_as_json(command: Command, tiny_bundle: Compiled, photo: Path) -> None:
    printed = command("run", tiny_bundle.bundle.folder, photo, "--json").json
    assert printed.keys() == {"outputs", "top", "seconds", "executor"}
    assert np.shape(printed["outputs"]) == (1, 1, 10)
    assert [each.keys() for each in printed["top"]] == [{"index", "label", "score"}] * 5
    assert printed["executor"] == "native"
    assert printed["seconds"] > 0


@pytest.mark.compile
def test_outputs_as_npz(
    command: Command, tiny_bundle: Compiled, tensor: Path, tmp_path: Path
) -> None:
    output = tmp_path / "x.npz"
    printed = command("run", tiny_bundle.bundle.folder, tensor, "-o", output, "--json").json
    assert printed["outputs"] == str(output)
    (name,) = tiny_bundle.graph.outputs
    (expected,) = run(tiny_bundle.graph, tiny_bundle.weights, np.load(tensor)).values()
    written = np.load(output)[name]
    assert written.shape == (1, 10)
    tolerance = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(written.ravel(), expected.ravel(), atol=tolerance)


@pytest.mark.compile
def test_labels(command: Command, tiny_bundle: Compiled, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    arguments = ["run", tiny_bundle.bundle.folder, photo, "--labels", tmp_path / "labels.txt"]
    for each in command(*arguments, "--json").json["top"]:
        assert each["label"] == LABELS[each["index"]]


@pytest.mark.emulate
@pytest.mark.parametrize("target", ["arm_cpu", "armv7"])
def test_run_for_another_processor(
    command: Command, compiler: Compiler, tiny_bundle: Compiled, photo: Path, target: str
) -> None:
    bundle = compiler(tiny(), target).bundle
    emulated = command("run", bundle.folder, photo, "--executor", "unicorn", "--json").json
    native = command("run", tiny_bundle.bundle.folder, photo, "--json").json
    assert emulated["executor"] == "unicorn"
    np.testing.assert_allclose(emulated["outputs"], native["outputs"], rtol=1e-4, atol=1e-5)


@pytest.mark.emulate
def test_pictures_for_another_processor(
    command: Command, compiler: Compiler, tiny_bundle: Compiled, tmp_path: Path
) -> None:
    """Emulated answers are the native ones, and stderr says that they are emulated."""
    emulated = compiler(tiny(), "arm_cpu").bundle
    names = np.array(
        [f"class {number}" for number in range(emulated.manifest.outputs[0].shape[-1])]
    )
    pictures = np.random.default_rng(0).integers(0, 256, (5, 20, 20, 3)).astype(np.uint8)
    data, labels = tmp_path / "x.npz", np.arange(5) % len(names)
    np.savez(data, images=pictures, labels=labels, names=names)
    answers = []
    for bundle, said in (
        (emulated, "emulated  by unicorn: 3 pictures\n"),
        (tiny_bundle.bundle, ""),
    ):
        written = tmp_path / "answers.csv"
        result = command("eval", bundle.folder, "--data", data, "--limit", 3, "-o", written)
        assert (result.code, result.err) == (0, said)
        answers.append(written.read_text(encoding="utf-8"))
    assert answers[0] == answers[1]
    np.savez(data, pictures)
    pair = (emulated.folder, emulated.folder, data, "--limit", 2)
    assert command("compare", *pair).err == "emulated  by unicorn: 2 pictures\n"
