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
from mnv3gen.compile.tuned import NOTHING, core_of, load_tuned, own_folder
from mnv3gen.graph.model import Model
from mnv3gen.tables.network import Network
from mnv3gen.targets import Target
from mnv3gen.tune.apart import Comparisons
from mnv3gen.tune.measurer import Measurer
from mnv3gen.tune.session import Session
from mnv3gen.tune.tasks import listed
from mnv3gen.tune.trials import Trials

TRIALS, COMPARISONS = "trials.jsonl", "comparisons.jsonl"
PEAK_CALLS = 30


@contextlib.contextmanager
def session_of(
    networks: Sequence[Network | Model],
    target: Target,
    seed: int = 0,
    fresh: bool = False,
    int8: bool = False,
) -> Iterator[Session]:
    """A session over some networks, in `int8` or float32; it compiles in a temporary folder.

    A `fresh` one sets earlier measurements aside, as `<file>.before`.
    """
    own, core = own_folder() / target.name, core_of(target)
    for path in (own / TRIALS, own / COMPARISONS):
        if fresh and path.is_file():
            path.replace(path.with_name(f"{path.name}.before"))
    with tempfile.TemporaryDirectory(prefix="mnv3gen-tune-") as name:
        folder = Path(name)
        with contextlib.closing(Measurer(target, folder, seed)) as measurer:
            yield Session(
                networks=[listed(network, target, int8) for network in networks],
                target=target,
                trials=Trials(own / TRIALS, core),
                comparisons=Comparisons(own / COMPARISONS, core),
                measurer=measurer,
                madds_per_us=measured_peak(folder),
                known=NOTHING if fresh else load_tuned(target),
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
