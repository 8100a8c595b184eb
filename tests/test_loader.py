"""`mnv3gen/loader.py`: a bundle in a process that has NumPy and nothing of ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support.compiled import Compiled

import mnv3gen.loader
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.loader import LoadError, load

pytestmark = pytest.mark.compile


def test_outputs(tiny_bundle: Compiled) -> None:
    network, data = load(tiny_bundle.bundle.folder), seeded_input((20, 20, 3), seed=4)
    assert network.shape == (1, 20, 20, 3)
    (expected,) = run(tiny_bundle.graph, tiny_bundle.weights, data).values()
    for given in (data, data[np.newaxis], data.tolist()):
        ((name, found),) = network(given).items()
        assert network.outputs == {name: (1, 10)}
        np.testing.assert_allclose(found.ravel(), expected.ravel(), atol=1e-4)
    with pytest.raises(ValueError, match="takes"):
        network(data[1:])


def test_threads(tiny_bundle: Compiled) -> None:
    """Four threads, each with its own input, give what each gives alone."""
    network = load(tiny_bundle.bundle.folder)
    inputs = [seeded_input((20, 20, 3), seed) for seed in range(8)]
    alone = [next(iter(network(data).values())) for data in inputs]
    with ThreadPoolExecutor(4) as pool:
        jobs = [index % 8 for index in range(2000)]
        for index, outputs in zip(jobs, pool.map(network, [inputs[i] for i in jobs]), strict=True):
            assert np.array_equal(next(iter(outputs.values())), alone[index])


def test_it_needs_nothing_of_ours(tiny_bundle: Compiled, tmp_path: Path) -> None:
    shutil.copy(mnv3gen.loader.__file__, tmp_path / "loader.py")
    program = (
        "import sys; from loader import load; import numpy as np\n"
        f"network = load({str(tiny_bundle.bundle.folder)!r})\n"
        "print(network(np.zeros(network.shape)))\n"
        "assert 'mnv3gen' not in sys.modules\n"
    )
    command = [sys.executable, "-c", program]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def test_refusals(tiny_bundle: Compiled, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no bundle"):
        load(tmp_path / "missing")
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bundle.bundle.folder, copy)
    library = copy / "libtiny.so"
    library.write_bytes(library.read_bytes() + b"x")
    with pytest.raises(LoadError, match="changed after compilation"):
        load(copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"format": 1}))
    with pytest.raises(LoadError, match="format 1"):
        load(copy)
    (copy / "manifest.json").write_text("[]")
    with pytest.raises(LoadError, match="no bundle"):
        load(copy)
