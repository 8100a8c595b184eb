"""A bundle with the weights that it was compiled with."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from support.compiled import Compiled, Compiler, tiny

from mnv3gen.bench.subject import native_bundle, opened
from mnv3gen.cli.bench_forms import Form
from mnv3gen.compile.bundle import Bundle
from mnv3gen.compile.pipeline import compile_network
from mnv3gen.errors import BundleError, InputError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.graph.weights import save_weights
from mnv3gen.images import named
from mnv3gen.quantize.pictures import Pictures
from mnv3gen.quantize.prepare import calibrate, prepare

pytestmark = pytest.mark.compile


def test_seeded_weights_are_made_again(tiny_bundle: Compiled) -> None:
    subject = opened(native_bundle(tiny_bundle.bundle.folder), None)
    assert subject.name == "tiny"
    assert subject.weights.keys() == tiny_bundle.weights.keys()
    for name, value in tiny_bundle.weights.items():
        np.testing.assert_array_equal(subject.weights[name], value)
    (expected,) = run(subject.graph, subject.weights, seeded_input((20, 20, 3))).values()
    np.testing.assert_allclose(subject.expected[0], expected, rtol=1e-6)
    # Table of TINY at 20 x 20: the stem's 10*10*27*8, and so on.
    stem, expand1, depthwise1, project1 = 10 * 10 * 27 * 8, 100 * 8 * 16, 100 * 9 * 16, 100 * 16 * 8
    squeeze = 2 * 24 * 8
    second = 100 * 8 * 24 + 25 * 25 * 24 + squeeze + 25 * 24 * 16
    assert subject.madds == stem + expand1 + depthwise1 + project1 + second + 16 * 10


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory, compiler: Compiler) -> Bundle:
    """A bundle of weights that came from a file."""
    folder = tmp_path_factory.mktemp("weights")
    weights = seeded_weights(expand(tiny()), seed=9)
    save_weights(weights, folder / "w.safetensors")
    save_weights(seeded_weights(expand(tiny()), seed=8), folder / "other.safetensors")
    request = dataclasses.replace(
        compiler(tiny()).request, weights=weights, weights_source="w.safetensors"
    )
    return compile_network(request, folder / "bundle", use_cache=False).bundle


def test_weights_of_a_file(from_file: Bundle) -> None:
    folder = from_file.folder.parent
    subject = opened(from_file, folder / "w.safetensors")
    assert subject.graph == expand(tiny())
    with pytest.raises(InputError) as missing:
        opened(from_file, None)
    assert missing.value.found == "compiled with w.safetensors"
    with pytest.raises(BundleError, match="compiled with other weights") as other:
        opened(from_file, folder / "other.safetensors")
    assert "other.safetensors" in str(other.value.found)


def test_what_does_not_run_here(compiler: Compiler, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a bundle"):
        native_bundle(tmp_path)
    foreign = compiler(tiny(), "armv7").bundle
    with pytest.raises(InputError, match="cannot be timed here") as caught:
        native_bundle(foreign.folder)
    assert "compiled for armv7; this processor is" in str(caught.value.found)


def test_int8_is_the_network_that_compile_makes(tmp_path: Path) -> None:
    """With pictures: their ranges, by the default observer, and corrected biases."""
    data = np.stack([seeded_input((20, 20, 3), seed) for seed in range(3)])
    np.savez(tmp_path / "x.npz", x=data)
    weights = seeded_weights(expand(tiny()))
    form = Form(None, None, None, (), None, 0, int8=True, calibration=tmp_path / "x.npz")
    assert form.quantize is not None
    found, source = form.quantize(tiny(), weights)
    pictures = Pictures(tmp_path / "x.npz", (20, 20, 3), named(tiny().conventions.preprocess))
    statistics = calibrate(tiny(), weights, pictures)
    assert statistics.shifts
    assert found.fingerprint == prepare(tiny(), weights, statistics).fingerprint
    assert source == "x.npz (mse, 3 pictures)"
