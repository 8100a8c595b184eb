"""The public torch models, with their parameters' names and shapes and seeded random weights.

torchvision's MobileNetV3 and MobileNetV2, timm's MobileNetV3 and MnasNet-A1. Rows are kernel,
expansion, output, squeeze, activation and stride, as those projects configure them.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

Rows: TypeAlias = list[tuple[int, int, int, int, str, int]]

LARGE: Rows = [
    (3, 16, 16, 0, "RE", 1),
    (3, 64, 24, 0, "RE", 2),
    (3, 72, 24, 0, "RE", 1),
    (5, 72, 40, 24, "RE", 2),
    (5, 120, 40, 32, "RE", 1),
    (5, 120, 40, 32, "RE", 1),
    (3, 240, 80, 0, "HS", 2),
    (3, 200, 80, 0, "HS", 1),
    (3, 184, 80, 0, "HS", 1),
    (3, 184, 80, 0, "HS", 1),
    (3, 480, 112, 120, "HS", 1),
    (3, 672, 112, 168, "HS", 1),
    (5, 672, 160, 168, "HS", 2),
    (5, 960, 160, 240, "HS", 1),
    (5, 960, 160, 240, "HS", 1),
]
SMALL: Rows = [
    (3, 16, 16, 8, "RE", 2),
    (3, 72, 24, 0, "RE", 2),
    (3, 88, 24, 0, "RE", 1),
    (5, 96, 40, 24, "HS", 2),
    (5, 240, 40, 64, "HS", 1),
    (5, 240, 40, 64, "HS", 1),
    (5, 120, 48, 32, "HS", 1),
    (5, 144, 48, 40, "HS", 1),
    (5, 288, 96, 72, "HS", 2),
    (5, 576, 96, 144, "HS", 1),
    (5, 576, 96, 144, "HS", 1),
]
A1: Rows = [
    (3, 32, 16, 0, "RE", 1),
    (3, 96, 24, 0, "RE", 2),
    (3, 144, 24, 0, "RE", 1),
    (5, 72, 40, 6, "RE", 2),
    (5, 120, 40, 10, "RE", 1),
    (5, 120, 40, 10, "RE", 1),
    (3, 240, 80, 0, "RE", 2),
    (3, 480, 80, 0, "RE", 1),
    (3, 480, 80, 0, "RE", 1),
    (3, 480, 80, 0, "RE", 1),
    (3, 480, 112, 20, "RE", 1),
    (3, 672, 112, 28, "RE", 1),
    (5, 672, 160, 28, "RE", 2),
    (5, 960, 160, 40, "RE", 1),
    (5, 960, 160, 40, "RE", 1),
    (3, 960, 320, 0, "RE", 1),
]
V2 = [  # expansion ratio, output, repeats, stride
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]
ACTIVATIONS = {"RE": nn.ReLU, "HS": nn.Hardswish, "R6": nn.ReLU6, "": nn.Identity}


class Named(nn.Module):  # type: ignore[misc]
    """Parts under given names, run in their order, and the residual sum of it all."""

    def __init__(self, residual: bool = False, **parts: Any) -> None:
        super().__init__()
        self.residual = residual
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, data: Any) -> Any:
        result = data
        for part in self.children():
            result = part(result)
        return data + result if self.residual else result


class SqueezeExcite(nn.Module):  # type: ignore[misc]
    """The gate of two 1x1 convolutions, under the names that a project gives them."""

    def __init__(self, channels: int, squeeze: int, names: tuple[str, str], gate: Any) -> None:
        super().__init__()
        self.add_module(names[0], nn.Conv2d(channels, squeeze, 1))
        self.add_module(names[1], nn.Conv2d(squeeze, channels, 1))
        self.gate = gate

    def forward(self, data: Any) -> Any:
        reduce, expand = self.children()
        return data * self.gate(expand(reduce(data.mean((2, 3), keepdim=True)).relu()))


class SameConv2d(nn.Conv2d):  # type: ignore[misc]
    """TensorFlow's SAME padding, as timm's tf_ models have it; `padding` is not looked at."""

    def forward(self, data: Any) -> Any:
        pads = []
        for side, kernel, stride in zip(
            data.shape[:1:-1], self.kernel_size, self.stride, strict=True
        ):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [total // 2, total - total // 2]
        return functional.conv2d(
            functional.pad(data, pads), self.weight, None, self.stride, groups=self.groups
        )


def convolved(
    channels: int,
    out: int,
    kernel: int,
    stride: int,
    activation: str,
    groups: int = 1,
    eps: float = 1e-3,
    dilation: int = 1,
) -> Any:
    """torchvision's `Conv2dNormActivation`: padding is half of the reach."""
    return nn.Sequential(
        nn.Conv2d(
            channels,
            out,
            kernel,
            stride,
            dilation * (kernel // 2),
            dilation,
            groups,
            bias=False,
        ),
        nn.BatchNorm2d(out, eps),
        _act(activation),
    )


def torchvision_v3(rows: Rows, last: int, features: int, classes: int = 1000) -> Any:
    """`torchvision.models.MobileNetV3`: BN epsilon 1e-3."""
    layers = torchvision_v3_layers(rows, last)
    classifier = nn.Sequential(
        nn.Linear(last, features), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(features, classes)
    )
    return _classifier(nn.Sequential(*layers), classifier)


def torchvision_v3_layers(rows: Rows, last: int, dilated_from: int | None = None) -> list[Any]:
    """Its `features`. From that bneck on, counted from 1, taps are 2 pixels apart and no strides.

    The latter is what `dilated=True` makes of the last three.
    """
    layers, channels = [convolved(3, 16, 3, 2, "HS")], 16
    for number, (kernel, expansion, out, squeeze, activation, stride) in enumerate(rows, 1):
        dilated = dilated_from is not None and number >= dilated_from
        step = 1 if dilated else stride
        block = []
        if expansion != channels:
            block.append(convolved(channels, expansion, 1, 1, activation))
        block.append(
            convolved(
                expansion, expansion, kernel, step, activation, expansion, dilation=1 + dilated
            )
        )
        if squeeze:
            gate = functional.hardsigmoid
            block.append(SqueezeExcite(expansion, squeeze, ("fc1", "fc2"), gate))
        block.append(convolved(expansion, out, 1, 1, ""))
        residual = stride == 1 and channels == out
        layers.append(Named(residual, block=nn.Sequential(*block)))
        channels = out
    return [*layers, convolved(channels, last, 1, 1, "HS")]


def torchvision_v2(classes: int = 1000) -> Any:
    """`torchvision.models.MobileNetV2`: BN epsilon 1e-5."""
    layers, channels, eps = [convolved(3, 32, 3, 2, "R6", eps=1e-5)], 32, 1e-5
    for ratio, out, repeats, first_stride in V2:
        for repeat in range(repeats):
            stride, width = 1 if repeat else first_stride, channels * ratio
            block = [convolved(channels, width, 1, 1, "R6", eps=eps)] if ratio != 1 else []
            block.append(convolved(width, width, 3, stride, "R6", width, eps))
            block += [nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out, eps)]
            residual = stride == 1 and channels == out
            layers.append(Named(residual, conv=nn.Sequential(*block)))
            channels = out
    layers.append(convolved(channels, 1280, 1, 1, "R6", eps=eps))
    classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))
    return _classifier(nn.Sequential(*layers), classifier)


