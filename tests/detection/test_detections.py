"""Decoding of constructed heads whose boxes are known, by the rules of both libraries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import log

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnv3gen.detection import CONVENTIONS, Convention, Detection, anchors, decode
from mnv3gen.errors import InputError, Mnv3genError

OBJECT_DETECTION, TORCHVISION = CONVENTIONS["object_detection"], CONVENTIONS["torchvision"]
MAPS = ((20, 20), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1))
CLASSES = 3
NOTHING = -20.0  # a logit whose score rounds to nothing
PICTURE = (100, 200)  # 200 wide, 100 high

Outputs = dict[str, npt.NDArray[np.float32]]


def empty_heads(rules: Convention) -> Outputs:
    """All codes 0, nothing found; a map of one position as manifests write it."""
    outputs: Outputs = {}
    for number, ((height, width), boxes) in enumerate(zip(MAPS, rules.boxes(6), strict=True), 1):
        shape = (1,) if (height, width) == (1, 1) else (1, height, width)
        outputs[f"boxes{number}"] = np.zeros((*shape, 4 * boxes), np.float32)
        scores = np.full((*shape, boxes, CLASSES), NOTHING, np.float32)
        if rules.scores == "softmax":
            scores[..., 0] = 0
        outputs[f"scores{number}"] = scores.reshape(*shape, -1)
    return outputs


def put(
    outputs: Outputs, rules: Convention, box: tuple[float, ...], index: int, logit: float, row: int
) -> None:
    """Encode a box (x0, y0, x1, y1) at an anchor of the 1x1 map, as Faster R-CNN's equation 2."""
    x, y, w, h = anchors(MAPS, rules)[row - 6]
    x0, y0, x1, y1 = box
    code = {
        "x": 10 * ((x0 + x1) / 2 - x) / w,
        "y": 10 * ((y0 + y1) / 2 - y) / h,
        "w": 5 * log((x1 - x0) / w),
        "h": 5 * log((y1 - y0) / h),
    }
    outputs["boxes6"][0, 4 * row : 4 * row + 4] = [code[letter] for letter in rules.code]
    outputs["scores6"][0, CLASSES * row + index] = logit


def found_in(rules: Convention, *put_in: tuple[tuple[float, ...], int, float]) -> list[Detection]:
    """The detections over 0.01 of boxes, classes and logits put into the heads."""
    outputs = empty_heads(rules)
    for row, (box, index, logit) in enumerate(put_in):
        put(outputs, rules, box, index, logit, row)
    return decode(outputs, (1, 1), rules, threshold=0.01)


def scores(detections: Iterable[Detection]) -> list[float]:
    return [round(each.score, 4) for each in detections]


@pytest.mark.parametrize("rules", CONVENTIONS.values(), ids=CONVENTIONS)
def test_a_code_of_zero_is_the_anchor(rules: Convention) -> None:
    outputs = empty_heads(rules)
    # The position (y 2, x 3) of the 5x5 map, its first box: centre (0.7, 0.5), sides 0.5.
    outputs["scores3"][0, 2, 3, 1] = log(3)  # sigmoid 3/4; softmax 3 / (3 + 1)
    (found,) = decode(outputs, PICTURE, threshold=0.01)
    assert found.score == pytest.approx(0.75)
    assert (found.index, found.label) == (1, "class 1")
    assert found.box == pytest.approx((90, 25, 190, 75))


def test_a_shifted_and_scaled_anchor_of_object_detection() -> None:
    # The second position of the 2x2 map: centre (0.75, 0.25), sides 0.8. ty = 1 moves it down by
    # 0.08, tx = -0.5 left by 0.04; the height is halved, the width quartered.
    outputs = empty_heads(OBJECT_DETECTION)
    outputs["boxes5"][0, 0, 1, :4] = (1, -0.5, 5 * log(0.5), 5 * log(0.25))
    outputs["scores5"][0, 0, 1, 2] = 0
    (found,) = decode(outputs, PICTURE, threshold=0.4)
    assert (found.index, found.score) == (2, 0.5)
    assert found.box == pytest.approx((122, 13, 162, 53))


def test_a_shifted_and_scaled_anchor_of_torchvision() -> None:
    outputs = empty_heads(TORCHVISION)
    outputs["boxes5"][0, 0, 1, :4] = (-0.5, 1, 5 * log(0.25), 5 * log(0.5))
    outputs["scores5"][0, 0, 1, :3] = (0, 0, log(6))
    (found,) = decode(outputs, PICTURE, threshold=0.4)
    assert found.index == 2
    assert found.score == pytest.approx(0.75)
    assert found.box == pytest.approx((122, 13, 162, 53))


