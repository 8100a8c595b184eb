"""A space of eight networks whose truth is tabulated, and searches of it without a device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from mnv3gen.search.accuracy import EvaluatorSpec
from mnv3gen.search.accuracy.tabulated import Tabulated
from mnv3gen.search.controllers import make_controller
from mnv3gen.search.latency import Latency
from mnv3gen.search.nas import Nas
from mnv3gen.search.settings import Settings, contents_of
from mnv3gen.search.space import Space
from mnv3gen.search.spaces import load_space
from mnv3gen.search.tabulated import HEADING
from mnv3gen.search.target import described
from mnv3gen.search.trials import Trials
from mnv3gen.search.workers import Workers, open_workers
from mnv3gen.tables.network import Network

SEED = """\
name: eight
input: 8x8x3
classes: 10

Operator          exp  #out  SE  NL  s
conv2d, 3x3         -     8   -  HS  2
bneck, 3x3         24     8   -  RE  1
bneck, 3x3         24    16   -  RE  1
pool                -     -   -   -  1
conv2d 1x1, NBN     -     k   -   -  1
"""
SPACE = """\
seed = "eight.bneck"
operators = ["bneck3", "bneck6"]
kernels = [3]
squeeze = [false]
skip = ["identity"]
filters = ["1/2", "1"]
layers = [0]
"""
KERNELS = SPACE.replace("[3]", "[3, 5]")


def write_space(folder: Path, text: str = SPACE) -> Space:
    """The space; its first block has one width, so that it has two choices, the second four."""
    (folder / "eight.bneck").write_text(SEED)
    (folder / "eight.toml").write_text(text)
    return load_space(str(folder / "eight.toml"))


def write_truth(folder: Path, space: Space) -> Path:
    """A table in which network n of the space has an accuracy of 50 + n % and takes 1 + n ms."""
    lines = ["# made up", HEADING]
    first, second = space.choices(0), space.choices(1)
    points = [(one, other) for one in first for other in second]
    lines += [
        f"{0.5 + number / 100:.5f}\t{1 + number}\t{described(point)}"
        for number, point in enumerate(points)
    ]
    path = folder / "eight.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


class TableLatency:
    """The table's latencies; `fails` may raise for a number of the call."""

    name: Literal["table"] = "table"

    def __init__(self, table: Tabulated, fails: Callable[[int], None] = lambda call: None) -> None:
        self.table, self.fails, self.calls = table, fails, 0

    def of(self, network: Network) -> Latency:
        """See `LatencySource`."""
        self.calls += 1
        self.fails(self.calls)
        return self.table.latency(network)

    def close(self) -> None:
        """There is no device."""


def settings_of(space: Space, controller: str = "random", seed: int = 0) -> Settings:
    """Those of a search of the space."""
    return Settings(
        space=space.name,
        contents=contents_of(space),
        device="none",
        target="host",
        target_ms=4.0,
        exponents=(-0.15, -0.15),
        controller=controller,
        evaluator="tabulated",
        data="eight.tsv",
        images=0,
        epochs=0,
        batch=1,
        latency="table",
        table="",
        seed=seed,
        round=4,
        version="0",
    )


def spec_of(truth: Path) -> EvaluatorSpec:
    """The evaluator that reads the table."""
    return EvaluatorSpec(
        kind="tabulated", data="", images=0, epochs=0, batch=1, seed=0, folder=str(truth)
    )


def search_of(
    folder: Path,
    controller: str = "random",
    seed: int = 0,
    fails: Callable[[int], None] = lambda call: None,
    workers: Workers | None = None,
    text: str = KERNELS,
) -> Nas:
    """A search in `folder`/s of the space that is written beside it."""
    space = write_space(folder, text)
    truth = write_truth(folder, space)
    return Nas(
        settings_of(space, controller, seed),
        space,
        make_controller(controller, space, seed),
        TableLatency(Tabulated(truth, space), fails),
        workers or open_workers("off", spec_of(truth), space, None),
        Trials(folder / "s"),
    )
