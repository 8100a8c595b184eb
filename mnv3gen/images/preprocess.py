"""`Preprocess`: how a picture becomes the input of a network, and the conventions by name.

With the fit "crop" the picture is cut to the largest central box of the input's aspect ratio, of
whose sides the fraction `crop` is kept, and that box is resized to the input. Nothing is distorted,
whatever the shapes of picture and input. With "stretch" the box has the picture's own aspect ratio:
at a `crop` of 1 nothing of the picture is lost, and its aspect ratio is not kept. The box need not
lie on pixel borders. Pillow's filter also reads the neighbours just outside of it, so that this
equals resizing the whole picture and then cropping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec

from mnv3gen.errors import InputError, nearest_names

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

Deviation: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]


class Preprocess(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done to a picture: crop, resize, then (x / 255 - mean) / std.

    ``fit``: whether the box that is kept has the input's aspect ratio ("crop") or the picture's
    ("stretch"). ``crop``: the fraction of that box's sides that is kept. ``resize``: Pillow's
    filter, which averages when it makes smaller (antialiasing) and rounds to 8 bits. ``channels``:
    their order in the tensor. ``mean`` and ``std`` are of values in 0..1, one a channel. The ranges
    are checked where msgspec decodes or converts, not where Python code constructs.
    """

    mean: tuple[float, float, float]
    std: tuple[Deviation, Deviation, Deviation]
    crop: Annotated[float, msgspec.Meta(gt=0, le=1)]
    resize: Literal["bilinear"] = "bilinear"
    channels: Literal["RGB"] = "RGB"
    fit: Literal["crop", "stretch"] = "crop"


CONVENTIONS = {
    # Section 6.1.1 of the paper: Inception preprocessing. Its form for evaluation is slim's
    # `inception_preprocessing.preprocess_for_eval`: (x / 255 - 0.5) * 2 after a central crop of
    # 0.875. Slim then distorts the picture to the input's shape and does not antialias.
    "inception": Preprocess(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), crop=0.875),
    # torchvision's `ImageClassification` preset with `resize_size=256, crop_size=224`: 224 / 256.
    "imagenet": Preprocess(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), crop=0.875),
    # `fixed_shape_resizer` in the released detectors' configs (object_detection): the whole
    # picture, resized to the input's shape; then x / 127.5 - 1, as the feature extractors have it.
    # What lies at a picture's border is found or segmented too. TensorFlow does not antialias.
    "whole": Preprocess(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), crop=1.0, fit="stretch"),
}


def named(name: str) -> Preprocess:
    """The convention that a table's `preprocess` names. Raises `InputError` for another name."""
    if name not in CONVENTIONS:
        raise InputError(
            "unknown preprocessing",
            place="preprocess",
            found=name,
            expected="one of " + ", ".join(CONVENTIONS),
            nearest=nearest_names(name, CONVENTIONS),
        )
    return CONVENTIONS[name]


def to_tensor(
    picture: Image, height: int, width: int, preprocess: Preprocess
) -> npt.NDArray[np.float32]:
    """The float32 input (height, width, 3) for a picture of mode RGB and any size."""
    return normalized(resized(picture, height, width, preprocess), preprocess)


def resized(
    picture: Image, height: int, width: int, preprocess: Preprocess
) -> npt.NDArray[np.uint8]:
    """What is kept of a picture of mode RGB, in the input's size: uint8 (height, width, 3)."""
    import numpy as np
    from PIL.Image import Resampling

    box = kept_box(picture.size, (width, height), preprocess)
    return np.asarray(
        picture.resize((width, height), Resampling[preprocess.resize.upper()], box), np.uint8
    )


def normalized(pixels: npt.NDArray[np.uint8], preprocess: Preprocess) -> npt.NDArray[np.float32]:
    """(x / 255 - mean) / std of pixels (..., 3), computed in float64."""
    import numpy as np

    return ((pixels.astype(np.float64) / 255 - preprocess.mean) / preprocess.std).astype(np.float32)


def kept_box(
    size: tuple[int, int], shape: tuple[int, int], preprocess: Preprocess
) -> tuple[float, float, float, float]:
    """The part of a picture that becomes the input: (left, top, right, bottom) in pixels.

    ``size`` and ``shape`` are (width, height), of the picture and of the input.
    """
    return central_box(size, size if preprocess.fit == "stretch" else shape, preprocess.crop)


def central_box(
    size: tuple[int, int], fit: tuple[int, int], crop: float
) -> tuple[float, float, float, float]:
    """The (left, top, right, bottom) in pixels of what is kept; `size`, `fit` are (width, height).

    `fit` gives the aspect ratio only.
    """
    scale = crop * min(size[0] / fit[0], size[1] / fit[1])
    # Rounding must not make the box larger than the picture.
    width, height = min(size[0], fit[0] * scale), min(size[1], fit[1] * scale)
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return left, top, min(size[0], left + width), min(size[1], top + height)
