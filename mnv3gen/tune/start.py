"""What a tuning run starts from: the networks' tasks, earlier trials, and the core's peak."""

from __future__ import annotations

import contextlib
import ctypes
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mnv3gen.bench.peak import build_peak
from mnv3gen.compile.tuned import core_of, own_folder
from mnv3gen.tables.network import Network
from mnv3gen.targets import Target
from mnv3gen.tune.session import Session
from mnv3gen.tune.tasks import listed
from mnv3gen.tune.trials import Trials

TRIALS = "trials.jsonl"
PEAK_CALLS = 30


@contextlib.contextmanager
def session_of(
    networks: Sequence[Network], target: Target, seed: int = 0, fresh: bool = False
) -> Iterator[Session]:
    """A session over some networks; what it compiles lies in a temporary folder."""
    path = own_folder() / target.name / TRIALS
    if fresh:
        path.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="mnv3gen-tune-") as name:
        folder = Path(name)
        peak = measured_peak(folder)
        yield Session(
            networks=[listed(network, target) for network in networks],
            target=target,
            trials=Trials(path, core_of(target)),
            folder=folder,
            madds_per_us=peak,
            seed=seed,
        )


def measured_peak(folder: Path) -> float:
    """The multiply-adds a microsecond of which this core is capable."""
    peak = build_peak(folder)
    function = ctypes.CDLL(str(peak.library)).peak
    data = np.load(peak.data)
    times = []
    for _ in range(PEAK_CALLS):
        start = time.perf_counter_ns()
        function(ctypes.c_void_p(data.ctypes.data))
        times.append(time.perf_counter_ns() - start)
    return peak.madds / (min(times) / 1e3)
