"""Training batches: what they hold, that they repeat, and how processes share them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.training import stripes

from mnv3gen.errors import InputError
from mnv3gen.images import named
from mnv3gen.images.preprocess import to_tensor
from mnv3gen.train.data.examples import ArrayExamples, FileExamples
from mnv3gen.train.recipe import Augment

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

STILL = Augment(shift=0.0, flip=False)


def batches(examples: Any, augment: Augment = STILL, **more: Any) -> Any:
    from mnv3gen.train.data.batches import Batches, form_of

    form = form_of(12, 12, named(more.pop("preprocess", "whole")))
    return Batches(examples, form, augment, more.pop("batch", 8), more.pop("seed", 5), **more)


def examples(count: int = 40) -> ArrayExamples:
    pixels, labels = stripes(count, 3)
    return ArrayExamples("stripes", labels, pixels)


def test_without_changes_a_batch_is_what_evaluation_sees() -> None:
    data = examples()
    for preprocess in ("whole", "inception", "imagenet"):
        seen: list[int] = []
        for batch in batches(data, preprocess=preprocess).epoch(0):
            for image, label in zip(batch.images, batch.labels, strict=True):
                errors = [
                    np.abs(to_tensor(data.picture(i), 12, 12, named(preprocess)) - ours).max()
                    for ours in [image.permute(1, 2, 0).numpy()]
                    for i in range(len(data))
                ]
                found = int(np.argmin(errors))
                # Pillow rounds to 8 bits after each of its two passes: a step of 1 / 255 in all.
                assert errors[found] < 1.01 / 255 / 0.22
                assert data.labels[found] == label
                seen.append(found)
        assert sorted(seen) == list(range(40))


def test_pictures_much_larger_than_the_input_are_averaged_as_in_evaluation() -> None:
    random = np.random.RandomState(0)
    pixels = random.randint(0, 256, (8, 96, 96, 3), np.uint8)
    data = ArrayExamples("noise", np.arange(8), pixels)
    (batch,) = batches(data).epoch(0)
    for image, label in zip(batch.images, batch.labels, strict=True):
        expected = to_tensor(data.picture(int(label)), 12, 12, named("whole"))
        assert np.abs(image.permute(1, 2, 0).numpy() - expected).max() < 1.01 / 127.5


def test_the_same_seed_gives_the_same_batches_from_any_start() -> None:
    augment = Augment(shift=0.2, zoom=0.2, color=0.5, erase=0.5, mixup=0.4)
    first, again = (list(batches(examples(), augment).epoch(3)) for _ in range(2))
    late = list(batches(examples(), augment).epoch(3, start=2))
    assert (len(first), len(late)) == (5, 3)
    for ours, theirs in [*zip(first, again, strict=True), *zip(first[2:], late, strict=True)]:
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.labels, theirs.labels)
        assert 0 < ours.own == theirs.own < 1
    other = next(batches(examples(), augment).epoch(4))
    assert not torch.equal(first[0].images, other.images)


@pytest.mark.parametrize("crop", ["shift", "inception"])
def test_processes_share_a_batch(crop: Any) -> None:
    from mnv3gen.train.data.batches import Share

    augment = Augment(crop=crop, shift=0.2, color=1.0, erase=0.5)
    whole = list(batches(examples(), augment).epoch(1))
    parts = [list(batches(examples(), augment, share=Share(rank, 2)).epoch(1)) for rank in (0, 1)]
    for all_of_it, first, second in zip(whole, *parts, strict=True):
        assert torch.allclose(all_of_it.images, torch.cat([first.images, second.images]), atol=1e-6)
        assert torch.equal(all_of_it.labels, torch.cat([first.labels, second.labels]))


def test_fewer_pictures_than_a_batch_or_than_processes() -> None:
    from mnv3gen.train.data.batches import Share

    assert len(next(batches(examples(5), batch=100).epoch(0)).labels) == 5
    with pytest.raises(InputError, match="fewer pictures than processes"):
        batches(examples(1), share=Share(0, 2))


@pytest.mark.parametrize("workers", [0, 2])
def test_files_are_cut_as_arrays_are_and_unreadable_ones_are_counted(
    tmp_path: Path, workers: int
) -> None:
    data = examples(16)
    for index in range(16):
        Image.fromarray(data.pixels[index]).save(tmp_path / f"{index}.png")
    paths = tuple(tmp_path / f"{index}.png" for index in range(16))
    expected = list(batches(data).epoch(2))
    found = list(batches(FileExamples("files", data.labels, paths), workers=workers).epoch(2))
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours.images, theirs.images, atol=1e-5)
        assert torch.equal(ours.labels, theirs.labels)
    paths[3].write_bytes(b"no picture")
    broken = batches(FileExamples("files", data.labels, paths), workers=workers)
    assert sum(len(batch.labels) for batch in broken.epoch(2)) == 15
    (problem,) = broken.skipped
    assert str(paths[3]) in problem


def test_a_batch_without_one_readable_picture_stops(tmp_path: Path) -> None:
    paths = tuple(tmp_path / f"{index}.png" for index in range(4))
    for path in paths:
        path.write_bytes(b"")
    files = FileExamples("files", np.zeros(4, np.int64), paths)
    with pytest.raises(InputError, match="not one picture of a batch could be read"):
        list(batches(files).epoch(0))


def test_mirrored_pictures() -> None:
    ramp = np.tile(np.arange(0, 240, 20, dtype=np.uint8), (64, 12, 1))
    data = ArrayExamples("ramps", np.zeros(64, np.int64), ramp)
    (batch,) = batches(data, Augment(shift=0.0, flip=True), batch=64).epoch(0)
    rising = batch.images[:, 0, 0, -1] > batch.images[:, 0, 0, 0]
    assert 16 < int(rising.sum()) < 48  # half of 64, four standard deviations
    falling = batch.images[~rising][0, 0, 0]
    assert torch.allclose(falling.flip(0), batch.images[rising][0, 0, 0], atol=1e-6)


def test_boxes_by_hand() -> None:
    """Inception: half of the area, square; then 'shift': moved right by all of its range."""
    from mnv3gen.train.data.augment import COLUMNS, boxes

    draws = torch.zeros(1, COLUMNS)
    draws[0, :4] = torch.tensor([0.5, 0.5, 1.0, 0.0])  # area, aspect, place
    kept, sizes = torch.tensor([[10.0, 5.0, 80.0, 40.0]]), torch.tensor([[100.0, 50.0]])
    inception = Augment(crop="inception", area=(0.0001, 0.9999), aspect=(0.5, 2.0))
    side = 2500**0.5
    found = boxes(inception, kept, sizes, 1.0, draws)
    assert found[0].tolist() == pytest.approx([100 - side, 0, side, side], abs=1e-3)
    draws[0, :3] = torch.tensor([1.0, 0.5, 0.5])
    found = boxes(Augment(shift=0.25), kept, sizes, 1.0, draws)
    assert found[0].tolist() == pytest.approx([10 + 0.25 * 80, 5, 80, 40])


def test_colours_by_hand() -> None:
    from mnv3gen.train.data.augment import COLOR, COLUMNS, recolored

    draws = torch.full((1, COLUMNS), 0.5)
    picture = torch.rand(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(recolored(picture, 1.0, draws), picture, atol=1e-6)
    draws[0, COLOR.start + 2] = 0.0  # saturation times 1 - 1 at strength 2: gray
    gray = recolored(picture, 2.0, draws)
    expected = 0.299 * picture[:, 0] + 0.587 * picture[:, 1] + 0.114 * picture[:, 2]
    for channel in range(3):
        assert torch.allclose(gray[:, channel], expected, atol=1e-6)
    draws[0, COLOR.start + 2] = 0.5
    draws[0, COLOR.start + 3] = 5 / 6  # a third of a turn: 2/3 of half a turn at strength 5
    red = torch.zeros(1, 3, 1, 1)
    red[0, 0] = 1
    assert recolored(red, 5.0, draws).flatten().tolist() == pytest.approx([0, 1, 0], abs=1e-5)


def test_mixup_mixes_neighbours_and_their_losses() -> None:
    from mnv3gen.train.data.batches import Batch
    from mnv3gen.train.losses import classification_loss

    scores = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    batch = Batch(torch.zeros(2), torch.tensor([0, 1]), own=0.75)
    softmax = scores.softmax(1)
    own = -(softmax[0, 0].log() + softmax[1, 1].log()) / 2
    other = -(softmax[0, 1].log() + softmax[1, 0].log()) / 2
    expected = 0.75 * own + 0.25 * other
    assert classification_loss(scores, batch, 0.0).item() == pytest.approx(expected.item())


def test_an_error_in_the_thread_that_makes_batches_is_raised_here() -> None:
    from mnv3gen.train.data.ahead import ahead

    def failing() -> Any:
        yield 1
        raise InputError("no more")

    items = ahead(failing())
    assert next(items) == 1
    with pytest.raises(InputError, match="no more"):
        next(items)
