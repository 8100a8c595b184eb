"""The variant `torchvision`: networks as pytorch/vision builds and trains them.

Its sources are `torchvision/models/mobilenetv3.py`, `detection/ssdlite.py` and
`segmentation/lraspp.py`.
"""

from __future__ import annotations

from dataclasses import replace

from mnv3gen.tables.network import Conventions, Network, Row
from mnv3gen.tables.scaling import with_classes
from mnv3gen.tables.shapes import ROW_BEFORE, label_shapes
from mnv3gen.tables.variants.last_block import reduced
from mnv3gen.tables.width_rules import C4, C5, is_segmentation, row_labelled

BN_EPS = 1e-5
"""`torch.nn.BatchNorm2d`'s own, which only MobileNetV3 replaces (by 0.001, as in the paper)."""
ANCHORS = 6
"""At each position of every map; the paper has 3 on the first."""
CITYSCAPES, VOC = 19, 21
"""Classes of the paper's segmentation networks, and of torchvision's (the background is one)."""
SKIP = "skip"
"""The label of the tensor that LR-ASPP adds at output stride 8."""


def torchvision(network: Network) -> Network:
    """Take the form that torchvision gives to a network, and the conventions it trains under."""
    if {"boxes1", "scores1"} <= set(network.outputs):
        network = _ssdlite(network)
    elif is_segmentation(network.rows) and row_labelled(network.rows, SKIP) < len(network.rows):
        network = _lraspp(network)
    return replace(network, conventions=_conventions(network))


def _conventions(network: Network) -> Conventions:
    """Detectors see the whole picture at a mean and deviation of 0.5 (`image_mean`, `fixed_size`).

    The width rule is MobileNetV3's, and so is its epsilon.
    """
    ours, v3 = network.conventions, _is_v3(network)
    return replace(
        ours,
        padding="symmetric",
        bn_eps=ours.bn_eps if v3 else BN_EPS,
        width_rule="torchvision" if v3 else ours.width_rule,
        preprocess="whole" if "boxes1" in network.outputs else "imagenet",
        resize="half_pixel" if is_segmentation(network.rows) else ours.resize,
    )


def _is_v3(network: Network) -> bool:
    """Whether a network follows one of MobileNetV3's width rules; other families have their own."""
    return network.conventions.width_rule in ("paper", "torchvision")


def _ssdlite(network: Network) -> Network:
    """`ssdlite320_mobilenet_v3_large`: 6 anchors on the first map too, and the tail reduced.

    `reduced_tail` is an option of MobileNetV3 alone; the released weights have it.
    """
    if _is_v3(network) and _has_whole_tail(network):
        network = reduced(network)
    return replace(network, rows=tuple(_with_anchors(row, network.classes) for row in network.rows))


def _has_whole_tail(network: Network) -> bool:
    """Only a whole C5 of MobileNetV3 is wider than C4: 960 and 672, reduced 480; 576 and 288."""
    shapes = label_shapes(network)
    return {C4, C5} <= shapes.keys() and shapes[C5][2] > shapes[C4][2]


def _with_anchors(row: Row, classes: int) -> Row:
    """Let a predictor of the first map predict for all anchors."""
    if ("boxes1", "") in row.labels:
        return replace(row, out=4 * ANCHORS)
    if ("scores1", "") in row.labels:
        return replace(row, out=ANCHORS * classes, per_class=ANCHORS)
    return row


def _lraspp(network: Network) -> Network:
    """`lraspp_mobilenet_v3_large`: another skip connection, a global pool, VOC's classes."""
    rows = _pooled_globally(_skipped_early(_wholly_dilated(network.rows)))
    network = replace(network, rows=rows)
    return with_classes(network, VOC) if network.classes == CITYSCAPES else network


def _wholly_dilated(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Dilate the last block's first bneck as the next: `dilated=True` replaces its stride."""
    first = row_labelled(rows, C4) + 1
    if first + 1 >= len(rows) or (rows[first].operator, rows[first].stride) != ("bneck", 1):
        return rows
    dilated = replace(rows[first], dilation=rows[first + 1].dilation)
    return (*rows[:first], dilated, *rows[first + 1 :])


def _skipped_early(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Skip from the output of the bneck that strides to the skip's resolution (`low_pos`).

    That is C2, in V3-Large the 40 channels of bneck 4.
    """
    end = row_labelled(rows, SKIP)
    start = next((at for at in range(end, -1, -1) if rows[at].stride > 1), end)
    moved = [
        replace(row, labels=tuple(pair for pair in row.labels if pair[0] != SKIP)) for row in rows
    ]
    moved[start] = replace(moved[start], labels=(*moved[start].labels, (SKIP, "")))
    return tuple(moved)


def _pooled_globally(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Pool with `AdaptiveAvgPool2d(1)`; a gate of one position needs no resize."""
    following = (*rows[1:], None)
    kept = [row for row, then in zip(rows, following, strict=True) if not _is_for_gate(row, then)]
    return tuple(replace(row, window=(0, 0), strides=(0, 0)) for row in kept)


def _is_for_gate(row: Row, then: Row | None) -> bool:
    """Whether a row resizes the one before it for the gate that follows."""
    resizes = row.operator == "resize" and row.sources[0] == ROW_BEFORE and not row.labels
    return resizes and then is not None and then.operator == "gate"
