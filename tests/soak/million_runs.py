"""A million runs of a bundle from four threads: python tests/soak/million_runs.py BUNDLE [RUNS]

Every output is compared with the first of its input; the process' memory is looked at all along.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np

from mnv3gen.graph.seeded import seeded_input
from mnv3gen.loader import load

THREADS = 4
PAGE_KIB = 4


def main(bundle: str, runs: int) -> int:
    """Print what came of it; 1 if an output differs or if memory grows by more than 1 MiB."""
    network = load(bundle)
    inputs = [seeded_input(network.shape[1:], seed) for seed in range(THREADS)]
    expected = [network(data) for data in inputs]
    wrong = [0] * THREADS

    def work(thread: int) -> None:
        for _ in range(runs // THREADS):
            for name, value in network(inputs[thread]).items():
                wrong[thread] += not np.array_equal(value, expected[thread][name])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    time.sleep(2)
    resident = [_resident()]
    while any(thread.is_alive() for thread in threads):
        time.sleep(1)
        resident.append(_resident())
    seconds = time.monotonic() - start
    print(f"{runs} runs from {THREADS} threads in {seconds:.0f} s, {sum(wrong)} of another output")
    print(f"resident: {resident[0]} KiB at first, {max(resident)} KiB at most")
    return int(bool(sum(wrong)) or max(resident) - resident[0] > 1024)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KIB


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000))
