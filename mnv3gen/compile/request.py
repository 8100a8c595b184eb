"""`Request`: what is to be compiled, and the names that follow from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mnv3gen.compile import cache
from mnv3gen.compile.manifest import Mixed
from mnv3gen.compile.one_pixel import ONE_PIXEL
from mnv3gen.compile.storage import check_storage
from mnv3gen.compile.tuned import NOTHING, Tuned, load_tuned
from mnv3gen.errors import InputError
from mnv3gen.graph.model import Model, model_of
from mnv3gen.lower.storage import WeightStorage
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.tables.network import Network
from mnv3gen.targets import Target


@dataclass(frozen=True)
class Request:
    """What is to be compiled; `weights_source` says in the manifest where the weights are from.

    A network is a table's, or a `Model` of another origin.

    `by_rule` ignores tuned parameters; with `require_tuned`, a kernel without them is an error.
    `quantized` is the int8 form of the network, and `calibration` says in the manifest what its
    ranges come from and `mixed` how its float nodes were chosen; it excludes another storage. With
    `layers_alone` nothing is computed together with another layer, as a runtime that calls one
    operator after the other does.
    InputError if both are asked for, or if the target cannot read weights of that `storage`.
    """

    network: Network | Model
    target: Target
    weights: Mapping[str, npt.NDArray[np.float32]]
    weights_source: str
    labels: tuple[str, ...] = ()
    verify: bool = True
    storage: WeightStorage = "float32"
    by_rule: bool = False
    require_tuned: bool = False
    quantized: Quantized | None = None
    calibration: str = ""
    mixed: Mixed | None = None
    layers_alone: bool = False

    def __post_init__(self) -> None:
        check_storage(self.storage, self.target)
        if self.quantized is not None and self.storage != "float32":
            raise InputError(
                "int8 weights are stored as int8",
                place="--weight-storage",
                found=self.storage,
                expected="--int8 without it",
            )
        if self.by_rule and self.require_tuned:
            raise InputError(
                "tuned parameters cannot be both ignored and required",
                place="--rule --require-tuned",
                expected="one of the two",
            )

    @cached_property
    def model(self) -> Model:
        """The graph to compile and its names."""
        return model_of(self.network)

    @property
    def tuned(self) -> Tuned:
        """The tuning records that may be used. InputError if one cannot be read."""
        if self.layers_alone:
            return ONE_PIXEL
        return NOTHING if self.by_rule else load_tuned(self.target)

    @property
    def weights_hash(self) -> str:
        """SHA-256 over names, shapes and values."""
        digest = hashlib.sha256()
        for name, value in sorted(self.weights.items()):
            digest.update(f"{name} {value.shape} {value.dtype}\n".encode())
            digest.update(np.ascontiguousarray(value).data)
        return digest.hexdigest()

    @property
    def identity(self) -> str:
        """A short name of table and stored weights for the library's version string."""
        parts = self.model.text + self.weights_hash + self.storage + self._integers
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    @property
    def _integers(self) -> str:
        return "" if self.quantized is None else self.quantized.fingerprint

    @property
    def key(self) -> str:
        """The key in the bundle cache."""
        target = self.target.to_manifest()
        target["core"] = {k: v for k, v in target["core"].items() if k != "clock_mhz"}  # it drifts
        return cache.key_of(
            [
                self.model.text,
                repr(sorted(target.items())),
                self.weights_hash,
                self.weights_source,
                self.model.preprocess,
                repr(self.labels),
                str(self.verify),
                self.storage,
                self.tuned.fingerprint,
                str(self.require_tuned),
                self._integers,
                self.calibration,
                *(["layers alone"] if self.layers_alone else []),
            ]
        )
