"""torchvision's detector and segmentation network, with its parameters' names and shapes.

`ssdlite320_mobilenet_v3_large` with the reduced tail that its released weights have, and
`lraspp_mobilenet_v3_large`; both give what they compute before boxes are decoded or logits resized.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from support.torch_models import LARGE, Rows, convolved, torchvision_v3_layers

C2, C4 = 4, 13  # places in `features`: of the layers that stride to 8 and to 32
REDUCED: Rows = [
    *LARGE[:-3],
    (5, 672, 80, 168, "HS", 2),
    (5, 480, 80, 120, "HS", 1),
    (5, 480, 80, 120, "HS", 1),
]
MAPS = [672, 480, 512, 256, 256, 128]
ANCHORS = 6


class LiteRaspp(nn.Module):  # type: ignore[misc]
    """`LRASPP`: its head's batch normalization has torch's own epsilon, 1e-5."""

    def __init__(self, classes: int = 21, filters: int = 128) -> None:
        super().__init__()
        layers = torchvision_v3_layers(LARGE, 960, dilated_from=C4)
        self.backbone = nn.ModuleDict({str(at): layer for at, layer in enumerate(layers)})
        self.classifier = nn.ModuleDict(
            {
                "cbr": convolved(960, filters, 1, 1, "RE", eps=1e-5),
                "scale": nn.Sequential(
                    nn.AdaptiveAvgPool2d(1), nn.Conv2d(960, filters, 1, bias=False), nn.Sigmoid()
                ),
                "low_classifier": nn.Conv2d(40, classes, 1),
                "high_classifier": nn.Conv2d(filters, classes, 1),
            }
        )

    def forward(self, data: Any) -> Any:
        """The logits (n, classes, h, w) at stride 8."""
        for at, layer in self.backbone.items():
            data = layer(data)
            if at == str(C2):
                low = data
        head = self.classifier
        gated = head["cbr"](data) * head["scale"](data)
        deep = functional.interpolate(gated, low.shape[-2:], mode="bilinear", align_corners=False)
        return head["low_classifier"](low) + head["high_classifier"](deep)


class SsdLite(nn.Module):  # type: ignore[misc]
    """`SSD` with `SSDLiteFeatureExtractorMobileNet` and `SSDLiteHead`: BN epsilon 1e-3."""

    def __init__(self, classes: int = 91) -> None:
        super().__init__()
        layers = torchvision_v3_layers(REDUCED, MAPS[1])
        block = layers[C4].block
        features = nn.Sequential(
            nn.Sequential(*layers[:C4], block[0]),
            nn.Sequential(block[1:], *layers[C4 + 1 :]),
        )
        extra = nn.ModuleList(map(_extra, MAPS[1:-1], MAPS[2:]))
        self.backbone = nn.ModuleDict({"features": features, "extra": extra})
        self.head = nn.ModuleDict(
            {"classification_head": _head(classes), "regression_head": _head(4)}
        )

    def forward(self, data: Any) -> Any:
        """Of each anchor 4 numbers of its box, then its logits: (n, anchors, 4 + classes).

        Anchors go by map, y, x and box, as in `SSDScoringHead`.
        """
        maps = []
        for block in (*self.backbone["features"], *self.backbone["extra"]):
            data = block(data)
            maps.append(data)
        kinds = ("regression_head", "classification_head")
        return torch.cat([self._values(maps, kind) for kind in kinds], dim=2)

    def _values(self, maps: list[Any], head: str) -> Any:
        found = []
        predictors = self.head[head]["module_list"]
        for data, predictor in zip(maps, predictors, strict=True):
            values = predictor(data)
            count, channels, height, width = values.shape
            by_box = values.view(count, ANCHORS, channels // ANCHORS, height, width)
            found.append(by_box.permute(0, 3, 4, 1, 2).reshape(count, -1, channels // ANCHORS))
        return torch.cat(found, dim=1)


def _extra(channels: int, out: int) -> Any:
    inner = out // 2
    return nn.Sequential(
        convolved(channels, inner, 1, 1, "R6"),
        convolved(inner, inner, 3, 2, "R6", inner),
        convolved(inner, out, 1, 1, "R6"),
    )


def _head(columns: int) -> Any:
    predictors = [
        nn.Sequential(
            convolved(width, width, 3, 1, "R6", width), nn.Conv2d(width, columns * ANCHORS, 1)
        )
        for width in MAPS
    ]
    return nn.ModuleDict({"module_list": nn.ModuleList(predictors)})
