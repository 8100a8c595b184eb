"""Damage files for as long as one likes: python tests/fuzz/long.py [MINUTES] [SEED]

Prints, for each reader, how many files were read, how many refused, and the slowest, in seconds.
Stops at the first fault with the file that caused it, `fault-<reader>`, in the current folder.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.fuzzing import damaged, readers


def main(minutes: float, seed: int) -> int:
    """Fuzz the readers in turns; 1 at a fault."""
    source, known = random.Random(seed), readers()
    counts = {name: [0, 0] for name in known}
    slowest = dict.fromkeys(known, 0.0)
    end = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            for name, reader in known.items():
                content = damaged(reader.content, source)
                start = time.monotonic()
                try:
                    accepted = reader.survives(content, Path(folder))
                except BaseException:
                    Path(f"fault-{name.replace(' ', '-')}").write_bytes(content)
                    print(f"{name}: a fault after {sum(counts[name])} files")
                    raise
                counts[name][0 if accepted else 1] += 1
                slowest[name] = max(slowest[name], time.monotonic() - start)
    for name, (read, refused) in counts.items():
        print(f"{name:24s}{read:9d} read{refused:9d} refused, slowest {slowest[name]:.2f} s")
    print(f"{sum(map(sum, counts.values()))} files, no fault")
    return 0


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(float(given[0]) if given else 1.0, int(given[1]) if len(given) > 1 else 0))
