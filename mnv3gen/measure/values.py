"""Whether a bundle computes in the emulator what its manifest expects."""

from __future__ import annotations

import numpy as np

from mnv3gen.compile.bundle import Bundle
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.run import run_bundle


def emulated_error(bundle: Bundle) -> float:
    """The largest error for the seeded input, as a part of the largest output.

    Mnv3genError if the code does not run.
    """
    manifest = bundle.manifest
    data = seeded_input(manifest.input.shape[1:], manifest.expected.seed)
    executor = "auto" if bundle.machine.unicorn is None else "unicorn"
    execution, _ = run_bundle(bundle, data, executor)
    flat = np.frombuffer(execution.output, np.float32)[:: manifest.expected.stride]
    expected = np.array(manifest.expected.values, np.float32)
    return float(np.abs(flat - expected).max() / manifest.expected.largest)
