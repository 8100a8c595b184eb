"""Seeded weights and inputs: reproducible, and with the statistics of a trained network."""

from __future__ import annotations

import numpy as np
import pytest

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import parameter_shapes
from mnv3gen.graph.reference import run_all
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.tables.zoo import resolve

TINY = expand(resolve("mobilenet_v3_small", "0.35", 32, classes=10))


def test_the_same_seed_gives_the_same_weights() -> None:
    first, again = seeded_weights(TINY, seed=5), seeded_weights(TINY, seed=5)
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_another_seed_gives_other_weights() -> None:
    first, other = seeded_weights(TINY, seed=5), seeded_weights(TINY, seed=6)
    assert [name for name in first if np.array_equal(first[name], other[name])] == []


def test_names_and_shapes_are_the_graphs() -> None:
    weights = seeded_weights(TINY)
    shapes = parameter_shapes(TINY)
    assert weights.keys() == shapes.keys()
    assert all(weights[name].shape == shape for name, shape in shapes.items())
    assert {tensor.dtype for tensor in weights.values()} == {np.dtype(np.float32)}
    assert all(np.isfinite(tensor).all() for tensor in weights.values())


@pytest.mark.parametrize(
    ("name", "resolution"), [("mobilenet_v3_large", 96), ("mobilenet_v3_small", 224)]
)
@pytest.mark.parametrize("seed", [0, 4])
def test_activations_neither_vanish_nor_explode(name: str, resolution: int, seed: int) -> None:
    """Also for an input that the weights were not drawn with."""
    graph = expand(resolve(name, resolution=resolution))
    tensors = run_all(graph, seeded_weights(graph), seeded_input(graph.input_shape, seed))
    deviations = {tensor: float(values.std()) for tensor, values in tensors.items()}
    most = 20 if seed == 0 else 100
    assert {tensor: d for tensor, d in deviations.items() if not 0.02 < d < most} == {}
    gates = {tensor: tensors[tensor].mean() for tensor in tensors if tensor.endswith("excite")}
    assert gates
    assert {tensor: mean for tensor, mean in gates.items() if not 0.2 < mean < 0.8} == {}


def test_batch_normalization_is_not_the_identity() -> None:
    weights = seeded_weights(TINY)
    normalized = [conv.name for conv in TINY.convolutions if conv.batch_norm]
    for part, identity in [("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)]:
        values = np.concatenate([weights[f"{name}.bn.{part}"] for name in normalized])
        assert np.abs(values - identity).mean() > 0.05, part
    assert all((weights[f"{name}.bn.running_var"] > 0).all() for name in normalized)


def murmur3_finalizer(value: int) -> int:
    value ^= value >> 16
    value = value * 0x85EBCA6B & 0xFFFFFFFF
    value ^= value >> 13
    value = value * 0xC2B2AE35 & 0xFFFFFFFF
    return value ^ value >> 16


def test_the_finalizer_of_this_test_is_murmurs() -> None:
    assert [murmur3_finalizer(value) for value in (0, 1)] == [0, 0x514E28B7]


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_the_first_inputs_in_plain_integers(seed: int) -> None:
    hashes = [murmur3_finalizer(i + seed * 0x9E3779B9 & 0xFFFFFFFF) for i in range(6)]
    expected = [((value >> 8) / 2**23 - 1) * 3**0.5 for value in hashes]
    found = seeded_input((1, 2, 3), seed)
    assert found.shape == (1, 2, 3)
    assert found.dtype == np.float32
    assert found.ravel().tolist() == pytest.approx(expected, rel=1e-6)


def test_inputs_have_mean_0_and_variance_1() -> None:
    data = seeded_input((224, 224, 3), seed=2).astype(np.float64)
    assert abs(data.mean()) < 0.01
    assert abs(data.var() - 1) < 0.01
    assert np.abs(data).max() <= 1.7320509
