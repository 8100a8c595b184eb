"""Detection and segmentation heads: targets and losses by hand, and that they learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.command import Finished

from mnv3gen.detection.conventions import CONVENTIONS
from mnv3gen.detection.decode import Detection, decode_boxes
from mnv3gen.errors import InputError
from mnv3gen.images import named
from mnv3gen.tables.zoo import resolve

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

RECIPE = """
epochs = {epochs}
batch = 32
dropout = 0.0
ema = 0.9
[optimizer]
name = "adamw"
rate = 0.01
rate_for_batch = 32
[schedule]
name = "cosine"
warmup = 0.5
"""


def test_scenes_are_what_they_say() -> None:
    from mnv3gen.train.data.scenes import shapes

    data = shapes(24, 32, train=40, held_out=4)
    again = shapes(24, 32, train=40, held_out=4)
    np.testing.assert_array_equal(data.train.pixels, again.train.pixels)
    assert data.train.pixels.shape == (40, 24, 32, 3)
    assert set(np.unique(data.train.masks)) == {0, 1, 2, 3}
    for mask, boxes in zip(data.train.masks, data.train.boxes, strict=True):
        covered = np.zeros_like(mask, bool)
        for kind, x0, y0, x1, y1 in boxes.astype(int):
            window = mask[y0:y1, x0:x1]
            assert (window == kind).any()
            covered[y0:y1, x0:x1] = True
        assert not mask[~covered].any()


def test_mirrored_scenes_keep_boxes_around_their_pixels() -> None:
    from mnv3gen.train.data.scenes import SceneBatches, shapes

    scenes = shapes(24, 32, train=16, held_out=1).train
    (batch,) = SceneBatches(scenes, named("whole"), 16, seed=3).epoch(0)
    changed = 0
    for mask, boxes in zip(batch.masks.numpy(), batch.boxes, strict=True):
        changed += not (scenes.masks == mask).all((1, 2)).any()
        for kind, x0, y0, x1, y1 in boxes.numpy().astype(int):
            for edge in (mask[y0:y1, x0], mask[y0:y1, x1 - 1], mask[y0, x0:x1]):
                assert kind in edge
    assert 2 < changed < 14


def test_codes_are_what_decoding_undoes() -> None:
    from mnv3gen.train.tasks.boxes import encoded

    anchors = torch.tensor([[0.5, 0.5, 0.2, 0.4], [0.3, 0.6, 0.1, 0.1]])
    boxes = torch.tensor([[0.45, 0.3, 0.75, 0.6], [0.2, 0.5, 0.4, 0.9]])
    for rules in CONVENTIONS.values():
        codes = encoded(anchors, boxes, rules)
        back = decode_boxes(codes.double().numpy(), anchors.double().numpy(), rules)
        np.testing.assert_allclose(back, boxes, atol=1e-6)


def test_matching_by_hand() -> None:
    """The first anchor is box 0 itself; the second has 1/3 of it; the last is box 1's best."""
    from mnv3gen.train.tasks.boxes import matched, overlaps

    boxes = torch.tensor([[0.0, 0.0, 0.2, 0.2], [0.5, 0.5, 0.9, 0.9]])
    anchors = torch.tensor([[0.1, 0.1, 0.2, 0.2], [0.2, 0.1, 0.2, 0.2], [0.6, 0.6, 0.2, 0.2]])
    assert torch.allclose(overlaps(boxes, boxes), torch.eye(2))
    assert overlaps(anchors[:1] * 0 + 0.1, boxes).max() == 0
    assert matched(anchors, boxes).tolist() == [0, -1, 1]
    assert matched(anchors, boxes[:0]).tolist() == [-1, -1, -1]


