"""The median rule: who is behind half of all earlier trials after an epoch is hopeless.

Golovin et al., "Google Vizier: A Service for Black-Box Optimization", 2017, section 3.2.1.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from mnv3gen.search.accuracy import Accuracy, Bar

LEAST = 8  # earlier trials that a median is taken of


def bar_of(earlier: Sequence[Accuracy]) -> Bar:
    """The medians of what earlier trials had after each epoch; () where they are too few.

    The last epoch has none: nothing is won by stopping then.
    """
    bar: list[float] = []
    longest = max((len(it.curve) for it in earlier), default=0)
    for epoch in range(longest - 1):
        reached = [it.curve[epoch] for it in earlier if len(it.curve) > epoch]
        if len(reached) < LEAST:
            break
        bar.append(statistics.median(reached))
    return tuple(bar)


def is_hopeless(epoch: int, accuracy: float, bar: Bar) -> bool:
    """Whether a trial with such an accuracy after so many epochs (1 or more) is to be stopped."""
    return epoch <= len(bar) and accuracy < bar[epoch - 1]
