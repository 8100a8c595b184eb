"""Every reader of a file that a user may hand us, and damage to valid files.

A reader returns or raises `Mnv3genError`; whatever else it raises is a fault of ours.
"""

from __future__ import annotations

import io
import os
import random
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
from PIL import Image
from safetensors.numpy import save

from mnv3gen import resources
from mnv3gen.compile.bundle import Bundle, read_bundle
from mnv3gen.compile.manifest import decode
from mnv3gen.compile.modelled import ModelledRecord, read_modelled
from mnv3gen.compile.tuned import TunedRecord, read_log
from mnv3gen.cycles.core import read_model
from mnv3gen.devices.device import all_devices
from mnv3gen.errors import Mnv3genError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.graph.weights import load_weights
from mnv3gen.images import load_labels, named
from mnv3gen.images.decode import load_input
from mnv3gen.journal import Journal
from mnv3gen.lower.onnx import to_onnx
from mnv3gen.measure.protocol import Protocol, Times
from mnv3gen.measure.protocol import State as MeasuredState
from mnv3gen.measure.records import Record as MeasuredRecord
from mnv3gen.measure.records import Records
from mnv3gen.onnx_import import import_onnx
from mnv3gen.quantize.pictures import Pictures
from mnv3gen.quantize.prepare import calibrate, prepare
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.quantize.statistics_file import read_statistics, write_statistics
from mnv3gen.resources import PACKAGE
from mnv3gen.search.space import Space
from mnv3gen.search.spaces import load_space
from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import load as load_table
from mnv3gen.tables.parse import parse
from mnv3gen.targets import Target, from_manifest
from mnv3gen.targets.registry import load_file
from mnv3gen.train.recipe import Recipe, load_recipe, rate_at
from mnv3gen.train.state import EpochRow, read_state
from mnv3gen.train.state import State as RunState
from mnv3gen.tune.trials import Trial, Trials
from mnv3gen.weights_import.onnx_reading import read_onnx
from support.compiled import TINY
from support.graphs import every_operator
from support.onnx_models import OnnxModel

NUMBERS = (b"0", b"1", b"-1", b"2", b"7", b"255", b"65536", b"1e9", b"nan", b"inf", b"4294967296")
LONGEST = 20.0  # seconds that a reader may take, on a busy machine
DEVICES = b"""[pi]
address = "ssh://pi@raspberrypi.local"
target = "rpi4"
cpu = 3
folder = "/tmp/x"
"""
INTERESTING = (b"\0", b"\xff", b"-1", b"0", b"1e999", b"99999999999999999999", b'"', b"{}", b"nan")


class Hang(BaseException):
    """A reader that has not come back after `LONGEST` seconds."""


@dataclass(frozen=True)
class Reader:
    """A reader, the name that its file has, and valid content of such a file.

    `holds` asserts of what was read that it is something that the rest can work with: what does
    not hold was accepted silently. `share` is the part of a long run's files that it gets.
    """

    file: str
    content: bytes
    read: Callable[[Path], Any]
    holds: Callable[[Any], object] = lambda _: None
    share: int = 10

    def survives(self, content: bytes, folder: Path) -> bool:
        """Read a file of this content; whether it was accepted. AssertionError, Hang: a fault."""
        path = folder / self.file
        path.write_bytes(content)
        with limited():
            try:
                made = self.read(path)
                self.holds(made)
            except Mnv3genError as error:
                assert str(error)
                return False
        return True


