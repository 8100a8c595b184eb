"""`--mixed BUDGET`: measuring what layers lose and cost, choosing, and printing the choice."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mnv3gen.compile import manifest
    from mnv3gen.compile.request import Request
    from mnv3gen.mixed.budget import Budget
    from mnv3gen.mixed.choose import Mixed, Tried
    from mnv3gen.quantize.pictures import Pictures
    from mnv3gen.quantize.quantized import Quantized
    from mnv3gen.quantize.sensitivity import Sensitivity
    from mnv3gen.quantize.statistics_file import Statistics

SENSITIVE = 4  # pictures that sensitivities are measured on: each takes a run for every layer
CHECKED = 64  # pictures that the choice is measured on


def measured_sensitivity(quantized: Quantized, pictures: Pictures) -> Sensitivity:
    """Over a few of the pictures, with a bar."""
    from mnv3gen.cli.progress import counted
    from mnv3gen.quantize.sensitivity import measure_sensitivity

    inputs = pictures.sample(SENSITIVE)
    with counted("each layer alone in int8", len(inputs) * len(quantized.graph.nodes)) as advance:
        return measure_sensitivity(quantized, inputs, advance)


def mixed_of(
    request: Request,
    statistics: Statistics,
    pictures: Pictures,
    budget: Budget,
    sensitivity: Sensitivity | None = None,
) -> tuple[Statistics, Mixed]:
    """The statistics that name what to keep in float32 beside what they did, and the choice.

    Costs are those on the target of the request.
    """
    from mnv3gen.cli.progress import counted, phases
    from mnv3gen.mixed.choose import choose, measurements, rank
    from mnv3gen.mixed.costs import measure_costs
    from mnv3gen.mixed.recorrected import Recorrected
    from mnv3gen.quantize.prepare import CORRECTED, prepare
    from mnv3gen.tables.network import Network

    network, weights = request.network, request.weights
    assert isinstance(network, Network)  # a graph without a table is refused before
    whole = prepare(network, weights, statistics)
    with phases() as observe:
        costs = measure_costs(request, whole, observe)
    found = sensitivity or measured_sensitivity(whole, pictures)
    inputs = pictures.sample(CHECKED)
    ranked = rank(found, costs)
    nodes = len(whole.graph.nodes) if statistics.shifts else 0
    steps = (len(inputs) + nodes) * measurements(len(ranked))
    with counted("networks with parts in float32", steps) as step:
        mixing = Recorrected(network, weights, statistics, pictures.sample(CORRECTED), step)
        mixed = choose(mixing, ranked, costs, budget, inputs, step)
    return mixing.statistics(mixed.float_nodes), mixed


def as_json(mixed: Mixed) -> dict[str, Any]:
    """What is printed for scripts, and recorded."""
    parts = [asdict(part) | {"loss_db": decibels(part.loss)} for part in mixed.parts]
    return {
        "budget": str(mixed.budget),
        "cost": mixed.cost_source,
        "cost_unit": mixed.cost_unit,
        "added_cost": mixed.added_cost,
        "pictures": mixed.pictures,
        "agreement": mixed.agreement,
        "expected_agreement": mixed.expected_agreement,
        "sqnr_db": mixed.sqnr_db,
        "float_nodes": list(mixed.float_nodes),
        "parts": parts,
        "tried": [asdict(each) for each in mixed.tried],
    }


def as_record(mixed: Mixed) -> manifest.Mixed:
    """What a bundle's manifest says of the choice."""
    import msgspec

    from mnv3gen.compile import manifest

    return msgspec.convert(as_json(mixed), manifest.Mixed)


def print_mixed(mixed: Mixed) -> None:
    """The choice in a few lines, and a line for each part."""
    whole = sum(part.int8_cost for part in mixed.parts)
    kept = sum(part.kept for part in mixed.parts)
    click.echo(
        f"mixed     {kept} of {len(mixed.parts)} parts in float32 for a budget of {mixed.budget}: "
        f"{mixed.agreement:.2%} of arg-maxes agree{_sqnr(mixed)} on {mixed.pictures} pictures, "
        f"{mixed.expected_agreement:.2%} to be expected on others"
    )
    click.echo(
        f"cost      {mixed.cost_source}: {whole:.4g} {mixed.cost_unit} in int8 and "
        f"{mixed.added_cost:.4g} more for what is kept, conversions not counted"
    )
    for each in mixed.tried:
        click.echo(
            f"tried     {each.kept:3d} parts, {each.added_cost:.4g} more: {each.agreement:.2%} "
            f"agree, {each.expected_agreement:.2%} expected{_sqnr(each)}"
        )
    if kept == len(mixed.parts):
        click.echo("mnv3gen: warning: nothing is left in int8 by this budget", err=True)
    click.echo("   float32       int8   loss dB  part")
    for part in mixed.parts:
        mark = "  float32" if part.kept else ""
        loss = decibels(part.loss)
        shown = "       -" if loss is None else f"{loss:8.1f}"
        names = part.nodes[0] + (f" to {part.nodes[-1]}" if len(part.nodes) > 1 else "")
        click.echo(f"{part.float32_cost:10.4g} {part.int8_cost:10.4g}  {shown}  {names}{mark}")


def decibels(power: float | None) -> float | None:
    """A power in parts of the outputs' own, in dB; None if there is none."""
    return 10 * math.log10(power) if power is not None and power > 0 else None


def _sqnr(mixed: Mixed | Tried) -> str:
    return "" if mixed.sqnr_db is None else f", SQNR {mixed.sqnr_db:.1f} dB"
