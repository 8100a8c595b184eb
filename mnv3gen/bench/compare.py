"""Sessions: one network in several engines, or table 5's forms of one in ours."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnv3gen.bench.ablation import CASES, Case
from mnv3gen.bench.environments import Environment
from mnv3gen.bench.session import FLOATS, OURS, Entrant, Session, Settings, started
from mnv3gen.bench.subject import Subject, compiled
from mnv3gen.compile.kernels import Observer
from mnv3gen.tables.network import Network


@dataclass(frozen=True)
class Source:
    """A network still to be compiled or opened, by ``subject`` in a new folder.

    ``beside`` is the float32 form that an int8 one is timed beside.
    """

    name: str
    subject: Callable[[Path, Observer], Subject]
    beside: Callable[[Path, Observer], Subject] | None = None


@contextlib.contextmanager
def peers_session(
    source: Source, environments: Sequence[Environment], settings: Settings, observe: Observer
) -> Iterator[Session]:
    """A network in our library and in the peers of these environments."""
    with tempfile.TemporaryDirectory(prefix="mnv3gen-") as name:
        folder = Path(name).resolve()
        subject = source.subject(folder / "bundle", observe)
        entrants = [Entrant(OURS, subject, None, folder)]
        if source.beside is not None:
            own = folder / "beside"
            own.mkdir()
            entrants.append(Entrant(FLOATS, source.beside(own / "bundle", observe), None, own))
        entrants += [Entrant(each.peer.name, subject, each, folder) for each in environments]
        with started(entrants, settings, folder, observe) as session:
            yield session


@contextlib.contextmanager
def ablation_session(
    network: Network,
    names: dict[Case, str],
    weights: Path | None,
    seed: int,
    settings: Settings,
    observe: Observer,
) -> Iterator[Session]:
    """The forms of a network, by the names given, in our library."""
    with tempfile.TemporaryDirectory(prefix="mnv3gen-") as name:
        folder = Path(name).resolve()
        entrants = []
        for number, case in enumerate(CASES):
            own = folder / str(number)
            own.mkdir()
            form = case.network(network)
            subject = compiled(names[case], form, weights, seed, own / "bundle", observe)
            entrants.append(Entrant(names[case], subject, None, own))
        with started(entrants, settings, folder, observe) as session:
            yield session
