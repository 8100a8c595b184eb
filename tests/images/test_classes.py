"""Ranked classes against probabilities known in closed form; files of labels."""

from __future__ import annotations

from math import log
from pathlib import Path

import numpy as np
import pytest

from mnv3gen.errors import InputError, Mnv3genError
from mnv3gen.images import Ranked, load_labels, top_classes


def refused(path: Path, classes: int) -> InputError:
    with pytest.raises(InputError) as error:
        load_labels(path, classes)
    return error.value


def test_the_softmax_of_logarithms_is_their_share() -> None:
    logits = np.log(np.array([1.0, 5.0, 4.0]))
    ranked = top_classes(logits, 2, ("cat", "dog", "eel"))
    assert [(r.index, r.label) for r in ranked] == [(1, "dog"), (2, "eel")]
    assert [r.score for r in ranked] == pytest.approx([0.5, 0.4])


def test_large_logits_do_not_overflow() -> None:
    best, second = top_classes(np.array([-3e38, 3e38, 3e38], np.float32), 2)
    assert best == Ranked(1, "class 1", 0.5)
    assert second == Ranked(2, "class 2", 0.5)
    (first,) = top_classes(np.array([1000.0, 1000.0 + log(3)]), 1)
    assert first.score == pytest.approx(0.75)


def test_equal_logits_come_in_the_order_of_the_classes() -> None:
    logits = np.zeros(1000, np.float32)
    logits[[7, 500]] = 1
    assert [r.index for r in top_classes(logits, 5)] == [7, 500, 0, 1, 2]


def test_there_are_no_more_than_all() -> None:
    assert sum(r.score for r in top_classes(np.arange(3.0), 10)) == pytest.approx(1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite(value: float) -> None:
    with pytest.raises(Mnv3genError, match="not finite"):
        top_classes(np.array([0.0, value]), 1)


def test_scores_with_two_axes_or_other_labels_are_our_mistake() -> None:
    with pytest.raises(ValueError, match=r"\(1, 3\)"):
        top_classes(np.zeros((1, 3)), 1)
    with pytest.raises(ValueError, match="2 labels"):
        top_classes(np.zeros(3), 1, ("cat", "dog"))


@pytest.mark.parametrize(
    "contents",
    [
        b"tench\nWei\xc3\x9fer Hai\n",
        b"tench\nWei\xc3\x9fer Hai",
        b"\xef\xbb\xbftench\r\n  Wei\xc3\x9fer Hai \r\n\r\n",
    ],
)
def test_labels_in_utf8(tmp_path: Path, contents: bytes) -> None:
    (tmp_path / "labels.txt").write_bytes(contents)
    assert load_labels(tmp_path / "labels.txt", 2) == ("tench", "Weißer Hai")


@pytest.mark.parametrize(
    ("labels", "classes", "hint"),
    [
        (1001, 1000, "the first is probably the background class; remove it"),
        (1000, 1001, "the network probably has a background class; add it first"),
        (10, 1000, "do not match the network's classes"),
    ],
)
def test_a_wrong_count(tmp_path: Path, labels: int, classes: int, hint: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("".join(f"label {index}\n" for index in range(labels)))
    error = refused(path, classes)
    assert hint in error.problem
    assert error.place == str(path)
    assert error.found == f"{labels} labels, the first 'label 0'"
    assert error.expected == f"{classes} labels, one a line"


def test_an_empty_label_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("tench\n\nshark\n")
    assert refused(tmp_path / "labels.txt", 3).place == f"{tmp_path / 'labels.txt'}:2"


def test_bytes_that_are_not_utf8_name_their_line(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"tench\nWei\xdfer Hai\n")
    error = refused(tmp_path / "labels.txt", 2)
    assert error.place == f"{tmp_path / 'labels.txt'}:2"
    assert error.found == "the byte 0xdf"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.txt", tmp_path, tmp_path / "a\0b"):
        assert refused(path, 2).problem.startswith("cannot be read: ")
    (tmp_path / "empty.txt").touch()
    assert refused(tmp_path / "empty.txt", 2).problem == "no label"