@contextmanager
def limited() -> Iterator[None]:
    """`Hang` inside of the block after `LONGEST` seconds."""

    def stop(*_: object) -> None:
        raise Hang(f"{LONGEST} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def readers(manifest: bytes = b"") -> dict[str, Reader]:
    """The readers by name; that of manifests only if a valid one is given."""
    network = parse(TINY)
    graph = expand(network)
    weights = seeded_weights(graph)
    imagenet = named("imagenet")
    made = {
        "table": Reader("t.bneck", TINY.encode(), load_table, _table, 20),
        "target": Reader("t.toml", _shipped("targets", "rpi4"), load_file, _target, 20),
        "weights": Reader(
            "w.safetensors", save(weights), lambda it: load_weights(it, graph), _finite
        ),
        "records": Reader("records.jsonl", _records(), read_log, _tuned, 20),
        "modelled records": Reader(
            "modelled.jsonl",
            b"".join((_logs("rpi4") / "modelled.jsonl").read_bytes().splitlines(True)[:1]),
            read_modelled,
            _modelled,
        ),
        "measurements": Reader("records.jsonl", _measurements(), Records, _journal, 20),
        "trials": Reader("trials.jsonl", _trials(), lambda it: Trials(it, "c"), _journal, 20),
        "statistics": Reader(
            "s.json",
            _statistics(network, weights),
            lambda it: prepare(network, weights, read_statistics(it, network, weights)),
            _quantized,
        ),
        "labels": Reader("labels.txt", b"one\ntwo\n", lambda it: load_labels(it, 2), _labels, 20),
        "array": Reader("x.npy", _array(), lambda it: load_input(it, (4, 4, 3), imagenet), _input),
        "picture": Reader(
            "x.png", _picture("PNG"), lambda it: load_input(it, (4, 4, 3), imagenet), _input
        ),
        "photograph": Reader(
            "x.jpg", _picture("JPEG"), lambda it: load_input(it, (4, 4, 3), imagenet), _input
        ),
        "calibration": Reader(
            "x.npz",
            _arrays(),
            lambda it: list(Pictures(it, (4, 4, 3), imagenet)),
            _inputs,
        ),
        "devices": Reader("devices.toml", DEVICES, _devices_of, share=20),
        "space": Reader("s.toml", _space(), lambda it: load_space(str(it)), _points),
        "recipe": Reader(
            "r.toml",
            (PACKAGE / "train/recipes/paper.toml").read_bytes(),
            lambda it: load_recipe(str(it)),
            _recipe,
            20,
        ),
        "core": Reader(
            "c.toml", (PACKAGE / "cycles/cores/cortex-a72.toml").read_bytes(), read_model
        ),
        "training state": Reader("state.json", _state(), lambda it: read_state(it.parent)),
        "onnx": Reader("m.onnx", _onnx(), import_onnx),
        "onnx of every operator": Reader("m.onnx", _every(every_operator()), import_onnx, share=4),
        "onnx weights": Reader("m.onnx", _onnx(), read_onnx),
    }
    if manifest:
        made["manifest"] = Reader(
            "manifest.json", manifest, lambda it: read_bundle(it.parent), _manifest(manifest)
        )
    return made


def damaged(content: bytes, source: random.Random) -> bytes:
    """The content with one to four places changed, half of the time numbers and lines as such."""
    change = _changed_bytes if source.random() < 0.5 else _changed_words
    for _ in range(source.randint(1, 4)):
        content = change(content, source)
    return content


def _changed_bytes(content: bytes, source: random.Random) -> bytes:
    data = bytearray(content)
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


def _changed_words(content: bytes, source: random.Random) -> bytes:
    """A number or a word replaced, or a line repeated, removed or exchanged with another."""
    match source.randrange(4):
        case 0:
            words = list(re.finditer(rb"[0-9.]+", content))
        case 1:
            words = list(re.finditer(rb"[A-Za-z0-9_]+", content))
        case _:
            words = list(re.finditer(rb"[^\n]*\n", content))
    if not words:
        return content
    first, second = source.choice(words), source.choice(words)
    kept = source.choice((second.group(), source.choice(NUMBERS), 2 * first.group(), b""))
    return content[: first.start()] + kept + content[first.end() :]


def _table(network: Network) -> None:
    """What is printed of it is the same table, and its operators and counts can be made."""
    assert parse(format_network(network)) == network
    expand(network)


def _target(target: Target) -> None:
    assert from_manifest(target.to_manifest(), file="t") == target
    numbers = [target.core.clock_mhz, target.core.l1d_kib, target.core.cache_line]
    assert all(0 < number < 1 << 31 for number in numbers)


def _finite(weights: Mapping[str, npt.NDArray[Any]]) -> None:
    assert all(np.isfinite(value).all() for value in weights.values())


def _tuned(records: list[TunedRecord]) -> None:
    for record in records:
        times = (record.median_us, record.rule_us, record.apart_us, record.floor_us, record.spread)
        assert np.isfinite(times).all() and min(times) >= 0, times
        assert record.version >= 0 and record.trials >= 0


def _modelled(records: list[ModelledRecord]) -> None:
    for record in records:
        assert min(record.cycles, record.rule_cycles, record.apart_cycles, record.trials) >= 0


def _journal(found: Records | Trials) -> None:
    """Every line is an entry, or is said to be none; and no time is below 0."""
    journal: Journal[Any] = found.journal
    lines = journal.path.read_bytes().splitlines()
    assert len(journal.entries) + len(journal.damaged) == len(lines)
    if isinstance(found, Trials):
        assert all(trial.ratio >= 0 for trial in found.all())
    else:
        times = [time for record in found.by_key.values() for time in record.times.values()]
        assert all(min(it.min_ms, it.median_ms, it.p90_ms, it.runs) >= 0 for it in times)
        assert all(it.spread >= -1 for it in times)


def _quantized(quantized: Quantized) -> None:
    assert all(0 < it.scale < np.inf for it in quantized.scales.values())
    assert all(-128 <= it.zero_point <= 127 for it in quantized.scales.values())


def _labels(labels: tuple[str, ...]) -> None:
    assert len(labels) == 2 and all(label.strip() for label in labels)


def _input(data: npt.NDArray[np.float32]) -> None:
    assert data.shape == (4, 4, 3) and data.dtype == np.float32 and np.isfinite(data).all()


def _inputs(found: list[npt.NDArray[np.float32]]) -> None:
    for each in found:
        _input(each)


def _points(space: Space) -> None:
    """A point of it is a table, and the table is that point again."""
    assert space.size > 0
    point = space.random(random.Random(0))  # noqa: S311
    network = space.network(point)
    assert space.network(space.point(network)) == network
    expand(network)


def _recipe(recipe: Recipe) -> None:
    rates = [rate_at(recipe, epoch, epoch / recipe.epochs) for epoch in (0.5, 1.0, 3.0)]
    assert np.isfinite(rates).all() and min(rates) >= 0, rates


def _devices_of(path: Path) -> object:
    os.environ["MNV3GEN_DEVICES"] = str(path)
    try:
        return all_devices()
    finally:
        del os.environ["MNV3GEN_DEVICES"]


def _manifest(content: bytes) -> Callable[[Any], None]:
    """Only one that says the same as the whole one is believed."""
    whole = decode(content)

    def holds(bundle: Bundle) -> None:
        assert bundle.manifest == whole

    return holds


def _shipped(folder: str, name: str) -> bytes:
    return resources.find(folder, ".toml")[name].read_bytes()


def _logs(target: str) -> Path:
    return next(path for path in resources.folders("tuning_logs") if (path / target).is_dir()) / (
        target
    )


def _measurements() -> bytes:
    record = MeasuredRecord(
        kind="network",
        name="tiny",
        target="rpi4",
        core="cortex-a72",
        device="pi",
        bundle="0123",
        protocol=Protocol(),
        times={"run": Times(1.0, 1.1, 1.2, 20)},
        noisy=False,
        attempts=1,
        before=MeasuredState(khz=1),
        after=MeasuredState(),
    )
    return msgspec.json.encode(record) + b"\n"


def _trials() -> bytes:
    trial = Trial(
        kernel="k",
        schedule="s",
        version=1,
        core="c",
        parameters={"a": 1},
        median_us=1.0,
        rule_us=2.0,
    )
    return 2 * (msgspec.json.encode(trial) + b"\n")


def _statistics(network: Network, weights: Mapping[str, npt.NDArray[np.float32]]) -> bytes:
    shape = network.height, network.width, network.channels
    with TemporaryDirectory() as folder:
        data, path = Path(folder) / "data.npz", Path(folder) / "s.json"
        np.savez(data, seeded_input(shape, 0))
        pictures = Pictures(data, shape, named("imagenet"))
        write_statistics(calibrate(network, weights, pictures, "minmax"), path)
        return path.read_bytes()


def _picture(form: str) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (9, 7, 3), np.uint8)
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def _arrays() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.zeros((2, 4, 4, 3), np.float32), b=np.zeros((1, 5, 6, 3), np.uint8))
    return file.getvalue()


def _space() -> bytes:
    return (PACKAGE / "search/spaces/mnasnet.toml").read_bytes()


def _state() -> bytes:
    row = EpochRow(1, 1.0, 0.5, 0.5, 1.0, 0.1, 10.0, 2.0)
    state = RunState(1, "t", {"a": "b"}, 1, 1, 0, 1, 2.0, (1.0, 1.0, 1.0), 0.5, (row,))
    return msgspec.json.encode(state)


def _records() -> bytes:
    return (
        b'{"kernel":"k","schedule":"s","version":1,"parameters":{"a":1},"median_us":1.0,'
        b'"spread":0.1,"rule_us":2.0,"apart_us":0.0,"floor_us":0.5,"trials":3,"core":"c",'
        b'"machine":"m","tools":{},"seed":0,"date":"2026-11-25"}\n'
    )


def _array() -> bytes:
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
