"""What a session measured, as the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mnv3gen import __version__
from mnv3gen.bench.session import OURS, Contestant, Session
from mnv3gen.bench.summary import Summary, summarize


@dataclass(frozen=True)
class Row:
    """One network in one runner.

    ``peak_fraction`` is the part of the core's multiply-adds that the fastest run used.
    ``max_error`` is the largest difference to the reference, as a part of the largest output.
    ``ratio_to_fastest_peer`` compares p10; None if there is no peer. Sizes are in bytes.
    """

    network: str
    runner: str
    version: str
    times: Summary
    peak_fraction: float
    max_error: float
    memory_bytes: int
    binary_bytes: int
    ratio_to_fastest_peer: float | None


def rows_of(session: Session) -> list[Row]:
    """Ours first, then the peers, the fastest first; empty if no round was finished."""
    measured = [(each, summarize(each.times)) for each in session.contestants if each.times]
    peers = [times.p10_ms for each, times in measured if each.entrant.environment]
    fastest = min(peers, default=None)
    peak = peak_rate(session)
    rows = [_row(each, times, fastest, peak) for each, times in measured]
    return sorted(rows, key=lambda row: (row.runner != OURS, row.times.p10_ms))


def as_dictionary(row: Row) -> dict[str, Any]:
    """What `--json` prints of a row: its fields, those of its times among them."""
    fields = asdict(row)
    times: dict[str, Any] = fields.pop("times")
    return {"network": fields.pop("network"), "runner": fields.pop("runner"), **times, **fields}


def peak_rate(session: Session) -> float:
    """The core's multiply-adds a second, in the best run of the loop; 0 without any run."""
    return session.peak_madds / min(session.peak.times) * 1e3 if session.peak.times else 0.0


def ratio(row: Row, rows: Sequence[Row]) -> float | None:
    """Our p10 as a multiple of this runner's, for the same network; None if we are not there."""
    ours = [each for each in rows if each.runner == OURS and each.network == row.network]
    return ours[0].times.p10_ms / row.times.p10_ms if ours else None


def _row(each: Contestant, times: Summary, fastest: float | None, peak: float) -> Row:
    environment = each.entrant.environment
    return Row(
        network=each.entrant.subject.name,
        runner=each.entrant.runner,
        version=environment.version if environment else __version__,
        times=times,
        peak_fraction=each.entrant.subject.madds / (times.min_ms / 1e3 * peak),
        max_error=each.max_error,
        memory_bytes=each.memory_bytes,
        binary_bytes=each.binary_bytes,
        ratio_to_fastest_peer=times.p10_ms / fastest if fastest else None,
    )
