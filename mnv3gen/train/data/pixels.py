"""Pictures as uint8 arrays of the network's input size, and the input tensors that these stand for.

What `mnv3gen.images.to_tensor` does is a resize to 8 bits and then a function of each value. The
first is done once and kept, the second when a batch is made; together they are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import ImageError, InputError
from mnv3gen.images.preprocess import Preprocess, normalized, resized
from mnv3gen.train.data.examples import Examples

Pixels = npt.NDArray[np.uint8]
CHUNK = 256


@dataclass
class Inputs:
    """The inputs (h, w, 3) of pictures to evaluate on.

    `read` are the numbers of the pictures that the last pass gave, `skipped` says what was wrong
    with the others.
    """

    examples: Examples
    height: int
    width: int
    preprocess: Preprocess
    skipped: list[str] = field(default_factory=list)
    read: list[int] = field(default_factory=list)

    def chunks(
        self, size: int = CHUNK, advance: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[Pixels, npt.NDArray[np.int64]]]:
        """Resized pictures (n, h, w, 3) with labels (n,), in order, what is unreadable left out.

        InputError at the end if not one could be read.
        """
        self.skipped.clear()
        self.read.clear()
        for start in range(0, len(self.examples), size):
            indices = range(start, min(start + size, len(self.examples)))
            pixels, labels = self._read(indices)
            if len(labels):
                yield pixels, labels
            for _ in indices:
                advance()
        if not self.read:
            raise InputError(
                "no picture could be read", place=self.examples.place, found=self.skipped[0]
            )

    def _read(self, indices: range) -> tuple[Pixels, npt.NDArray[np.int64]]:
        pixels: list[Pixels] = []
        labels: list[int] = []
        for index in indices:
            try:
                picture = self.examples.picture(index)
            except ImageError as error:
                self.skipped.append(str(error))
                continue
            pixels.append(resized(picture, self.height, self.width, self.preprocess))
            labels.append(int(self.examples.labels[index]))
            self.read.append(index)
        shape = (len(pixels), self.height, self.width, 3)
        return np.array(pixels, np.uint8).reshape(shape), np.array(labels, np.int64)

    def tensors(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """The inputs that pictures of these pixels give."""
        return normalized(pixels, self.preprocess)
