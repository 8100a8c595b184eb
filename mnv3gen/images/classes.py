"""Class scores to a ranked list, with labels from a text file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnv3gen.errors import InputError, Mnv3genError

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class Ranked:
    """A class and its softmax probability, 0 to 1."""

    index: int
    label: str
    score: float


def top_classes(
    logits: npt.NDArray[Any], count: int, labels: tuple[str, ...] | None = None
) -> list[Ranked]:
    """The `count` classes of the highest scores, or all if there are fewer; the best first.

    `logits` has one axis. The softmax is taken in float64 after subtracting the maximum, which
    changes nothing but keeps exp from overflowing. Of equal logits the lower index comes first.
    Raises `Mnv3genError` when a logit is not finite.
    """
    import numpy as np

    if logits.ndim != 1 or (labels is not None and len(labels) != len(logits)):
        raise ValueError(f"scores of shape {logits.shape} for {len(labels or ())} labels")
    values = logits.astype(np.float64)
    if not np.isfinite(values).all():
        raise Mnv3genError("the network's output has values that are not finite")
    exponentials = np.exp(values - values.max())
    scores = exponentials / exponentials.sum()
    best = np.argsort(-values, kind="stable")[:count].tolist()
    return [Ranked(i, labels[i] if labels else f"class {i}", float(scores[i])) for i in best]


def load_labels(path: Path, classes: int) -> tuple[str, ...]:
    """The labels of a UTF-8 text file, one a line in the order of the classes.

    Raises `InputError` when the file cannot be read, a label is empty, or there are not as many
    labels as classes.
    """
    lines = _text(path).rstrip().split("\n")
    labels = tuple(line.strip() for line in lines)
    if "" in labels:
        line = labels.index("") + 1
        raise InputError("no label", place=f"{path}:{line}", expected="one label a line")
    if len(labels) != classes:
        raise InputError(
            _miscount(len(labels) - classes),
            place=str(path),
            found=f"{len(labels)} labels, the first {labels[0]!r}",
            expected=f"{classes} labels, one a line",
        )
    return labels


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(
            "not UTF-8",
            place=f"{path}:{line}",
            found=f"the byte 0x{error.object[error.start]:02x}",
            expected="a text file in UTF-8, one label a line",
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        problem = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InputError(problem, place=str(path), expected="a file of labels") from error


def _miscount(surplus: int) -> str:
    match surplus:
        case 1:
            return "one label too many: the first is probably the background class; remove it"
        case -1:
            return "one label too few: the network probably has a background class; add it first"
    return "the labels do not match the network's classes"
