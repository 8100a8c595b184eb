"""scikit-learn's 1,797 handwritten digits of 8 x 8 pixels: data that needs no file."""

from __future__ import annotations

import numpy as np

from mnv3gen.errors import Mnv3genError
from mnv3gen.train.data.examples import ArrayExamples, Data, split

HELD_OUT = 0.2


def digits() -> Data:
    """The digits, a fifth of them held out; their 17 grays are spread over 0 to 255."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise Mnv3genError(
            "the digits come with scikit-learn: pip install 'mnv3gen[train]'"
        ) from error
    found = load_digits()
    pixels = np.rint(found.images * (255 / 16)).astype(np.uint8)
    examples = ArrayExamples("digits", found.target.astype(np.int64), pixels)
    names = tuple(map(str, range(10)))
    return Data(*split(examples, HELD_OUT), names, mirrored=False)
