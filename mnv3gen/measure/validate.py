"""Whole networks that were measured, beside the sums of their kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mnv3gen.graph.text import is_graph
from mnv3gen.measure.predict import Predictor
from mnv3gen.measure.records import Record
from mnv3gen.tables.parse import parse

LEAST_ERROR = 0.01  # of whole networks: no clock of a shared machine is better
UNKNOWN_ERROR = 0.05  # where no network was measured


@dataclass(frozen=True)
class Comparison:
    """A network: milliseconds as predicted without any overhead of calls, and as measured."""

    network: str
    calls: int
    sum_ms: float
    measured_ms: float


def compared(predictor: Predictor, records: Sequence[Record]) -> list[Comparison]:
    """The networks of one target that were measured and are not noisy, the last record of each.

    Only those whose kernels were all measured are of use here.
    """
    predictor.overhead_ms, predictor.scale, found = 0.0, 1.0, {}
    for record in records:
        if record.kind != "network" or record.noisy or not record.table or is_graph(record.table):
            continue
        network = parse(record.table)
        calls = predictor.plans.calls(network)
        if all(call.code in predictor.times for call in calls):
            whole = predictor.predict(network)
            run = record.times["run"].median_ms
            found[record.name, record.table] = Comparison(
                record.name, len(whole.parts), whole.ms, run
            )
    return list(found.values())


def calibrate(predictor: Predictor, comparisons: Sequence[Comparison]) -> None:
    """Set what a call costs beside its kernel, and the error of whole networks.

    The overhead is that of least squares over the relative errors, and not negative. Where kernels
    by themselves cost more than in their networks (for their clock is a system call, which disturbs
    kernels of few microseconds), a scale is fitted instead. The error is of networks that neither
    was fitted to: each is left out once.
    """
    predictor.overhead_ms, predictor.scale = fit(comparisons)
    predictor.error = UNKNOWN_ERROR
    if len(comparisons) < 2:
        return
    squares = 0.0
    for index, left_out in enumerate(comparisons):
        overhead, scale = fit([*comparisons[:index], *comparisons[index + 1 :]])
        guess = left_out.sum_ms * scale + left_out.calls * overhead
        squares += (guess / left_out.measured_ms - 1) ** 2
    predictor.error = max(LEAST_ERROR, math.sqrt(squares / len(comparisons)))


def fit(comparisons: Sequence[Comparison]) -> tuple[float, float]:
    """Milliseconds a call with a scale of 1, or none with a scale below 1, by least squares."""
    found = overhead(comparisons)
    ratios = [it.sum_ms / it.measured_ms for it in comparisons]
    if found or not ratios:
        return found, 1.0
    return 0.0, min(1.0, sum(ratios) / sum(ratio**2 for ratio in ratios))


def overhead(comparisons: Sequence[Comparison]) -> float:
    """Milliseconds a call: the least squares of (sum + calls * x) / measured - 1."""
    share = sum((it.calls / it.measured_ms) ** 2 for it in comparisons)
    lack = sum((1 - it.sum_ms / it.measured_ms) * it.calls / it.measured_ms for it in comparisons)
    return max(0.0, lack / share) if share else 0.0
