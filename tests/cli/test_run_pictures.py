"""`mnv3gen run` of detectors and segmentations whose weights make the results known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command import Finished
from support.compiled import Array, Compiled, request_for

from mnv3gen.compile.bundle import Bundle, read_bundle
from mnv3gen.compile.pipeline import compile_network
from mnv3gen.results import kind_of
from mnv3gen.tables.parse import parse

Command = Callable[..., Finished]

DETECTOR = """\
name: detector
input: 32x32x3
classes: 91
preprocess: whole
outputs: boxes1, scores1, boxes2, scores2

From  Operator         exp size  #out  SE  NL  s  As
-     conv2d, 3x3             -     8   -  RE  2  -
-     conv2d, 3x3             -     8   -  RE  2  C4
-     pool                    -     -   -   -  1  C5
C4    conv2d 1x1, NBN         -    12   -   -  1  boxes1
C4    conv2d 1x1, NBN         -    3k   -   -  1  scores1
C5    conv2d 1x1, NBN         -    24   -   -  1  boxes2
C5    conv2d 1x1, NBN         -    6k   -   -  1  scores2
"""

SEGMENTATION = """\
name: segmentation
input: 16x32x3
classes: 19
preprocess: {preprocess}

Operator         exp size  #out  SE  NL  s
conv2d 1x1, NBN         -     k   -   -  1
"""

CAR, SKY = 13, 10
TRUCK = 8  # of COCO
PINK = (255, 51, 119)  # its colour: the hue 8 * 0.618034 - 4 of a turn


def compiled(text: str, weights: dict[str, Array], folder: Path) -> Bundle:
    """A bundle of a table whose weights are 0 but for the given ones."""
    request = request_for(parse(text))
    zero = {name: np.zeros_like(value) for name, value in request.weights.items()}
    compile_network(replace(request, weights=zero | weights), folder, use_cache=False)
    return read_bundle(folder)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Finds one truck in every picture, in the square anchor 0.95 of the map of one position.

    The code halves the height and moves the centre up by 0.095 of the picture.
    """
    codes, scores = np.zeros(24, np.float32), np.full(6 * 91, -9, np.float32)
    codes[:4] = (-1, 0, 5 * log(0.5), 0)
    scores[TRUCK] = log(4)  # sigmoid: 4/5
    weights = {
        "conv2d4.bias": np.full(3 * 91, -9, np.float32),
        "conv2d5.bias": codes,
        "conv2d6.bias": scores,
    }
    return compiled(DETECTOR, weights, tmp_path_factory.mktemp("bundles") / "detector")


def sky_or_car() -> dict[str, Array]:
    """Weights by which what is light is sky and what is dark a car."""
    weight = np.zeros((19, 3, 1, 1), np.float32)
    weight[SKY], weight[CAR] = 1, -1
    return {"conv2d1.weight": weight}


