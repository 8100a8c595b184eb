"""Bad input: exit code 2, and one screen that says where, what was found, what was expected."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command import Finished, mnv3gen
from support.compiled import TINY, Compiled, tiny

from mnv3gen.cli.main import run
from mnv3gen.graph.expand import expand
from mnv3gen.graph.seeded import seeded_weights
from mnv3gen.graph.weights import save_weights

Command = Callable[..., Finished]

WITH_INPUTS = """\
input: 20x20x3
Input       Operator     exp size  #out  SE  NL  s
20^2 x 3    conv2d, 3x3         -     8   -  HS  2
12^2 x 8    bneck, 3x3         16     8   -  RE  1
"""


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (TINY.replace("      16     8", "    lots     8"), (":7:18", "lots", "expected")),
        (TINY.replace("bneck, 3x3", "bnek, 3x3 "), (":7:", "found:    bnek", "nearest:  bneck")),
        (TINY.replace("-  RE  1", "-  RE  3"), (":7:", "3", "expected")),
        (TINY.replace("-  RE  1", "-  RX  1"), (":7:", "found:    RX", "expected")),
        (WITH_INPUTS, (":4:", "12", "10")),
        (TINY.replace("name:", "nmae:"), (":1:", "nmae", "nearest:  name")),
        ("", ("expected",)),
        ("\x00\x01", ("expected",)),
    ],
)
def test_tables(command: Command, tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    path = tmp_path / "bad.bneck"
    path.write_text(text, encoding="utf-8")
    for name in ("describe", "compile"):
        command(name, path).refused(str(path), *parts)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["describe", "mobilenet_v3_larg"], ("mobilenet_v3_larg", "nearest:  mobilenet_v3_large")),
        (["describe", "missing.bneck"], ("missing.bneck", "expected")),
        (["describe"], ("NETWORK",)),
        (["compile", "mobilenet_v3_small", "--rule", "--require-tuned"], ("--rule", "expected")),
        (["describe", "mobilenet_v3_small", "--variant", "torchvison"], ("nearest:  torchvision",)),
        (["describe", "mobilenet_v3_small", "--width", "wide"], ("width", "wide", "expected")),
        (["describe", "mobilenet_v3_small", "--width", "0"], ("width", "0", "expected")),
        (["describe", "mobilenet_v3_small", "--width", "nan"], ("width", "nan", "expected")),
        (["describe", "mobilenet_v3_small", "--resolution", "0"], ("0", "expected")),
        (["describe", "mobilenet_v3_small", "--resolution", "9x"], ("resolution", "9x", "192x256")),
        (["describe", "mobilenet_v3_small", "--resolution", "-5"], ("-5", "expected")),
        (["describe", "mobilenet_v3_small", "--classes", "0"], ("--classes", "0")),
        (["targets", "rpi44"], ("found:    rpi44", "expected: one of", "nearest:  rpi4")),
        (["compile", "--target", "cortex-a77"], ("cortex-a77", "nearest:  cortex-a7")),
        (["compile", "--weights", "missing.safetensors"], ("missing.safetensors",)),
        (["compile", "--frobnicate"], ("--frobnicate",)),
        (["run", "missing", "photo.jpg"], ("missing: not a bundle", "expected: a folder")),
    ],
)
def test_arguments(command: Command, arguments: list[str], parts: tuple[str, ...]) -> None:
    command(*arguments).refused(*parts)


def test_a_real_process_says_the_same() -> None:
    mnv3gen("describe", "mobilenet_v3_smal").refused("nearest:  mobilenet_v3_small")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('base = "rpi4"\nclock = 3\n', ("clock", "expected")),
        ('base = "rpi4"\n[llvm]\nfeatures = ["neon", "dotprod"]\n', ("llvm.features", "dotprod")),
        ('base = "rpi4"\n[core]\nvector_bits = "128"\n', ("core.vector_bits", "'128'", "int")),
        ('description = "mine"\n', ("architecture", "missing")),
        ("description = \n", ("line 1", "TOML")),
    ],
)
def test_target_files(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    parts: tuple[str, ...],
) -> None:
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "mine.toml").write_text(text)
    monkeypatch.setenv("MNV3GEN_PATH", str(tmp_path))
    command("compile", "--target", "mine").refused("mine.toml", *parts)
    command("targets", "mine").refused("mine.toml", *parts)


def test_weights(command: Command, table: Path, tmp_path: Path) -> None:
    weights = seeded_weights(expand(tiny()))
    names = sorted(weights)
    missing, wrong = names[0], names[1]
    del weights[missing]
    weights[wrong] = np.zeros((3, 4), dtype=np.float32)
    weights["surplus"] = np.zeros(2, dtype=np.float32)
    path = tmp_path / "w.safetensors"
    save_weights(weights, path)
    result = command("compile", table, "--weights", path)
    result.refused(str(path), missing, f"{wrong} is [3, 4]", "surplus [2]", "expected")
    path.write_bytes(b"not safetensors at all")
    command("compile", table, "--weights", path).refused(str(path), "safetensors", "found")


def test_labels(command: Command, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    command("compile", table, "--labels", path).refused(str(path), "cannot be read")
    path.write_text("cat\ndog\n")
    command("compile", table, "--labels", path).refused(str(path), "2 labels", "10 labels")
    path.write_text("cat\n\ndog\n")
    command("compile", table, "--labels", path).refused(f"{path}:2", "no label")


@pytest.mark.compile
def test_pictures(command: Command, tiny_bundle: Compiled, tmp_path: Path) -> None:
    folder, path = tiny_bundle.bundle.folder, tmp_path / "photo.jpg"
    command("run", folder, path).refused(str(path))
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    command("run", folder, path).refused(str(path), "damaged or cut off")
    path.write_text("not a picture")
    command("run", folder, path).refused(str(path), "found", "expected")
    tensor = tmp_path / "tensor.npy"
    np.save(tensor, np.zeros((20, 21, 3), dtype=np.float32))
    command("run", folder, tensor).refused(str(tensor), "21", "expected")


@pytest.mark.compile
@pytest.mark.parametrize(
    ("file", "change", "parts"),
    [
        ("libtiny.so", lambda content: content[:-1] + b"?", ("changed after compilation",)),
        ("libtiny.so", lambda content: content[:5000], ("5000 bytes", "expected")),
        ("tiny.h", lambda content: content + b"\n", ("changed after compilation",)),
        ("manifest.json", lambda content: content[:300], ("not a manifest", "found")),
        ("manifest.json", lambda content: b"{}", ("not a manifest", "found")),
        (
            "manifest.json",
            lambda content: content.replace(b'"format": 3', b'"format": 999'),
            ("format", "found:    999", "expected: 3"),
        ),
        (
            "manifest.json",
            lambda content: content.replace(b'"arena_bytes"', b'"arena"'),
            ("not a manifest", "arena"),
        ),
        (
            "manifest.json",
            lambda content: content.replace(b'"name": "tiny"', b'"name": "tony"'),
            ("changed after compilation",),
        ),
        (
            "manifest.json",
            lambda content: content.replace(b'"arena_bytes": ', b'"arena_bytes": 1'),
            ("changed after compilation",),
        ),
        (
            "manifest.json",
            lambda content: content.replace(b'"sha256": "', b'"sha256": "0'),
            ("changed after compilation",),
        ),
    ],
)
def test_a_changed_bundle(
    command: Command,
    tiny_bundle: Compiled,
    tmp_path: Path,
    file: str,
    change: Callable[[bytes], bytes],
    parts: tuple[str, ...],
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_bundle.bundle.folder, folder)
    (folder / file).write_bytes(change((folder / file).read_bytes()))
    np.save(tmp_path / "input.npy", np.zeros((20, 20, 3), dtype=np.float32))
    command("run", folder, tmp_path / "input.npy").refused(str(folder / file), *parts)


@pytest.mark.compile
def test_run_options(command: Command, tiny_bundle: Compiled, tmp_path: Path) -> None:
    np.save(tmp_path / "input.npy", np.zeros((20, 20, 3), dtype=np.float32))
    arguments = ["run", tiny_bundle.bundle.folder, tmp_path / "input.npy"]
    command(*arguments, "--top", "0").refused("--top")
    command(*arguments, "--executor", "unicron").refused("unicron", "nearest:  unicorn")
    command(*arguments, "-o", tmp_path / "x.csv").refused("x.csv", ".npz")
    command(*arguments, "-o", tmp_path / "no" / "x.npz").refused(str(tmp_path / "no"))


@pytest.mark.parametrize("arguments", [["train", "mobilenet_v3_small"], ["eval", "w.safetensors"]])
def test_torch_is_not_there(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # what makes `import torch` fail
    assert run([*arguments, "--data", "digits"]) == 1
    assert "pip install 'mnv3gen[train]'" in capsys.readouterr().err
