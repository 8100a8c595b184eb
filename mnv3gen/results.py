"""What a bundle's outputs mean: classes, detections or a map of classes, and pictures of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from mnv3gen import detection, segmentation
from mnv3gen.compile.manifest import Manifest
from mnv3gen.detection import Detection
from mnv3gen.detection.heads import class_count, numbers_of
from mnv3gen.errors import InputError
from mnv3gen.images import Ranked, kept_box
from mnv3gen.run import Outputs, replacing_file, save_outputs, top_of
from mnv3gen.segmentation import Share

Kind: TypeAlias = Literal["classification", "detection", "segmentation"]
Box: TypeAlias = tuple[float, float, float, float]
RAW = ".npz"
PICTURES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Classes:
    """The best classes of a picture; empty if the network has several outputs of another kind."""

    top: list[Ranked]


@dataclass(frozen=True)
class Detections:
    """What was found, the best first, in pixels of the picture."""

    found: list[Detection]


@dataclass(frozen=True)
class Segments:
    """The class of every pixel (h, w) of ``box``, the part (x0, y0, x1, y1) that was looked at."""

    classes: npt.NDArray[np.int32]
    box: tuple[int, int, int, int]
    labels: tuple[str, ...]

    @property
    def shares(self) -> list[Share]:
        """The classes that occur, the largest first."""
        return segmentation.shares(self.classes, self.labels)


Result: TypeAlias = Classes | Detections | Segments


@dataclass(frozen=True)
class Reading:
    """How results are read: see the options of `mnv3gen run`."""

    labels: tuple[str, ...] = ()
    top: int = 5
    threshold: float = 0.5


def kind_of(shapes: Mapping[str, tuple[int, ...]]) -> Kind:
    """What a network is for, by the names and shapes (NHWC, or (1, channels)) of its outputs.

    boxesN and scoresN are a detector's; one output of more than one position is a segmentation.
    """
    if numbers_of(shapes):
        return "detection"
    (first, *others) = shapes.values()
    positions = int(np.prod(first[1:-1]))
    return "segmentation" if positions > 1 and not others else "classification"


def shapes_of(manifest: Manifest) -> dict[str, tuple[int, ...]]:
    """The shapes of a bundle's outputs by name."""
    return {output.name: output.shape for output in manifest.outputs}


def classes_of(manifest: Manifest) -> int:
    """The number of classes, and so of labels; a detector's background is one of them."""
    shapes = shapes_of(manifest)
    if kind_of(shapes) == "detection":
        return class_count(shapes)
    return manifest.outputs[0].shape[-1]


def check_output(manifest: Manifest, path: Path) -> None:
    """Raise InputError at once for an output that `save` could not write after the run."""
    suffix, kind = path.suffix.lower(), kind_of(shapes_of(manifest))
    if suffix not in (RAW, *PICTURES):
        raise InputError(
            "no output of this format",
            place="--output",
            found=path,
            expected=f"{RAW} for the raw outputs, or a picture: {', '.join(PICTURES)}",
        )
    if suffix != RAW and kind == "classification":
        raise InputError(
            "a classification has no picture of its result",
            place="--output",
            found=path,
            expected=f"{RAW}, or the bundle of a detector or a segmentation",
        )
    if not path.parent.is_dir():
        raise InputError("no such folder", place="--output", found=path.parent)


def read_result(
    manifest: Manifest, outputs: Outputs, size: tuple[int, int] | None, reading: Reading
) -> Result:
    """What a bundle's outputs say of a picture of (width, height).

    ``size`` is that of the picture as `mnv3gen.images.load_with_picture` gives it, None for a
    tensor, of which the whole counts. Boxes and classes are in pixels of the picture, whatever part
    of it the preprocessing keeps; without one, in pixels of the network's input. Raises as
    `mnv3gen.detection.decode`, `mnv3gen.segmentation.class_map` and `mnv3gen.images.top_classes`.
    """
    labels = reading.labels or manifest.labels
    _, height, width, _ = manifest.input.shape
    box: Box = (0, 0, width, height)
    if size is not None:
        box = kept_box(size, (width, height), manifest.input.preprocess)
    match kind_of(shapes_of(manifest)):
        case "detection":
            found = detection.decode(
                outputs,
                (box[3] - box[1], box[2] - box[0]),
                input_shape=(height, width),
                threshold=reading.threshold,
                labels=labels,
            )
            return Detections([_moved(each, box[0], box[1]) for each in found])
        case "segmentation":
            return _segments(next(iter(outputs.values())), box, labels)
        case "classification":
            return Classes(top_of(outputs, reading.top, labels))


def _moved(each: Detection, right: float, down: float) -> Detection:
    x0, y0, x1, y1 = each.box
    return replace(each, box=(x0 + right, y0 + down, x1 + right, y1 + down))


def _segments(output: npt.NDArray[np.float32], box: Box, labels: tuple[str, ...]) -> Segments:
    """The map of an output (1, h, w, k); the box is rounded to whole pixels."""
    x0, y0, x1, y1 = map(round, box)
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    classes = segmentation.class_map(output[0], (x1 - x0, y1 - y0))
    return Segments(classes, (x0, y0, x1, y1), segmentation.labels_for(output.shape[-1], labels))


def save(path: Path, outputs: Outputs, result: Result, picture: Image.Image | None) -> None:
    """Write raw outputs (.npz), or else the picture with boxes or an overlay.

    The file appears when it is whole. JPEG has a quality of 95.
    """
    if path.suffix.lower() == RAW:
        save_outputs(outputs, path)
        return
    assert picture is not None
    drawn = _drawn(result, picture)
    with replacing_file(path) as temporary:
        drawn.save(temporary, format="PNG" if path.suffix.lower() == ".png" else "JPEG", quality=95)


def _drawn(result: Result, picture: Image.Image) -> Image.Image:
    match result:
        case Detections(found):
            return detection.draw_boxes(picture, found)
        case Segments(classes, box, labels):
            return segmentation.overlay(picture.crop(box), classes, labels)
        case Classes():
            raise AssertionError("`check_output` refuses a picture of classes")