def timm_v3(rows: Rows, last: int, features: int, tf: bool = False, classes: int = 1000) -> Any:
    """timm's `MobileNetV3`: BN epsilon 1e-5, or 1e-3 and SAME padding for its tf_ models."""
    eps, convolution = (1e-3, SameConv2d) if tf else (1e-5, nn.Conv2d)
    blocks = _timm_blocks(rows, 16, functional.hardsigmoid, eps, convolution)
    end = Named(
        conv=nn.Conv2d(rows[-1][2], last, 1, bias=False), bn1=_bn(last, eps), act=_act("HS")
    )
    return Named(
        conv_stem=convolution(3, 16, 3, stride=2, padding=1, bias=False),
        bn1=_bn(16, eps),
        act1=_act("HS"),
        blocks=nn.Sequential(*blocks, nn.Sequential(end)),
        global_pool=nn.AdaptiveAvgPool2d(1),
        conv_head=nn.Conv2d(last, features, 1),
        act2=_act("HS"),
        flatten=nn.Flatten(),
        classifier=nn.Linear(features, classes),
    )


def timm_mnasnet_a1(classes: int = 1000) -> Any:
    """timm's `semnasnet_100`: an EfficientNet, whose gate is a sigmoid; BN epsilon 1e-5."""
    return Named(
        conv_stem=nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False),
        bn1=_bn(32, 1e-5),
        act1=_act("RE"),
        blocks=nn.Sequential(*_timm_blocks(A1, 32, torch.sigmoid, 1e-5, nn.Conv2d)),
        conv_head=nn.Conv2d(320, 1280, 1, bias=False),
        bn2=_bn(1280, 1e-5),
        act2=_act("RE"),
        global_pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        classifier=nn.Linear(1280, classes),
    )


