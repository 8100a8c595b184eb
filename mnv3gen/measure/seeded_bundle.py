"""Bundles that are compiled to be timed: time does not depend on the weights, which are random."""

from __future__ import annotations

from pathlib import Path

from mnv3gen.compile.bundle import Bundle
from mnv3gen.compile.pipeline import compile_network
from mnv3gen.compile.request import Request
from mnv3gen.graph.expand import expand
from mnv3gen.graph.seeded import seeded_weights
from mnv3gen.tables.network import Network
from mnv3gen.targets import Target

SEED = 0


def compiled(network: Network, target: Target, folder: Path) -> Bundle:
    """The float32 bundle of a network in a new folder, or a copy of the cache's.

    It is not verified here: its executable checks itself on the device before it is timed.
    """
    weights = seeded_weights(expand(network), SEED)
    request = Request(network, target, weights, f"seed {SEED}", verify=False)
    return compile_network(request, folder).bundle