def test_losses_by_hand() -> None:
    from mnv3gen.train.tasks.detection import focal, mined

    logits = torch.tensor([[[2.0, -1.0], [0.0, 1.0], [3.0, 0.0]]])
    classes = torch.tensor([[1, 0, 0]])
    score = 1 / (1 + np.exp(-logits.numpy()))
    wanted = np.array([[[0, 1], [1, 0], [1, 0]]])
    right = np.where(wanted, score, 1 - score)
    weight = np.where(wanted, 0.75, 0.25)
    expected = (weight * (1 - right) ** 2 * -np.log(right)).sum()
    assert focal(logits, classes).item() == pytest.approx(expected, rel=1e-5)
    exponentials = np.exp(logits.numpy())
    entropy = -np.log(exponentials / exponentials.sum(-1, keepdims=True))
    total = entropy[0, 0, 1] + entropy[0, 1, 0] + entropy[0, 2, 0]
    assert mined(logits, classes).item() == pytest.approx(float(total), rel=1e-5)
    many = torch.cat([logits, logits.expand(1, 3, 2).repeat(1, 9, 1)], 1)
    few = torch.cat([classes, torch.zeros(1, 27, dtype=torch.long)], 1)
    worst = sorted((-torch.log_softmax(many, 2)[0, 1:, 0]).tolist())[-3:]
    assert mined(many, few).item() == pytest.approx(float(entropy[0, 0, 1]) + sum(worst), rel=1e-5)


def test_average_precision_by_hand() -> None:
    """One class found exactly, the other not at all; then a box that overlaps by 0.6."""
    pytest.importorskip("pycocotools")
    from mnv3gen.train.tasks.average_precision import average_precision

    names = ("background", "disc", "square")
    truth = [np.array([[1, 0, 0, 10, 10], [2, 20, 20, 30, 40]], np.float32)]
    exact = Detection(1, "disc", 0.9, (0.0, 0.0, 10.0, 10.0))
    assert average_precision([[exact]], truth, (50, 50), names) == pytest.approx(0.5)
    part = Detection(1, "disc", 0.9, (0.0, 0.0, 10.0, 6.0))
    assert average_precision([[part]], truth, (50, 50), names) == pytest.approx(0.5 * 0.3, abs=0.02)
    assert average_precision([[]], truth, (50, 50), names) == 0.0


def test_data_of_another_kind_are_refused() -> None:
    from mnv3gen.train.data.scenes import shapes
    from mnv3gen.train.tasks.choose import task_of

    scenes = shapes(32, 32, train=2, held_out=2)
    with pytest.raises(InputError, match="one class for a whole picture"):
        task_of(resolve("mobilenet_v3_small", resolution=32), scenes)
    wrong = resolve("lraspp_mobilenet_v3_small", resolution=32, classes=7)
    with pytest.raises(InputError, match="4: background, disc, square, triangle"):
        task_of(wrong, scenes).check()
    with pytest.raises(InputError, match="these data have one class"):
        task_of(wrong, None).check()


def trained(
    command: Callable[..., Finished], tmp_path: Path, network: str, side: int, epochs: int
) -> float:
    recipe = tmp_path / "r.toml"
    recipe.write_text(RECIPE.format(epochs=epochs), encoding="utf-8")
    options = ["--width", "0.35", "--resolution", side, "--recipe", recipe, "--threads", 1]
    run = tmp_path / "run"
    found = command("train", network, *options, "--data", "shapes", "-o", run, "--json")
    quality = found.json["best_accuracy"]
    assert isinstance(quality, float)
    return quality


def test_first_answers_are_unsure() -> None:
    """Four classes for every pixel, each as likely as the others: an entropy of ln 4."""
    from mnv3gen.lower.torch import to_torch
    from mnv3gen.train.data.scenes import SceneBatches, shapes
    from mnv3gen.train.recipe import load_recipe
    from mnv3gen.train.tasks.choose import task_of

    network = resolve("lraspp_mobilenet_v3_small", width="0.35", resolution=64, classes=4)
    task = task_of(network, shapes(64, 64, train=8, held_out=1))
    torch.manual_seed(0)
    module = to_torch(task.graph).train()
    (batch,) = SceneBatches(task.data.train, named("whole"), 8, seed=0).epoch(0)
    loss = task.loss(module(batch.images), batch, load_recipe("paper"))
    assert loss.item() == pytest.approx(np.log(4), rel=0.02)


def test_a_segmentation_learns_shapes(command: Callable[..., Finished], tmp_path: Path) -> None:
    """Background everywhere has a mean intersection over union of less than 0.25."""
    pytest.importorskip("torchmetrics")
    assert trained(command, tmp_path, "lraspp_mobilenet_v3_small", 64, 3) > 0.27


def test_a_detector_learns_shapes(command: Callable[..., Finished], tmp_path: Path) -> None:
    """Minutes would be needed for good boxes; an untrained one has a mAP of 0.0001."""
    pytest.importorskip("pycocotools")
    assert trained(command, tmp_path, "ssdlite_mobilenet_v3_small", 96, 4) > 0.005
