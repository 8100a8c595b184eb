"""`manifest.json`: everything that a bundle says of itself, as typed records."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from mnv3gen.images import Preprocess

FORMAT = 3


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of the manifest's records."""


class File(Record, frozen=True):
    """A file of the bundle."""

    bytes: int
    sha256: str


class Storage(Record, frozen=True):
    """What `--weight-storage` made of the weights.

    `float16` counts convolutions that keep theirs so, `refused` those that no schedule computes
    from such. `change` is what rounding does to the reference's outputs, of the largest.
    """

    choice: str
    float16: int
    refused: int
    change: float


class Weights(Record, frozen=True):
    """`source` is a file's name or `seed N`; the hash is over names, shapes and values."""

    source: str
    sha256: str
    storage: Storage


class MixedPart(Record, frozen=True):
    """Operators that were to be kept in float32 together or not, as `mnv3gen.mixed.choose.Part`."""

    nodes: tuple[str, ...]
    float32_cost: float
    int8_cost: float
    loss: float
    loss_db: float | None
    order: int
    kept: bool


class MixedTried(Record, frozen=True):
    """A network that was looked at on the way, as `mnv3gen.mixed.choose.Tried`."""

    kept: int
    added_cost: float
    agreement: float
    expected_agreement: float
    sqnr_db: float | None


class Mixed(Record, frozen=True):
    """What `--mixed BUDGET` chose: the unit and source of the costs, and what was measured."""

    budget: str
    cost: str
    cost_unit: str
    added_cost: float
    pictures: int
    agreement: float
    sqnr_db: float | None
    float_nodes: tuple[str, ...]
    parts: tuple[MixedPart, ...]
    expected_agreement: float | None = None
    tried: tuple[MixedTried, ...] = ()


class Quantization(Record, frozen=True):
    """What int8 made of the network.

    `calibration` says where the ranges come from, `float_nodes` which operators stay in float32.
    `raised` counts scales that are larger than their tensor's range asks for. `change` is the
    difference to the float32 reference's outputs for the seeded input, of the largest.
    """

    calibration: str
    int8_nodes: int
    float_nodes: tuple[str, ...]
    raised: int
    change: float
    mixed: Mixed | None = None


class Input(Record, frozen=True):
    """`shape` is NHWC; `preprocess` makes it from a picture."""

    shape: tuple[int, int, int, int]
    dtype: str
    preprocess: Preprocess


class Output(Record, frozen=True):
    """One tensor inside of the output buffer, at `offset` bytes."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    offset: int


class Memory(Record, frozen=True):
    """Bytes. `offsets` are those of the intermediate tensors in the arena, by step."""

    arena_bytes: int
    peak_alive_bytes: int
    weights_bytes: int
    offsets: dict[str, int]


class KernelRecord(Record, frozen=True):
    """A kernel, how often it is called, and the schedule that it was made by."""

    name: str
    calls: int
    schedule: str
    schedule_version: int
    parameters: dict[str, int]
    provenance: str


class PlanStep(Record, frozen=True):
    """One call: what its kernel computes together, and which tensors it reads and writes.

    `shapes` (h, w, c) are those of what it writes. Costs are in vector multiply-adds
    (mnv3gen/generate/cost.py); `cost_apart` is that of the same kernels one by one. `alive_bytes`
    is what lies in the arena meanwhile.
    """

    kernel: str
    computes: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    cost: int
    cost_apart: int
    prefetched_lines: int
    alive_bytes: int


class Expected(Record, frozen=True):
    """What the reference executor computes for the seeded input: every `stride`th output value.

    `largest` is the largest absolute value of all outputs; errors are relative to it.
    """

    seed: int
    stride: int
    values: tuple[float, ...]
    largest: float
    tolerance: float


class Verification(Record, frozen=True):
    """How the library was run on the seeded input, and the error that it had."""

    executor: str
    max_error: float


class Manifest(Record, frozen=True):
    """The whole of `manifest.json`; `target` is read by `mnv3gen.targets.from_manifest`.

    `sha256` is that of the rest, so that a changed size or offset is never believed.
    """

    format: int
    name: str
    version: str
    identity: str
    tools: dict[str, str]
    network: str
    target: dict[str, Any]
    weights: Weights
    quantization: Quantization | None
    input: Input
    outputs: tuple[Output, ...]
    labels: tuple[str, ...]
    memory: Memory
    kernels: tuple[KernelRecord, ...]
    plan: tuple[PlanStep, ...]
    expected: Expected
    verification: Verification | None
    files: dict[str, File]
    sha256: str = ""


def encode(manifest: Manifest) -> bytes:
    """JSON as a person would want to read it, with the hash of its content as its last field."""
    sealed = msgspec.structs.replace(manifest, sha256=content_hash(manifest))
    return msgspec.json.format(msgspec.json.encode(sealed), indent=1) + b"\n"


def decode(text: bytes) -> Manifest:
    """Raises msgspec.DecodeError or msgspec.ValidationError, which name the field.

    Whether `sha256` is the content's is for the reader to check.
    """
    return msgspec.json.decode(text, type=Manifest)


def content_hash(manifest: Manifest) -> str:
    """SHA-256 of everything but the field `sha256` itself."""
    bare = msgspec.structs.replace(manifest, sha256="")
    return hashlib.sha256(msgspec.json.encode(bare)).hexdigest()
