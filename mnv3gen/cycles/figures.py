"""Modelled cycles of the paper's networks, kept as text: `figures.jsonl` beside this file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from mnv3gen.cycles.published_latency import Cell
from mnv3gen.errors import InputError

if TYPE_CHECKING:
    from mnv3gen.quantize.quantized import Quantized
    from mnv3gen.tables.network import Network

FILE = Path(__file__).with_name("figures.jsonl")
Form: TypeAlias = Literal["fused", "layers"]
"""Our own plan, or every layer computed alone, as runtimes did that the paper measured with."""


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Modelled cycles of what a cell is about; ``cycles`` are for the whole input.

    ``simulator`` tells the version of simulation and core by a hash.
    """

    key: str
    form: Form
    cycles: int
    instructions: int
    core: str
    library: str
    simulator: str


def read_figures(path: Path = FILE) -> dict[tuple[str, str], Figure]:
    """The figures by key and form. InputError names a line that is none."""
    found: dict[tuple[str, str], Figure] = {}
    if not path.is_file():
        return found
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            figure = msgspec.json.decode(line, type=Figure)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"not a figure: {error}", place=f"{path}:{number}") from error
        found[figure.key, figure.form] = figure
    return found


def write_figures(figures: Iterable[Figure], path: Path = FILE) -> None:
    """All figures, sorted, one JSON object a line."""
    ordered = sorted(figures, key=lambda each: (each.key, each.form))
    temporary = path.with_suffix(".new")
    temporary.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in ordered))
    temporary.replace(path)


def stamp(cell: Cell) -> str:
    """What a cell's figure must have been modelled by to be of today."""
    from mnv3gen.cycles.core import model_of
    from mnv3gen.cycles.model import stamp_of
    from mnv3gen.targets import load

    target = load(cell.target)
    return stamp_of(model_of(target), target.core, cell.integers)


def model_cell(cell: Cell, form: Form, observe: Callable[[str], None]) -> Figure:
    """Compile what a cell is about, by rule, and model it."""
    from mnv3gen.compile.pipeline import compile_network
    from mnv3gen.compile.request import Request
    from mnv3gen.cycles.model import library_hash, model_cycles
    from mnv3gen.graph.expand import expand
    from mnv3gen.graph.seeded import seeded_weights
    from mnv3gen.targets import load

    network = cell.resolved()
    weights = seeded_weights(expand(network), 0)
    observe(f"prepare {cell.key}")
    request = Request(
        network=network,
        target=load(cell.target),
        weights=weights,
        weights_source="seed 0",
        verify=False,
        by_rule=True,
        layers_alone=form == "layers",
        quantized=_quantized(network, weights) if cell.integers else None,
        calibration="seed 0" if cell.integers else "",
    )
    with tempfile.TemporaryDirectory(prefix="mnv3gen-") as folder:
        observe(f"compile {cell.key}")
        bundle = compile_network(request, Path(folder) / "bundle", use_cache=False).bundle
        observe(f"model {cell.key}")
        cycles = model_cycles(bundle)
        return Figure(
            key=cell.key,
            form=form,
            cycles=cycles.cycles * cell.shrunk**2,
            instructions=cycles.instructions * cell.shrunk**2,
            core=cycles.core,
            library=library_hash(bundle.library),
            simulator=stamp(cell),
        )


def _quantized(network: Network, weights: Mapping[str, Any]) -> Quantized:
    """The int8 form with ranges of seeded inputs: cycles do not depend on values."""
    from mnv3gen.graph.expand import expand
    from mnv3gen.graph.seeded import seeded_input
    from mnv3gen.quantize.calibrate import measure_ranges
    from mnv3gen.quantize.prepare import prepare
    from mnv3gen.quantize.statistics_file import Statistics, table_hash, weights_hash

    graph = expand(network)
    ranges, count = measure_ranges(graph, weights, [seeded_input(graph.input_shape, 0)], "minmax")
    statistics = Statistics(
        network=network.name,
        table=table_hash(network),
        weights=weights_hash(weights),
        observer="minmax",
        pictures=count,
        ranges=ranges,
    )
    return prepare(network, weights, statistics)
