"""What the device says: of a target before a run, and of a proposal before it is accepted."""

from __future__ import annotations

from typing import Protocol

from mnv3gen.errors import InputError
from mnv3gen.measure.paired import Paired
from mnv3gen.search.netadapt.journal import Proposal, Step, Verified
from mnv3gen.search.netadapt.request import Request
from mnv3gen.search.netadapt.shrink import least
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse

ENOUGH = 0.9  # of delta: the measured reduction of a step that is accepted
CERTAIN = 0.25  # of delta: the largest standard error of a measured ratio
ROUGH = 0.01  # the same, where milliseconds are wanted and not the ratio


class Comparer(Protocol):
    """Measures two networks in turns on the device; see `measured.MeasuredLatency`."""

    def compare(self, before: Network, after: Network, rounds: int, most_error: float) -> Paired:
        """The times of both."""


def check_target(request: Request, comparer: Comparer) -> None:
    """The seed beside the smallest network; InputError if that is not fast enough."""
    target = request.target_ms
    pair = beside_least(request, comparer)
    if pair.after_ms > target:
        raise InputError(
            "a target that cannot be reached by shrinking this network",
            place="--target-ms",
            found=f"{target:g} ms",
            expected=f"at least {pair.after_ms:.4g} ms, what the smallest network on the way "
            f"takes: {pair.after_ms / target - 1:.0%} more; or a smaller seed",
        )


def beside_least(request: Request, comparer: Comparer) -> Paired:
    """The seed and the smallest network on the way, in turns: what each of them takes."""
    network = request.network
    return comparer.compare(network, least(network, request.divisor), request.rounds, ROUGH)


def compared(request: Request, comparer: Comparer, before: Network, after: Network) -> Paired:
    """Two networks in turns, certain enough to tell whether a step saves delta."""
    return comparer.compare(before, after, request.rounds, CERTAIN * request.delta)


def verified(
    request: Request, comparer: Comparer, last: Step, network: Network, proposal: Proposal
) -> Verified:
    """Compile and measure the network of the last step and a proposal in turns."""
    pair = compared(request, comparer, network, parse(proposal.table))
    reduction = last.share * (1 - pair.ratio)
    return Verified(
        site=proposal.site,
        before_ms=pair.before_ms,
        after_ms=pair.after_ms,
        ratio=pair.ratio,
        error=pair.error,
        rounds=len(pair.ratios),
        reduction=reduction,
        accepted=reduction >= ENOUGH * request.delta,
    )
