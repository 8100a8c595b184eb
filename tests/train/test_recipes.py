"""Recipes, rates and RMSProp, against section 6.1.1 and TensorFlow's own formulas."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnv3gen.errors import InputError
from mnv3gen.train.recipe import FILES, Recipe, load_recipe, rate_at


def test_the_papers_recipe() -> None:
    recipe = load_recipe("paper")
    optimizer = recipe.optimizer
    assert (optimizer.name, optimizer.momentum, optimizer.weight_decay) == ("rmsprop", 0.9, 1e-5)
    assert (optimizer.rate, optimizer.rate_for_batch) == (0.1, 4096)
    assert (recipe.dropout, recipe.bn_decay, recipe.ema) == (0.2, 0.99, 0.9999)
    assert recipe.augment.crop == "inception"


def test_the_papers_rate_falls_by_a_hundredth_every_three_epochs() -> None:
    recipe = load_recipe("paper")
    assert rate_at(recipe, 5.0, 0) == pytest.approx(0.1 * 0.99)
    assert rate_at(recipe, 8.9, 0) == pytest.approx(0.1 * 0.99**2)
    assert rate_at(recipe, 9.0, 0) == pytest.approx(0.1 * 0.99**3)
    assert rate_at(recipe, 1.0, 0) == pytest.approx(0.1 / 5)  # a fifth of the warm-up


def test_the_rate_is_scaled_with_the_batch(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(
        'epochs = 1\nbatch = 64\n[optimizer]\nname = "sgd"\nrate = 0.4\nrate_for_batch = 256\n'
        '[schedule]\nname = "cosine"\n',
        encoding="utf-8",
    )
    recipe = load_recipe(str(path))
    assert [rate_at(recipe, 0, share) for share in (0, 0.5, 1, 1.5)] == pytest.approx(
        [0.1, 0.05, 0, 0]
    )


@pytest.mark.parametrize("name", FILES.names())
def test_every_recipe_is_valid(name: str) -> None:
    recipe = load_recipe(name)
    assert isinstance(recipe, Recipe)
    assert recipe.description


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("batch = 0", "batch"),
        ("bathc = 1", "bathc"),
        ("dropout = 1.0", "dropout"),
        ("[augment]\narea = [0.9, 0.1]", "not a range"),
        ("[augment]\narea = [0.1, 1.5]", "area of at most 1"),
        ("epochs = ", "not a recipe"),
    ],
)
def test_recipes_that_are_none(tmp_path: Path, change: str, words: str) -> None:
    path = tmp_path / "r.toml"
    text = 'epochs = 1\nbatch = 1\n[optimizer]\nname = "sgd"\nrate = 1.0\nrate_for_batch = 1\n'
    text += '[schedule]\nname = "cosine"\n'
    key = change.split(" = ")[0]
    lines = [line for line in text.splitlines() if not line.startswith(f"{key} =")]
    lines = [*lines, change] if change.startswith("[") else [change, *lines]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        load_recipe(str(path))


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nearest:  paper"):
        load_recipe("papper")
    with pytest.raises(InputError, match="No such file"):
        load_recipe(str(tmp_path / "none.toml"))


@pytest.mark.torch
def test_rmsprop_is_tensorflows() -> None:
    """Two steps by hand: averages start at 1, epsilon is under the root, the rate in the step."""
    torch = pytest.importorskip("torch")
    from mnv3gen.train.rmsprop import RmsProp

    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = RmsProp([weight], lr=0.1, average=0.9, momentum=0.5, eps=0.25, weight_decay=0.5)
    average, step, value = 1.0, 0.0, 2.0
    for rate in (0.1, 0.01):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        (3 * weight).sum().backward()
        optimizer.step()
        gradient = 3 + 0.5 * value
        average = 0.9 * average + 0.1 * gradient**2
        step = 0.5 * step + rate * gradient / (average + 0.25) ** 0.5
        value -= step
        assert weight.item() == pytest.approx(value, rel=1e-6)
