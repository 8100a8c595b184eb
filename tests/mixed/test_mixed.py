"""Budgets, sensitivities and the choice of what stays in float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from support.compiled import TINY, tiny
from support.integers import quantized_on_random

from mnv3gen.errors import InputError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.mixed.budget import Budget, parse_budget
from mnv3gen.mixed.choose import choose, measurements, rank
from mnv3gen.mixed.costs import Cost, Costs
from mnv3gen.mixed.recorrected import Recorrected
from mnv3gen.quantize.bias_correction import measure_shifts
from mnv3gen.quantize.calibrate import measure_ranges
from mnv3gen.quantize.layer_errors import measure_errors
from mnv3gen.quantize.quantize_graph import quantize_graph
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.quantize.sensitivity import Sensitivity, measure_sensitivity
from mnv3gen.quantize.statistics_file import Statistics
from mnv3gen.tables.parse import parse

INPUTS = [seeded_input((20, 20, 3), seed) for seed in range(6)]
WHOLE = quantized_on_random(tiny())
NAMES = [node.name for node in WHOLE.graph.nodes]


def sensitivity_of(nodes: dict[str, float], tensors: dict[str, float]) -> Sensitivity:
    names = [WHOLE.graph.input, *NAMES]
    return Sensitivity(
        WHOLE.graph,
        dict.fromkeys(NAMES, 0.0) | nodes,
        dict.fromkeys(names, 0.0) | tensors,
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1", Budget(1, "%")),
        ("0.5%", Budget(0.5, "%")),
        (" 40 dB", Budget(40, "dB")),
        ("40db", Budget(40, "dB")),
    ],
)
def test_budgets(text: str, wanted: Budget) -> None:
    assert parse_budget(text) == wanted


@pytest.mark.parametrize("text", ["", "much", "-1", "1e9%", "101%", "1.2.3", "5 ms"])
def test_no_budgets(text: str) -> None:
    with pytest.raises(InputError, match="no accuracy budget"):
        parse_budget(text)


def test_when_a_budget_is_met() -> None:
    assert Budget(1, "%").met(agreement=0.99, sqnr_db=3.0)
    assert not Budget(1, "%").met(agreement=0.989, sqnr_db=60.0)
    assert Budget(40, "dB").met(agreement=0.0, sqnr_db=40.0)
    assert not Budget(40, "dB").met(agreement=1.0, sqnr_db=39.9)
    assert Budget(400, "dB").met(agreement=1.0, sqnr_db=None)


def test_few_positions_are_not_counted() -> None:
    """Ten that may differ, at least: 1 % of 64 pictures is none at all."""
    assert not Budget(1, "%").counts(64)
    assert not Budget(1, "%").counts(999)
    assert Budget(1, "%").counts(1000)
    assert Budget(50, "%").counts(20)
    assert not Budget(0, "%").counts(10**9)


def test_a_share_of_few_pictures_is_met_by_what_is_expected() -> None:
    """By margins and errors, of which more parts in float32 leave less; not by luck."""
    network = parse(TINY.replace("classes: 10", "classes: 1000"))  # close to one another
    whole = quantized_on_random(network)
    halves = (tuple(NAMES[:3]), tuple(NAMES[3:]))
    costs = Costs("modelled", tuple(Cost(nodes, 2.0, 1.0) for nodes in halves))
    ranked = rank(measure_sensitivity(whole, INPUTS[:2]), costs)
    expected = []
    for count in range(3):
        kept = [name for part in ranked[:count] for name in part.nodes]
        errors = measure_errors(quantized_on_random(network, kept), INPUTS)
        expected.append(100 * (1 - errors.expected_agreement))
    assert expected[0] > expected[1] > expected[2] == 0

    def parts(budget: float) -> int:
        def mixing(names: Sequence[str]) -> Quantized:
            return quantized_on_random(network, names)

        mixed = choose(mixing, ranked, costs, Budget(budget, "%"), INPUTS)
        assert mixed.expected_agreement >= 1 - budget / 100 - 1e-9
        return sum(part.kept for part in mixed.parts)

    assert [parts(expected[0]), parts((expected[0] + expected[1]) / 2), parts(0)] == [0, 1, 2]


def test_a_tensor_is_rounded_until_all_around_it_are_float() -> None:
    first, second = NAMES[:2]
    found = sensitivity_of({first: 1.0, second: 2.0}, {WHOLE.graph.input: 4.0, first: 8.0})
    assert WHOLE.graph.node(second).inputs == (first,)
    assert found.predicted(()) == 15
    assert found.predicted([second]) == 13  # the first still makes an int8 tensor
    assert found.predicted([first]) == 10  # of the input no one reads elements, the rest still does
    assert found.predicted([first, second]) == 8  # the residual sum reads it too
    assert found.predicted([first, second, "bneck1.add"]) == 0
    assert found.predicted(NAMES) == 0


def test_sensitivities_predict_the_error_of_the_whole() -> None:
    found = measure_sensitivity(WHOLE, INPUTS)
    measured = measure_errors(WHOLE, INPUTS).outputs(WHOLE.graph).sqnr_db
    assert measured is not None
    assert abs(-10 * np.log10(found.predicted(())) - measured) < 3  # dB
    largest = max(found.nodes, key=lambda name: found.nodes[name])
    assert found.nodes[largest] > 0


def costs_of(*parts: tuple[float, float]) -> Costs:
    """Two parts: the first three nodes, and the rest."""
    nodes = (tuple(NAMES[:3]), tuple(NAMES[3:]))
    return Costs("modelled", tuple(Cost(n, *part) for n, part in zip(nodes, parts, strict=True)))


def test_the_order_is_of_gain_for_time() -> None:
    found = sensitivity_of({NAMES[0]: 1.0, NAMES[-1]: 3.0}, {})
    dear = rank(found, costs_of((2.0, 1.0), (11.0, 1.0)))  # gains of 1 / 1 and 3 / 10
    assert [part.nodes[0] for part in dear] == [NAMES[0], NAMES[3]]
    cheap = rank(found, costs_of((2.0, 1.0), (3.0, 1.0)))  # 1 / 1 and 3 / 2
    assert [part.nodes[0] for part in cheap] == [NAMES[3], NAMES[0]]
    assert [part.loss for part in cheap] == [3.0, 1.0]


@pytest.mark.parametrize(("budget", "kept"), [(Budget(1, "dB"), 0), (Budget(300, "dB"), 2)])
def test_no_more_is_kept_than_it_takes(budget: Budget, kept: int) -> None:
    costs = costs_of((2.0, 1.0), (2.0, 1.0))
    ranked = rank(sensitivity_of({NAMES[0]: 1.0}, {}), costs)
    steps: list[None] = []
    mixed = choose(
        lambda names: quantized_on_random(tiny(), names),
        ranked,
        costs,
        budget,
        INPUTS,
        lambda: steps.append(None),
    )
    assert sum(part.kept for part in mixed.parts) == kept
    assert [part.nodes[0] for part in mixed.parts] == [NAMES[0], NAMES[3]]
    assert mixed.added_cost == kept
    assert 0 < len(steps) <= measurements(2) * len(INPUTS)
    assert (mixed.sqnr_db is None) == (kept == 2)  # nothing but float32 is left then
    assert [each.kept for each in mixed.tried] == ([0] if kept == 0 else [0, 1, 2])
    assert [each.added_cost for each in mixed.tried] == [each.kept for each in mixed.tried]
    (chosen,) = (each for each in mixed.tried if each.kept == kept)
    assert (chosen.sqnr_db, chosen.agreement) == (mixed.sqnr_db, mixed.agreement)


def test_one_part_is_enough_for_a_middle_budget() -> None:
    costs = costs_of((2.0, 1.0), (2.0, 1.0))
    ranked = rank(measure_sensitivity(WHOLE, INPUTS[:2]), costs)

    def sqnr(count: int) -> float:
        names = [name for part in ranked[:count] for name in part.nodes]
        quantized = quantized_on_random(tiny(), names)
        return measure_errors(quantized, INPUTS).outputs(WHOLE.graph).sqnr_db or np.inf

    assert sqnr(0) < sqnr(1)
    budget = Budget((sqnr(0) + sqnr(1)) / 2, "dB")
    mixed = choose(lambda names: quantized_on_random(tiny(), names), ranked, costs, budget, INPUTS)
    assert set(mixed.float_nodes) == set(ranked[0].nodes)


def test_biases_are_corrected_for_what_is_in_float32() -> None:
    """By what is measured of that network itself; of all in int8 they are those of calibration."""
    network, kept = tiny(), NAMES[:6]
    weights = seeded_weights(expand(network), 0)
    ranges, _ = measure_ranges(expand(network), weights, INPUTS, "minmax")
    shifts = measure_shifts(quantize_graph(expand(network), weights, ranges), INPUTS)
    listed = {name: each.tolist() for name, each in shifts.items()}
    whole = Statistics("tiny", "", "", "minmax", len(INPUTS), ranges, listed)
    steps: list[None] = []
    mixing = Recorrected(network, weights, whole, INPUTS, lambda: steps.append(None))
    assert mixing.statistics([]).shifts == listed
    assert not steps
    found = mixing.statistics(kept)
    expected = measure_shifts(quantize_graph(expand(network), weights, ranges, kept), INPUTS)
    assert found.float_nodes == sorted(kept)
    assert found.shifts == {name: each.tolist() for name, each in expected.items()}
    assert found.shifts.keys() == {*listed} - {*kept}
    assert len(steps) == len(NAMES)
    assert mixing(kept).float_nodes == set(kept)
    assert len(steps) == len(NAMES)  # measured once
    bare = Recorrected(network, weights, replace(whole, shifts={}), INPUTS)
    assert bare.statistics(kept).shifts == {}
