"""Every reader of a file that a user may hand us, and damage to valid files.

A reader returns or raises `Mnv3genError`; whatever else it raises is a fault of ours.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from safetensors.numpy import save

from mnv3gen import resources
from mnv3gen.compile.bundle import read_bundle
from mnv3gen.compile.tuned import read_log
from mnv3gen.errors import Mnv3genError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph
from mnv3gen.graph.seeded import seeded_weights
from mnv3gen.graph.weights import load_weights
from mnv3gen.images import load_labels, named
from mnv3gen.images.decode import load_input
from mnv3gen.lower.onnx import to_onnx
from mnv3gen.onnx_import import import_onnx
from mnv3gen.quantize.statistics_file import read_statistics
from mnv3gen.tables.parse import load as load_table
from mnv3gen.tables.parse import parse
from mnv3gen.targets.registry import load_file
from mnv3gen.weights_import.onnx_reading import read_onnx
from support.compiled import TINY
from support.graphs import every_operator
from support.onnx_models import OnnxModel

INTERESTING = (b"\0", b"\xff", b"-1", b"0", b"1e999", b"99999999999999999999", b'"', b"{}", b"nan")


@dataclass(frozen=True)
class Reader:
    """A reader, the name that its file has, and valid content of such a file."""

    file: str
    content: bytes
    read: Callable[[Path], object]

    def survives(self, content: bytes, folder: Path) -> bool:
        """Read a file of this content; whether it was accepted."""
        path = folder / self.file
        path.write_bytes(content)
        try:
            self.read(path)
        except Mnv3genError as error:
            assert str(error)
            return False
        return True


def readers(manifest: bytes = b"") -> dict[str, Reader]:
    """The readers by name; that of manifests only if a valid one is given."""
    network = parse(TINY)
    graph = expand(network)
    weights = seeded_weights(graph)
    made = {
        "table": Reader("t.bneck", TINY.encode(), load_table),
        "target": Reader("t.toml", _target(), load_file),
        "weights": Reader("w.safetensors", save(weights), lambda it: load_weights(it, graph)),
        "records": Reader("records.jsonl", _records(), read_log),
        "statistics": Reader(
            "s.json", b'{"network":"tiny"}', lambda it: read_statistics(it, network, weights)
        ),
        "labels": Reader("labels.txt", b"one\ntwo\n", lambda it: load_labels(it, 2)),
        "array": Reader("x.npy", _array(), lambda it: load_input(it, (4, 4, 3), named("imagenet"))),
        "onnx": Reader("m.onnx", _onnx(), lambda it: import_onnx(it, check=False)),
        "onnx of every operator": Reader(
            "m.onnx", _every(every_operator()), lambda it: import_onnx(it, check=False)
        ),
        "onnx weights": Reader("m.onnx", _onnx(), read_onnx),
    }
    if manifest:
        made["manifest"] = Reader("manifest.json", manifest, lambda it: read_bundle(it.parent))
    return made


def damaged(content: bytes, source: random.Random) -> bytes:
    """The content with one to four places changed."""
    data = bytearray(content)
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(data) + 1)
        match source.randrange(6):
            case 0:
                data[at : at + 1] = bytes([source.randrange(256)])
            case 1:
                del data[at : at + source.randint(1, 40)]
            case 2:
                data[at:at] = source.choice(INTERESTING)
            case 3:
                data[at : at + source.randint(1, 8)] = source.choice(INTERESTING)
            case 4:
                start = source.randrange(len(data) + 1)
                data[at:at] = data[start : start + source.randint(1, 60)]
            case 5 if source.random() < 0.2:
                del data[at:]
            case _:
                if at < len(data):
                    data[at] ^= 1 << source.randrange(8)
    return bytes(data)


def _target() -> bytes:
    return resources.find("targets", ".toml")["rpi4"].read_bytes()


def _records() -> bytes:
    return (
        b'{"kernel":"k","schedule":"s","version":1,"parameters":{"a":1},"median_us":1.0,'
        b'"spread":0.1,"rule_us":2.0,"apart_us":0.0,"floor_us":0.5,"trials":3,"core":"c",'
        b'"machine":"m","tools":{},"seed":0,"date":"2026-11-25"}\n'
    )


def _array() -> bytes:
    import io

    file = io.BytesIO()
    np.save(file, np.zeros((4, 4, 3), np.float32))
    return file.getvalue()


def _onnx() -> bytes:
    model = OnnxModel((1, 3, 8, 8))
    data = model.batch_norm(model.conv("x", 8, 3, 3, 3, strides=[2, 2], pads=[1, 1, 1, 1]), 8)
    gate = model.add("Clip", model.add("Add", data, model.constant(3)), "", model.constant(6))
    data = model.add("Div", model.add("Mul", data, gate), model.constant(6, node=True))
    data = model.add("MaxPool", data, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    size = model.add("Gather", model.add("Shape", data), model.constant([0], np.int64))
    rest = model.add("Concat", size, model.constant([-1], np.int64, node=True), axis=0)
    data = model.add("Reshape", model.add("GlobalAveragePool", data), rest)
    model.add("Softmax", model.add("Gemm", data, model.weights(8, 4), model.weights(4)), axis=1)
    content: bytes = model.proto(model.nodes[-1].output[0]).SerializeToString()
    return content


def _every(graph: Graph) -> bytes:
    model: onnx.ModelProto = to_onnx(graph, seeded_weights(graph), "NCHW")
    content: bytes = model.SerializeToString()
    return content