def test_the_box_is_the_slow_index_of_the_channels() -> None:
    # The third box of the first position of the 20x20 map is 0.1414 wide and 0.2828 high.
    outputs = empty_heads(OBJECT_DETECTION)
    outputs["boxes1"][0, 10, 10, 8:12] = (0, 0, 0, 5 * log(2))
    outputs["scores1"][0, 10, 10, 2 * CLASSES + 1] = 5
    (found,) = decode(outputs, (1, 1), threshold=0.5)
    x0, y0, x1, y1 = found.box
    assert (x1 - x0, y1 - y0) == pytest.approx((0.282843, 0.282843), abs=1e-6)
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((0.525, 0.525))


def test_a_side_grows_by_a_limited_factor() -> None:
    # torchvision: at most 1000 / 16 times, which is wider than the picture: cut to it.
    for rules in CONVENTIONS.values():
        outputs = empty_heads(rules)
        outputs["boxes3"][0, 2, 2, :4] = 3e38
        outputs["boxes3"][0, 2, 2, [rules.code.index("x"), rules.code.index("y")]] = 0
        outputs["scores3"][0, 2, 2, 1] = 5
        (found,) = decode(outputs, PICTURE, threshold=0.5)
        assert found.box == (0, 0, 200, 100)


def test_the_background_is_no_detection_and_the_threshold_is_exceeded() -> None:
    outputs = empty_heads(OBJECT_DETECTION)
    outputs["scores6"][0, :3] = (9, 0, 1)  # background; 0.5; 0.7311
    (found,) = decode(outputs, PICTURE, threshold=0.5)
    assert (found.index, round(found.score, 4)) == (2, 0.7311)


# Two boxes of 0.4 x 0.2, the second moved right by d: the intersection over union is
# (0.4 - d) / (0.4 + d), which is 0.6 at d = 0.1 and 0.55 at d = 0.116129.
@pytest.mark.parametrize(
    ("rules", "distance", "count"),
    [
        (OBJECT_DETECTION, 0.099, 1),
        (OBJECT_DETECTION, 0.101, 2),
        (TORCHVISION, 0.115, 1),
        (TORCHVISION, 0.117, 2),
    ],
)
def test_overlap_around_the_limit(rules: Convention, distance: float, count: int) -> None:
    first, second = (0.1, 0.1, 0.5, 0.3), (0.1 + distance, 0.1, 0.5 + distance, 0.3)
    found = found_in(rules, (first, 1, 1.0), (second, 1, 2.0))
    assert len(found) == count
    assert found[0].box == pytest.approx(second, abs=1e-6)  # the better one stays


@pytest.mark.parametrize("rules", CONVENTIONS.values(), ids=CONVENTIONS)
def test_classes_do_not_suppress_each_other(rules: Convention) -> None:
    box = (0.1, 0.1, 0.5, 0.3)
    found = found_in(rules, (box, 1, 1.0), (box, 2, 2.0), (box, 2, 1.5))
    assert [each.index for each in found] == [2, 1]
    assert found[0].box == pytest.approx(found[1].box)


def test_a_dropped_box_drops_no_other() -> None:
    # Neighbours overlap by 2/3, the outer two by 3/7 only: the middle one goes, the last stays.
    boxes = [(0.1 + each * 0.08, 0.1, 0.5 + each * 0.08, 0.3) for each in range(3)]
    found = found_in(OBJECT_DETECTION, *((box, 1, 3.0 - each) for each, box in enumerate(boxes)))
    assert [round(each.box[0], 4) for each in found] == [0.1, 0.26]


def test_boxes_are_cut_before_or_after_suppression() -> None:
    # 1.5 and 0.6 wide, of which 0.5 each lie in the picture: 0.4 of overlap before, 1 after.
    boxes = ((-1.0, 0.1, 0.5, 0.3), 1, 2.0), ((-0.1, 0.1, 0.5, 0.3), 1, 1.0)
    assert [each.box for each in found_in(OBJECT_DETECTION, *boxes)] == [
        pytest.approx((0, 0.1, 0.5, 0.3), abs=1e-6)
    ] * 2
    assert len(found_in(TORCHVISION, *boxes)) == 1


def test_a_box_beside_the_picture_is_none() -> None:
    for rules in CONVENTIONS.values():
        assert found_in(rules, ((-0.5, 0.1, -0.1, 0.3), 1, 2.0)) == []


