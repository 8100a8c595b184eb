"""Random changes of pictures, as functions of numbers that were drawn before: a row a picture.

Values are 0 to 1. A row of draws, uniform in 0 to 1, belongs to a picture of a batch wherever it is
changed: in a worker, or in another process of a group.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch.nn import functional

from mnv3gen.train.recipe import Augment

Tensor: TypeAlias = torch.Tensor
Size: TypeAlias = tuple[int, int]
"""Width and height."""

BOX, FLIP, COLOR, ERASE, POLICY = slice(0, 4), 4, slice(5, 9), slice(9, 14), 14
COLUMNS = 15
"""What the columns of draws are for, and how many there are."""
BRIGHTNESS, CONTRAST, SATURATION, HUE = 32 / 255, 0.5, 0.5, 0.2  # Inception's, at strength 1
ERASED = (0.02, 0.33)  # share of the picture (Zhong et al., "Random Erasing")


def boxes(augment: Augment, kept: Tensor, sizes: Tensor, aspect: float, draws: Tensor) -> Tensor:
    """The part of each picture that becomes the input: (n, 4), left, top, width, height in pixels.

    ``kept`` (n, 4) are the boxes that evaluation keeps, ``sizes`` (n, 2) the pictures' widths and
    heights, ``aspect`` the input's width over its height.
    """
    if augment.crop == "shift":
        return _shifted(augment, kept, draws[:, BOX])
    return _inception(augment, sizes, aspect, draws[:, BOX])


def _shifted(augment: Augment, kept: Tensor, draws: Tensor) -> Tensor:
    scale = 1 + augment.zoom * (2 * draws[:, 2:3] - 1)
    size = kept[:, 2:] * scale
    center = kept[:, :2] + kept[:, 2:] / 2 + augment.shift * (2 * draws[:, :2] - 1) * kept[:, 2:]
    return torch.cat([center - size / 2, size], 1)


def _inception(augment: Augment, sizes: Tensor, aspect: float, draws: Tensor) -> Tensor:
    """As TensorFlow's sample_distorted_bounding_box, but shrunk to fit instead of drawn again."""
    low, high = augment.area
    area = (low + (high - low) * draws[:, 0]) * sizes.prod(1)
    low, high = (torch.tensor(ratio).log() for ratio in augment.aspect)
    ratio = torch.exp(low + (high - low) * draws[:, 1]) * aspect
    width, height = (area * ratio).sqrt(), (area / ratio).sqrt()
    shrink = torch.minimum(sizes[:, 0] / width, sizes[:, 1] / height).clamp_max(1)
    size = torch.stack([width, height], 1) * shrink[:, None]
    return torch.cat([(sizes - size) * draws[:, 2:], size], 1)


def sampled(pictures: Tensor, box: Tensor, mirrored: Tensor, size: Size) -> Tensor:
    """The boxes of pictures (n, c, h, w), in an input's size; what is outside of a picture is 0.

    Bilinear as Pillow's filter is where it enlarges.
    """
    height, width = pictures.shape[2:]
    extent = pictures.new_tensor([width, height])
    scale = box[:, 2:] / extent
    move = (2 * box[:, :2] + box[:, 2:]) / extent - 1
    theta = pictures.new_zeros((len(pictures), 2, 3))
    theta[:, 0, 0] = torch.where(mirrored, -scale[:, 0], scale[:, 0])
    theta[:, 1, 1] = scale[:, 1]
    theta[:, :, 2] = move
    shape = (len(pictures), pictures.shape[1], size[1], size[0])
    grid = functional.affine_grid(theta, list(shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="zeros", align_corners=False)


def recolored(pictures: Tensor, strength: float, draws: Tensor) -> Tensor:
    """Brightness, contrast, and with three channels saturation and hue, each by its own draw."""
    draws = 2 * draws[:, COLOR].T[:, :, None, None, None] - 1
    pictures = pictures + strength * BRIGHTNESS * draws[0]
    mean = pictures.mean((1, 2, 3), keepdim=True)
    pictures = mean + (pictures - mean) * (1 + strength * CONTRAST * draws[1])
    if pictures.shape[1] == 3:
        pictures = _saturated(pictures, 1 + strength * SATURATION * draws[2])
        pictures = _turned(pictures, strength * HUE * draws[3].flatten())
    return pictures.clamp(0, 1)


def _saturated(pictures: Tensor, factor: Tensor) -> Tensor:
    weights = pictures.new_tensor([0.299, 0.587, 0.114])[:, None, None]  # ITU-R BT.601
    gray = (pictures * weights).sum(1, keepdim=True)
    return gray + (pictures - gray) * factor


def _turned(pictures: Tensor, turns: Tensor) -> Tensor:
    """Hue, as a rotation about the gray axis by so many half turns (Rodrigues' formula)."""
    angle = turns * torch.pi
    cosine, sine = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    cross = pictures.new_tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / 3**0.5
    matrix = cosine * torch.eye(3) + (1 - cosine) / 3 + sine * cross
    return torch.einsum("nij,njhw->nihw", matrix, pictures)


def erased(pictures: Tensor, share: float, draws: Tensor) -> Tensor:
    """A box of ERASED of the picture set to 0 in a `share` of the pictures."""
    draws = draws[:, ERASE]
    low, high = ERASED
    area = low + (high - low) * draws[:, 1]
    ratio = torch.exp((2 * draws[:, 2] - 1) * torch.tensor(10 / 3).log())
    tall, wide = (area * ratio).sqrt().clamp_max(1), (area / ratio).sqrt().clamp_max(1)
    top, left = draws[:, 3] * (1 - tall), draws[:, 4] * (1 - wide)
    rows, columns = ((torch.arange(side) + 0.5)[None] / side for side in pictures.shape[2:])
    inside_rows = (rows >= top[:, None]) & (rows < (top + tall)[:, None])
    inside_columns = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
    inside = inside_rows[:, :, None] & inside_columns[:, None, :]
    chosen = (draws[:, 0] < share)[:, None, None]
    return pictures.masked_fill((inside & chosen)[:, None], 0.0)
