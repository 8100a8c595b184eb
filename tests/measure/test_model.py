"""The learned model: what it learns, what it is kept as, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from mnv3gen.compile.kernel import Kernel
from mnv3gen.errors import InputError
from mnv3gen.generate.group import Group
from mnv3gen.measure import model as models
from mnv3gen.measure.features import estimate_ms, tensors_of, weights_of
from mnv3gen.measure.kernel import Code
from mnv3gen.measure.model import Model, fitted, load, save
from mnv3gen.measure.protocol import Protocol, State, Times
from mnv3gen.measure.records import Record

pytest.importorskip("xgboost", reason="pip install 'mnv3gen[tune]'")


def group(side: int, channels: int, out: int) -> Group:
    """A pointwise convolution."""
    kernel = Kernel("conv", (side, side, channels), (side, side, out), epilogue=("bias", "relu"))
    return Group((kernel,), ((-1,),), (0,))


def truth(of: Group) -> float:
    """Milliseconds of a core that is not the model's rough one."""
    return 0.002 + of.madds / 2.3e7 + weights_of(of) / 1.1e7


def records(count: int) -> list[Record]:
    """Kernels of that core."""
    random = np.random.default_rng(3)
    found = []
    for number in range(count):
        side = int(random.choice([7, 14, 28, 56]))
        channels, out = (int(8 * random.integers(1, 40)) for _ in range(2))
        own = group(side, channels, out)
        ms = truth(own)
        far, near = (Times(it, it, it, 15) for it in (ms, ms * 0.9))
        found.append(
            Record(
                kind="kernel",
                name=own.name,
                target="rpi4",
                core="x",
                device="pi",
                bundle=f"{number:016x}",
                protocol=Protocol(),
                times={"small_cold": far, "small_near": near, "cold": far, "near": near},
                noisy=False,
                attempts=1,
                before=State(),
                after=State(),
                group=own,
                schedule="pointwise",
                parameters={"vectors": 4},
            )
        )
    return found


@pytest.fixture(scope="module")
def model() -> Model:
    """A model of 200 kernels."""
    return fitted(records(200))


def code(of: Group) -> Code:
    """A kernel that the model has not seen."""
    return Code(of, "pointwise", 1, {"vectors": 4}, 0)


def test_sizes_of_a_group() -> None:
    """14 x 14 pixels, 80 to 184 channels, float32."""
    own = group(14, 80, 184)
    assert weights_of(own) == 4 * (80 * 184 + 184)
    assert tensors_of(own) == 4 * 196 * (80 + 184)
    assert estimate_ms(own) > 196 * 80 * 184 / 4e7


def test_it_learns_kernels_that_it_has_not_seen(model: Model) -> None:
    assert (model.fit.kernels, model.fit.folds) == (200, 5)
    assert 0 < model.fit.mean_error < 0.1
    unseen = {str(side): code(group(side, 100, 150)) for side in (7, 14, 28)}
    for key, (small_cold, small_near, cold, near) in model.guess(unseen).items():
        expected = truth(unseen[key].group)
        assert cold == pytest.approx(expected, rel=0.15)
        assert small_near <= small_cold and near <= cold
        assert near == pytest.approx(0.9 * expected, rel=0.15)


def test_it_is_kept_as_json(model: Model, tmp_path: Path) -> None:
    save(model, tmp_path / "model.json")
    file = json.loads((tmp_path / "model.json").read_text())
    assert file["booster"]["learner"]["gradient_booster"]["model"]["trees"]
    again = load(tmp_path / "model.json")
    wanted = {"x": code(group(28, 64, 96))}
    assert again.guess(wanted)["x"] == pytest.approx(model.guess(wanted)["x"], rel=1e-6)
    assert (again.fit, again.trained_on) == (model.fit, models.basis(records(200)))


def test_other_records_are_another_basis() -> None:
    some = records(50)
    changed = msgspec.structs.replace(some[7], times={**some[7].times, "cold": Times(9, 9, 9, 1)})
    assert models.basis(some) == models.basis(some[::-1])
    assert models.basis(some) != models.basis([*some[:7], changed, *some[8:]])


def test_too_few_kernels_are_refused() -> None:
    with pytest.raises(InputError, match="too few kernels to learn from\n  found:    39"):
        fitted(records(39))
    noisy = [msgspec.structs.replace(it, noisy=True) for it in records(60)]
    with pytest.raises(InputError, match="found:    0 that were measured and are not noisy"):
        fitted(noisy)


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1}', "\x80"])
def test_what_is_no_model_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(InputError, match="not a model of mnv3gen"):
        load(tmp_path / "model.json")