def randomized(model: Any, side: int) -> Any:
    """The model in inference mode, with seeded weights and statistics fit for a `side`^2 input.

    The running statistics are those of random data, then spread, so that no layer's share of the
    output vanishes.
    """
    generator = torch.Generator().manual_seed(0)
    norms = [each for each in model.modules() if isinstance(each, nn.BatchNorm2d)]
    with torch.no_grad():
        for value in model.parameters():
            fan_in = max(int(np.prod(value.shape[1:])), 1)
            scale = fan_in**-0.5 if value.ndim > 1 else 0.3
            value.copy_(torch.randn(value.shape, generator=generator) * scale)
        for norm in norms:
            norm.weight.uniform_(0.6, 1.4, generator=generator)
            norm.momentum = 1.0
        model.train()(torch.randn(4, 3, side, side, generator=generator))
        for norm in norms:
            norm.running_mean.add_(torch.randn(norm.num_features, generator=generator) * 0.1)
            norm.running_var.mul_(torch.rand(norm.num_features, generator=generator) + 0.5)
    return model.eval()


def scores(model: Any, data: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The output, in float64, for an input (h, w, 3)."""
    with torch.no_grad():
        tensor = torch.from_numpy(data.astype(np.float64).transpose(2, 0, 1)[np.newaxis])
        result: npt.NDArray[np.float64] = model.double()(tensor).numpy()[0]
    model.float()
    return result


def parameter_count(model: Any) -> int:
    """The number of trained values."""
    return sum(value.numel() for value in model.parameters())


def _classifier(features: Any, classifier: Any) -> Any:
    pool = nn.AdaptiveAvgPool2d(1)
    return Named(features=features, avgpool=pool, flatten=nn.Flatten(), classifier=classifier)


def _timm_blocks(rows: Rows, stem: int, gate: Any, eps: float, convolution: Any) -> list[Any]:
    """One stage for each stride 2 or so: the numbers in the names are all that depends on it."""
    stages: list[list[Any]] = []
    channels = stem
    for kernel, expansion, out, squeeze, activation, stride in rows:
        residual = stride == 1 and channels == out
        depthwise = convolution(
            expansion,
            expansion,
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=expansion,
            bias=False,
        )
        names = ("conv_reduce", "conv_expand")
        se = SqueezeExcite(expansion, squeeze, names, gate) if squeeze else nn.Identity()
        project = nn.Conv2d(expansion, out, 1, bias=False)
        if expansion == channels:
            block = Named(
                residual,
                conv_dw=depthwise,
                bn1=_bn(expansion, eps),
                act1=_act(activation),
                se=se,
                conv_pw=project,
                bn2=_bn(out, eps),
            )
        else:
            block = Named(
                residual,
                conv_pw=nn.Conv2d(channels, expansion, 1, bias=False),
                bn1=_bn(expansion, eps),
                act1=_act(activation),
                conv_dw=depthwise,
                bn2=_bn(expansion, eps),
                act2=_act(activation),
                se=se,
                conv_pwl=project,
                bn3=_bn(out, eps),
            )
        if channels != out or not stages:
            stages.append([])
        stages[-1].append(block)
        channels = out
    return [nn.Sequential(*stage) for stage in stages]


def _bn(channels: int, eps: float) -> Any:
    return nn.BatchNorm2d(channels, eps)


def _act(name: str) -> Any:
    return ACTIVATIONS[name]()
