"""What weights are trained for besides their shapes, by where they come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from mnv3gen.errors import InputError, WeightsError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph, Resize
from mnv3gen.tables.network import Network
from mnv3gen.tables.variants import VARIANTS, apply_variant
from mnv3gen.weights_import.convolution import SourceConvolution, SourceFile

AUTO = "auto"
TORCH_EPS = 1e-5  # torch.nn.BatchNorm2d
TENSORFLOW_EPS = 1e-3  # slim, and torchvision's MobileNetV3 after it


@dataclass(frozen=True)
class Source:
    """A place that weights come from; "" is what it leaves open.

    `eps_hswish` is the epsilon of networks with h-swish (MobileNetV3), `eps` that of all others.
    """

    name: str
    padding: str = ""
    preprocess: str = ""
    resize: str = ""
    gate: str = ""
    eps: float = TORCH_EPS
    eps_hswish: float = TORCH_EPS


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        each.name: each
        for each in (
            Source("torchvision", "symmetric", "imagenet", "half_pixel", eps_hswish=TENSORFLOW_EPS),
            Source("timm", "symmetric", "imagenet"),
            Source("tf", "same", "inception", eps=TENSORFLOW_EPS, eps_hswish=TENSORFLOW_EPS),
            Source("onnx"),
        )
    }
)
SOURCE_NAMES = (AUTO, *SOURCES)


def find_source(name: str, file: SourceFile) -> Source:
    """The source of that name; for "auto" by the file's suffix and its tensors' names.

    Raises WeightsError when they are neither torchvision's nor timm's. What timm ported from
    TensorFlow has timm's names, so that only a file's own name (`tf_...`) can tell it.
    """
    if name != AUTO:
        return SOURCES[name]
    path = Path(file.place)
    if path.suffix == ".onnx":
        return SOURCES["onnx"]
    names = [conv.name for conv in file.convolutions]
    if any(re.search(r"(^|\.)conv_(stem|dw|pw|pwl)\.", each) for each in names):
        return SOURCES["tf" if path.name.startswith("tf_") else "timm"]
    if any(re.search(r"(^|\.)(features|layers|backbone)\.\d", each) for each in names):
        return SOURCES["torchvision"]
    raise WeightsError(
        "its tensors' names do not tell where the weights come from",
        place=file.place,
        found=", ".join(names[:3]),
        expected="--source torchvision, timm or tf: it decides padding and BN epsilon",
    )


def refined(source: Source, file: SourceFile) -> Source:
    """The source with what the file itself says or shows."""
    if source.name == "torchvision" and _is_detector(file):
        return replace(source, preprocess="whole")  # image_mean and image_std are 0.5
    windows = [conv.window for conv in file.convolutions if conv.window is not None]
    strided = [window.padding for window in windows if window.stride > 1]
    if source.padding or not strided:
        return source
    uneven = any(isinstance(p, str) or p[:2] != p[2:] for p in strided)
    return replace(source, padding="same" if uneven else "symmetric")


def bn_eps(source: Source, network: Network, conv: SourceConvolution) -> float:
    """The epsilon under which a convolution's running variance was trained."""
    if conv.batch_norm is not None and conv.batch_norm.eps is not None:
        return conv.batch_norm.eps
    if source.name == "torchvision" and conv.name.startswith("classifier.cbr."):
        return TORCH_EPS  # torchvision's LRASPPHead has torch's own default
    hswish = any(row.nonlinearity == "HS" for row in network.rows)
    return source.eps_hswish if hswish else source.eps


def check_conventions(source: Source, network: Network, place: str) -> list[str]:
    """Refuse a table that computes something else than the source; warn of other pictures.

    Raises WeightsError that names the variant or the header key that makes them agree.
    """
    graph = expand(network)
    if source.padding and not _same_paddings(graph, network, source.padding):
        raise _contradiction(source, network, "padding", place)
    resizes = any(isinstance(node, Resize) for node in graph.nodes)
    if source.resize and resizes and network.conventions.resize != source.resize:
        raise _contradiction(source, network, "resize", place)
    source = replace(source, gate=_gate(source, network))
    if source.gate and network.conventions.gate != source.gate:
        raise _contradiction(source, network, "gate", place)
    ours = network.conventions.preprocess
    if source.preprocess and ours != source.preprocess:
        advice = _advice(source, network, "preprocess")
        return [
            f"{source.name} trains on pictures prepared as {source.preprocess}, "
            f"{network.name} says {ours}: {advice}"
        ]
    return []


def _is_detector(file: SourceFile) -> bool:
    return any("regression_head" in conv.name for conv in file.convolutions)


def _same_paddings(graph: Graph, network: Network, padding: str) -> bool:
    """Whether the other rule would pad every convolution as the table does (odd sizes may)."""
    if network.conventions.padding == padding:
        return True
    other = expand(replace(network, conventions=replace(network.conventions, padding=padding)))
    return other.nodes == graph.nodes


def _gate(source: Source, network: Network) -> str:
    """timm, as MnasNet's authors, gates with a sigmoid outside of MobileNetV3; "" if unknown."""
    if source.name == "onnx" or not any(row.squeeze for row in network.rows):
        return ""
    hswish = any(row.nonlinearity == "HS" for row in network.rows)
    return "hard_sigmoid" if hswish or source.name == "torchvision" else "sigmoid"


def _contradiction(source: Source, network: Network, key: str, place: str) -> WeightsError:
    ported = "; --source tf for timm's tf_ models" if source.name == "timm" else ""
    return WeightsError(
        f"{source.name}'s {key} is {getattr(source, key)}, {network.name} has another: "
        "the same weights would compute something else",
        place=place,
        found=f"{key}: {getattr(network.conventions, key)}",
        expected=_advice(source, network, key) + ported,
    )


def _advice(source: Source, network: Network, key: str) -> str:
    """How to give a table a convention: a variant that does, or the header's line."""
    value = getattr(source, key)
    for name in VARIANTS:
        try:
            changed = apply_variant(network, name)
        except InputError:
            continue
        if changed.rows == network.rows and getattr(changed.conventions, key) == value:
            return f"--variant {name}, or `{key}: {value}` in the table's header"
    return f"`{key}: {value}` in the table's header"
