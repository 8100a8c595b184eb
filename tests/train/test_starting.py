"""Starting from another network's weights, and learning from a teacher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.command import Finished
from support.training import TABLE, little, write_recipe, write_stripes

from mnv3gen.errors import WeightsError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.seeded import seeded_weights
from mnv3gen.graph.weights import load_weights, save_weights
from mnv3gen.tables.scaling import scaled

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def test_a_smaller_network_takes_the_first_filters_of_a_bigger_one(tmp_path: Path) -> None:
    from mnv3gen.train.starting import starting_weights

    bigger = scaled(little(), 2)
    weights = seeded_weights(expand(bigger))
    save_weights(weights, tmp_path / "big.safetensors")
    start = starting_weights(tmp_path / "big.safetensors", little())
    for name, value in start.weights.items():
        part = tuple(slice(size) for size in value.shape)
        np.testing.assert_array_equal(value, weights[name][part], err_msg=name)
    assert (start.cut > 0, start.fresh) == (True, 0)
    assert start.whole + start.cut == len(start.weights)


def test_a_bigger_network_keeps_what_it_was_given(tmp_path: Path) -> None:
    from mnv3gen.train.starting import starting_weights

    weights = seeded_weights(expand(little()))
    del weights["conv2d3.weight"]
    save_weights(weights, tmp_path / "small.safetensors")
    start = starting_weights(tmp_path / "small.safetensors", scaled(little(), 2))
    stem = start.weights["conv2d1.weight"]
    np.testing.assert_array_equal(stem[:8], weights["conv2d1.weight"])
    assert stem[8:].std() > 0
    assert start.fresh == 1
    assert start.weights["conv2d3.weight"].std() == pytest.approx(0.01, rel=0.3)


def test_a_window_of_another_size_is_centered() -> None:
    from mnv3gen.train.starting import fitted

    small = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    large = fitted(small, np.full((2, 1, 5, 5), 7, np.float32))
    expected = np.zeros((5, 5))
    expected[1:4, 1:4] = small[0, 0]
    np.testing.assert_array_equal(large[0, 0], expected)
    np.testing.assert_array_equal(large[1], np.full((1, 5, 5), 7))
    np.testing.assert_array_equal(fitted(large, small), small)


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    from mnv3gen.train.starting import load_teacher, starting_weights

    path = tmp_path / "other.safetensors"
    save_weights({"features.0.weight": np.zeros((1, 1), np.float32)}, path)
    with pytest.raises(WeightsError, match="no parameter of this network") as caught:
        starting_weights(path, little())
    assert "features.0.weight" in str(caught.value)
    with pytest.raises(WeightsError, match="does not say which network it is for"):
        load_teacher(path, little(), 0.5)


def test_the_distillation_loss_by_hand() -> None:
    from mnv3gen.train.losses import distillation_loss

    scores, teacher = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    ours, theirs = (np.exp(x / 2) / np.exp(x / 2).sum() for x in (scores.numpy(), teacher.numpy()))
    expected = 4 * float((theirs * np.log(theirs / ours)).sum())
    assert distillation_loss(scores, teacher, 2.0).item() == pytest.approx(expected, rel=1e-5)
    assert distillation_loss(teacher, teacher, 2.0).item() == pytest.approx(0, abs=1e-6)


def test_fine_tuning_starts_from_what_was_learned(
    command: Callable[..., Finished], tmp_path: Path
) -> None:
    """From a trained network one epoch at a low rate is as good; a student learns from it."""
    table = tmp_path / "little.bneck"
    table.write_text(TABLE, encoding="utf-8")
    data, recipe = write_stripes(tmp_path / "d.npz"), write_recipe(tmp_path / "r.toml")
    common = ["train", table, "--data", data, "--recipe", recipe, "--threads", 1, "--json"]
    big = command(*common, "--width", 2, "--epochs", 8, "-o", tmp_path / "big").json
    best = tmp_path / "big" / "best.safetensors"
    tuned = command(
        *common, "--width", 2, "--epochs", 1, "--rate", 1e-4, "--from", best, "-o", tmp_path / "t"
    ).json
    assert tuned["best_accuracy"] >= big["best_accuracy"] - 0.03 >= 0.9
    student = command(
        *common, "--epochs", 8, "--from", best, "--teacher", best, "-o", tmp_path / "student"
    )
    assert student.json["best_accuracy"] >= 0.9
    assert "cut or widened" in student.err
    graph = expand(replace(little(), name="little"))
    load_weights(tmp_path / "student" / "best.safetensors", graph)


def test_a_teacher_of_other_classes_is_refused(tmp_path: Path) -> None:
    from mnv3gen.tables.scaling import with_classes
    from mnv3gen.train.folder import metadata_of
    from mnv3gen.train.starting import load_teacher

    other = with_classes(little(), 4)
    path = tmp_path / "other.safetensors"
    save_weights(seeded_weights(expand(other)), path, metadata_of(other, ()))
    with pytest.raises(WeightsError, match="of other inputs or classes"):
        load_teacher(path, little(), 0.5)
