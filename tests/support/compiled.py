"""Networks that the tests compile, each once in a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.bundle import Bundle, read_bundle
from mnv3gen.compile.pipeline import compile_network
from mnv3gen.compile.request import Request
from mnv3gen.execute import host
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph
from mnv3gen.graph.seeded import seeded_weights
from mnv3gen.run import run_bundle
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.targets import load

Array = npt.NDArray[np.float32]

TINY = """\
name: tiny
input: 20x20x3
classes: 10

Operator         exp size  #out  SE  NL  s
conv2d, 3x3         -     8   -  HS  2
bneck, 3x3         16     8   -  RE  1
bneck, 5x5         24    16   ✓  HS  2
pool, 5x5           -     -   -   -  1
conv2d 1x1, NBN     -     k   -   -  1
"""
"""A network with every kind of operator, for what does not depend on the network."""


def tiny() -> Network:
    """The network of `TINY`."""
    return parse(TINY)


def request_for(network: Network, target: str = "host", seed: int = 0) -> Request:
    """What is asked of the compiler for random weights, without its own check of the result."""
    return Request(
        network=network,
        target=load(target),
        weights=seeded_weights(expand(network), seed),
        weights_source=f"seed {seed}",
        verify=False,
    )


@dataclass(frozen=True)
class Compiled:
    """A bundle, opened as a user opens it, and what it was made from."""

    request: Request
    bundle: Bundle

    @property
    def graph(self) -> Graph:
        """The network's operators."""
        return self.request.model.graph

    @property
    def weights(self) -> Mapping[str, Array]:
        """The parameters by name."""
        return self.request.weights

    @property
    def native(self) -> bool:
        """Whether this machine's processor executes the library itself."""
        return host.lacks(self.bundle.machine) is None

    def run(self, data: Array) -> Array:
        """All output values for an input (h, w, c), natively where that is possible."""
        _, outputs = run_bundle(self.bundle, data)
        return np.concatenate([output.ravel() for output in outputs.values()])


@dataclass
class Compiler:
    """Compiles a network for a target, or hands out what it compiled before."""

    folder: Path
    done: dict[tuple[Network, str], Compiled] = field(default_factory=dict)

    def __call__(self, network: Network, target: str = "host") -> Compiled:
        """The bundle of a network with random weights, unverified: the tests verify it."""
        key = network, target
        if key not in self.done:
            request, folder = request_for(network, target), self.folder / str(len(self.done))
            compile_network(request, folder, use_cache=False)
            self.done[key] = Compiled(request, read_bundle(folder))
        return self.done[key]