def test_numbers_of_detections() -> None:
    boxes = [(0.1 * each, 0.1, 0.1 * each + 0.05, 0.3) for each in range(1, 6)]
    many = [(box, 1 + each % 2, 2.0 - each / 4) for each, box in enumerate(boxes)]
    by_score = scores(found_in(OBJECT_DETECTION, *many))
    assert by_score == [0.8808, 0.8520, 0.8176, 0.7773, 0.7311]  # 1 / (1 + exp(-logit))
    assert scores(found_in(replace(OBJECT_DETECTION, per_class=2), *many)) == by_score[:4]
    assert scores(found_in(replace(OBJECT_DETECTION, total=3), *many)) == by_score[:3]
    assert scores(found_in(replace(OBJECT_DETECTION, candidates=1), *many)) == by_score[:2]


def test_at_most_a_hundred() -> None:
    outputs = empty_heads(OBJECT_DETECTION)
    outputs["scores1"][:] = 5  # 400 squares that do not overlap, of two classes, and others
    assert len(decode(outputs, PICTURE)) == 100


@pytest.mark.parametrize("boxes", [1, 4])
def test_the_number_of_boxes_names_the_convention(boxes: int) -> None:
    outputs: Outputs = {
        "boxes1": np.zeros((1, 2, 2, 4 * boxes), np.float32),
        "scores1": np.zeros((1, 2, 2, CLASSES * boxes), np.float32),
    }
    with pytest.raises(InputError) as error:
        decode(outputs, PICTURE)
    assert error.value.found == str(boxes)
    with pytest.raises(InputError, match="expected: 3 "):
        decode(outputs, PICTURE, OBJECT_DETECTION)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"scores2": None}, "not a detector's outputs"),
        ({"logits": np.zeros((1, 9))}, "not a detector's outputs"),
        ({"boxes2": np.zeros((1, 9, 10, 24))}, "boxes2, scores2: heads that do not fit together"),
        ({"boxes2": np.zeros((1, 10, 10, 23))}, "boxes2, scores2"),
        ({"scores6": np.zeros((1, 6 * 4))}, "boxes6, scores6"),
    ],
)
def test_heads_that_do_not_fit(changes: Outputs, expected: str) -> None:
    outputs = empty_heads(OBJECT_DETECTION) | changes
    with pytest.raises(InputError, match=expected):
        decode({name: value for name, value in outputs.items() if value is not None}, PICTURE)


def test_values_that_are_not_finite() -> None:
    outputs = empty_heads(OBJECT_DETECTION)
    outputs["boxes1"][0, 0, 0, 0] = np.nan
    with pytest.raises(Mnv3genError, match="not finite"):
        decode(outputs, PICTURE)


def test_labels() -> None:
    outputs = {"boxes1": np.zeros((1, 12)), "scores1": np.full((1, 3 * 91), NOTHING)}
    outputs["scores1"][0, [3, 12, 90]] = (3, 2, 1)
    found = decode(outputs, PICTURE, threshold=0.1)
    assert [(each.index, each.label) for each in found] == [
        (3, "car"),
        (12, "class 12"),  # COCO's ids have gaps
        (90, "toothbrush"),
    ]
    given_labels = tuple(f"thing {index}" for index in range(91))
    found = decode(outputs, PICTURE, threshold=0.1, labels=given_labels)
    assert [each.label for each in found] == ["thing 3", "thing 12", "thing 90"]


BOXES = st.lists(st.tuples(*[st.floats(0.01, 0.99)] * 4), min_size=1, max_size=6)


@given(BOXES, st.permutations(range(6)))
def test_suppression_is_greedy(corners: list[tuple[float, ...]], order: list[int]) -> None:
    boxes = [
        (min(x0, x1), min(y0, y1), max(x0, x1) + 0.01, max(y0, y1) + 0.01)
        for x0, y0, x1, y1 in corners
    ]
    put_in = [(box, 1, 3.0 - order[row]) for row, box in enumerate(boxes)]
    kept: list[tuple[float, ...]] = []
    for box, _, _ in sorted(put_in, key=lambda each: -each[2]):
        overlaps = [intersection_over_union(box, other) for other in kept]
        if any(abs(overlap - 0.6) < 1e-4 for overlap in overlaps):
            return  # too close to the limit for single precision
        if max(overlaps, default=0) <= 0.6:
            kept.append(box)
    found = found_in(OBJECT_DETECTION, *put_in)
    np.testing.assert_allclose([each.box for each in found], kept, atol=1e-5)


def intersection_over_union(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return common / (sum(areas) - common)
