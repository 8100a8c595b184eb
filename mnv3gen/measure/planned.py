"""The kernels that a network calls, as the compiler plans them, without compiling them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mnv3gen.compile.cache import tool_versions
from mnv3gen.compile.plan import make_plan
from mnv3gen.compile.prefetch import LINE, capacity, spread
from mnv3gen.compile.schedules import fingerprint
from mnv3gen.compile.tuned import Tuned
from mnv3gen.generate.cost import tensors
from mnv3gen.graph.model import Model
from mnv3gen.journal import Journal
from mnv3gen.measure.kernel import Code, code_of, target_parts
from mnv3gen.measure.pieces import Key, key_of, pieces_of
from mnv3gen.tables.network import Network
from mnv3gen.targets import Core, Target
from mnv3gen.tune.tasks import listed


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One call: a kernel's code by its hash, and what prefetching asks of it.

    `tensor_bytes` is what it reads and writes beside its weights; `capacity` is how many cache
    lines it has time to prefetch.
    """

    code: str
    weight_bytes: int
    tensor_bytes: int
    capacity: int


class Piece(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A piece of a network and its calls, under all that its plan depends on.

    `codes` are those that no earlier piece of the file has.
    """

    basis: str
    network: Network
    calls: tuple[Call, ...]
    codes: dict[str, Code]


@dataclass(frozen=True)
class Plans:
    """Plans pieces for a target, and keeps them in memory and in a file."""

    target: Target
    tuned: Tuned
    journal: Journal[Piece]
    basis: str
    known: dict[Key, tuple[Call, ...]]
    codes: dict[str, Code]

    def calls(self, network: Network | Model) -> list[Call]:
        """The calls of a network, in order; pieces that are new are planned and written down.

        A graph without a table has no pieces, and is planned whole each time.
        """
        if isinstance(network, Model):
            return list(self._plan(network))
        return [call for piece in pieces_of(network) for call in self._calls(piece)]

    def plan(self, piece: Key) -> None:
        """Plan a piece and write it down, if that was not done before."""
        self._calls(piece)

    def new_pieces(self, networks: Iterable[Network | Model]) -> list[Key]:
        """The pieces of some tables that have not been planned, each once."""
        tables = (it for it in networks if isinstance(it, Network))
        pieces = {it: None for network in tables for it in pieces_of(network)}
        return [piece for piece in pieces if piece not in self.known]

    def _calls(self, piece: Key) -> tuple[Call, ...]:
        known = self.known.get(piece)
        return self._planned(piece) if known is None else known

    def _planned(self, piece: Key) -> tuple[Call, ...]:
        network, before = piece.network(), set(self.codes)
        calls = self._plan(network)
        new = {it.code: self.codes[it.code] for it in calls if it.code not in before}
        self.journal.add(Piece(self.basis, network, calls, new))
        self.known[piece] = calls
        return calls

    def _plan(self, network: Network | Model) -> tuple[Call, ...]:
        core = self.target.core
        plan = make_plan(listed(network, self.target).calls, core, self.tuned)
        for code in (code_of(step, core) for step in plan.steps):
            self.codes.setdefault(code.key(self.target), code)
        return tuple(
            Call(
                code=code_of(step, core).key(self.target),
                weight_bytes=step.weight_bytes,
                tensor_bytes=sum(size for size, _ in tensors(step.group)),
                capacity=capacity(step, core),
            )
            for step in plan.steps
        )


def plans_for(target: Target, tuned: Tuned, path: Path) -> Plans:
    """The plans that a file has of a target; those on another basis are left out."""
    journal, basis = Journal(path, Piece), basis_of(target, tuned)
    pieces = [piece for piece in journal.entries if piece.basis == basis]
    known = {key_of(piece.network): piece.calls for piece in pieces}
    codes = {key: code for piece in pieces for key, code in piece.codes.items()}
    return Plans(target, tuned, journal, basis, known, codes)


def basis_of(target: Target, tuned: Tuned) -> str:
    """A hash of what plans are made from."""
    parts = [target_parts(target), tuned.fingerprint, fingerprint(), *tool_versions().values()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def footprint_kib(calls: Sequence[Call]) -> float:
    """The memory that a network goes over in a run: its weights, and about its arena."""
    arena = max((call.tensor_bytes for call in calls), default=0)
    return (sum(call.weight_bytes for call in calls) + arena) / 1024


def near_shares(calls: Sequence[Call], core: Core) -> list[float]:
    """For each call the part of its weights that earlier calls have asked for.

    What the calls ask for follows in their order, and no two ask for the same.
    """
    asked = spread([it.weight_bytes for it in calls], [it.capacity for it in calls], core)
    ranges = [(start, start + lines * LINE) for lines, start in asked if lines]
    shares: list[float] = []
    first = current = 0
    for call in calls:
        after = first + call.weight_bytes
        inside = 0
        while current < len(ranges) and ranges[current][0] < after:
            start, stop = ranges[current]
            inside += max(0, min(stop, after) - max(start, first))
            if stop > after:
                break
            current += 1
        shares.append(min(1.0, inside / call.weight_bytes) if call.weight_bytes else 0.0)
        first = after
    return shares