@pytest.fixture(scope="module")
def segmentation(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Sky and cars of the whole picture."""
    folder = tmp_path_factory.mktemp("bundles") / "segmentation"
    return compiled(SEGMENTATION.format(preprocess="whole"), sky_or_car(), folder)


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Path]:
    """A white picture, 400 x 200, whose lower quarter is black; turned by its EXIF orientation."""
    picture = Image.new("RGB", (400, 200), "white")
    picture.paste("black", (0, 150, 400, 200))
    exif = Image.Exif()
    exif[0x0112] = 8  # to be turned 90 degrees counterclockwise
    picture.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "street.png", exif=exif)
    yield tmp_path / "street.png"


@pytest.mark.compile
def test_a_detection(command: Command, detector: Bundle, street: Path, tmp_path: Path) -> None:
    output = tmp_path / "boxes.png"
    result = command("run", detector.folder, street, "-o", output)
    assert (result.code, result.err) == (0, "")
    detection, picture, how = result.out.splitlines()
    # Centre (0.5, 0.405), 0.95 wide, 0.475 high, of 400 x 200 pixels.
    assert detection.split() == ["80.00", "%", "truck", "10.0", "33.5", "390.0", "128.5"]
    assert picture == f"picture: {output}"
    assert "ms natively" in how
    with Image.open(output) as drawn:
        pixels = np.asarray(drawn)
    assert pixels.shape == (200, 400, 3)
    assert tuple(pixels[80, 10]) == tuple(pixels[128, 200]) == PINK
    assert tuple(pixels[100, 200]) == (255, 255, 255)
    assert [path.name for path in tmp_path.glob(".*")] == []


@pytest.mark.compile
def test_a_detection_as_json(command: Command, detector: Bundle, street: Path) -> None:
    printed = command("run", detector.folder, street, "--json").json
    (found,) = printed["detections"]
    assert found.keys() == {"label", "index", "score", "box"}
    assert (found["label"], found["index"]) == ("truck", TRUCK)
    assert found["score"] == pytest.approx(0.8)
    assert found["box"] == pytest.approx([10, 33.5, 390, 128.5], abs=1e-3)
    assert [np.shape(each) for each in printed["outputs"]] == [
        (1, 8, 8, 12),
        (1, 8, 8, 273),
        (1, 24),
        (1, 546),
    ]
    assert printed["top"] == []


@pytest.mark.compile
def test_threshold_and_labels(
    command: Command, detector: Bundle, street: Path, tmp_path: Path
) -> None:
    arguments = ["run", detector.folder, street]
    assert command(*arguments, "--threshold", "0.81").out.startswith("no detections\n")
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"thing {index}" for index in range(91)))
    (found,) = command(*arguments, "--labels", labels, "--json").json["detections"]
    assert found["label"] == "thing 8"
    labels.write_text("\n".join(f"thing {index}" for index in range(90)))
    command(*arguments, "--labels", labels).refused("90 labels", "91 labels")


@pytest.mark.compile
def test_raw_heads(command: Command, detector: Bundle, street: Path, tmp_path: Path) -> None:
    command("run", detector.folder, street, "-o", tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as outputs:
        assert list(outputs) == ["boxes1", "scores1", "boxes2", "scores2"]


@pytest.mark.compile
def test_a_tensor_has_boxes_but_no_picture(
    command: Command, detector: Bundle, tmp_path: Path
) -> None:
    tensor = tmp_path / "tensor.npy"
    np.save(tensor, np.zeros((32, 32, 3), np.float32))
    arguments = ["run", detector.folder, tensor]
    (found,) = command(*arguments, "--json").json["detections"]  # in pixels of the input
    assert found["box"] == pytest.approx([0.8, 5.36, 31.2, 20.56], abs=1e-3)
    command(*arguments, "-o", tmp_path / "x.png").refused(str(tensor), "nothing can be drawn")


@pytest.mark.compile
def test_a_segmentation(
    command: Command, segmentation: Bundle, street: Path, tmp_path: Path
) -> None:
    output = tmp_path / "overlay.jpg"
    result = command("run", segmentation.folder, street, "-o", output)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[:3] == [" 75.00 %  sky", " 25.00 %  car", f"picture: {output}"]
    with Image.open(output) as drawn:
        pixels = np.asarray(drawn).astype(int)
    assert (pixels.shape[1], drawn.format) == (400, "JPEG")
    assert pixels.shape[0] > 200
    for row, colour in ((70, (162, 192, 217)), (180, (0, 0, 71))):  # half of white, half of black
        assert abs(pixels[row, 200] - colour).max() <= 3


@pytest.mark.compile
def test_a_segmentation_as_json(command: Command, segmentation: Bundle, street: Path) -> None:
    printed = command("run", segmentation.folder, street, "--json").json
    assert printed["classes"] == [
        {"index": SKY, "label": "sky", "share": 0.75},
        {"index": CAR, "label": "car", "share": 0.25},
    ]
    assert np.shape(printed["outputs"]) == (1, 1, 16, 32, 19)


@pytest.mark.compile
def test_a_cropped_segmentation_is_of_what_was_looked_at(
    command: Command, street: Path, tmp_path: Path
) -> None:
    # Inception keeps the central 7/8: rows 12.5 to 187.5, of which 37.5 of 175 are black.
    text = SEGMENTATION.format(preprocess="inception")
    bundle = compiled(text, sky_or_car(), tmp_path / "bundle")
    arguments = ["run", bundle.folder, street, "--json", "-o", tmp_path / "x.png"]
    sky, car = command(*arguments).json["classes"]
    assert (sky["label"], car["label"]) == ("sky", "car")
    assert car["share"] == pytest.approx(37.5 / 175, abs=0.01)
    with Image.open(tmp_path / "x.png") as drawn:
        assert drawn.width == 350


@pytest.mark.compile
def test_outputs_that_are_refused(
    command: Command, detector: Bundle, tiny_bundle: Compiled, street: Path, tmp_path: Path
) -> None:
    arguments = ["run", detector.folder, street, "-o"]
    command(*arguments, tmp_path / "x.gif").refused("x.gif", ".npz", ".png, .jpg, .jpeg")
    command(*arguments, tmp_path / "no" / "x.png").refused(str(tmp_path / "no"))
    command("run", tiny_bundle.bundle.folder, street, "-o", tmp_path / "x.png").refused(
        "x.png", "a classification has no picture", "expected: .npz"
    )
    assert list(tmp_path.glob("x.*")) == []


@pytest.mark.parametrize(
    ("shapes", "kind"),
    [
        ({"boxes4": (1, 8, 8, 12), "scores4": (1, 8, 8, 63)}, "detection"),
        ({"scores1": (1, 63), "boxes1": (1, 12)}, "detection"),
        ({"boxes1": (1, 8, 8, 12), "scores2": (1, 8, 8, 63)}, "classification"),
        ({"boxes1": (1, 8, 8, 12), "scores1": (1, 8, 8, 63), "C4": (1, 8, 8, 9)}, "classification"),
        ({"logits": (1, 64, 128, 19)}, "segmentation"),
        ({"logits": (1, 1000)}, "classification"),
        ({"C4": (1, 8, 8, 40), "C5": (1, 4, 4, 960)}, "classification"),
    ],
)
def test_kinds(shapes: dict[str, tuple[int, ...]], kind: str) -> None:
    assert kind_of(shapes) == kind
