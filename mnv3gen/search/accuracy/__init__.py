"""How right a candidate is, by a named evaluator."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import msgspec

from mnv3gen.search.space import Space
from mnv3gen.tables.network import Network

Kind: TypeAlias = Literal["proxy", "supernet", "tabulated"]
Bar: TypeAlias = tuple[float, ...]
"""What a candidate must have reached after each epoch to go on; () for no such rule."""

PROXY_RECIPE = "short"


class Accuracy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A share of right answers, and where it is from.

    `images` were classified, held out of the training pictures. `epochs` were trained for it, by
    `recipe`, or for the supernet; `curve` has the accuracy after each of a proxy's. `stopped`: the
    candidate was hopeless, and `value` is what it had reached. `seconds` is what it took.
    """

    value: float
    evaluator: Kind
    images: int
    seed: int
    epochs: int = 0
    recipe: str = ""
    curve: tuple[float, ...] = ()
    stopped: bool = False
    seconds: float = 0.0


class Evaluator(Protocol):
    """Says how right networks of a space are."""

    def of(self, number: int, network: Network, bar: Bar) -> Accuracy:
        """The accuracy of a trial's network. Mnv3genError if it cannot be had, as by divergence."""


class EvaluatorSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that an evaluator is made from, as plain data: other processes make it again.

    `data` is as `mnv3gen train --data`; of its training pictures at most `images` are learned from
    (0 for all). `folder` is where a proxy's trainings stand meanwhile, where the supernet lies, or
    the file of a tabulated space.
    """

    kind: Kind
    data: str
    images: int
    epochs: int
    batch: int
    seed: int
    folder: str


def open_evaluator(spec: EvaluatorSpec, space: Space) -> Evaluator:
    """The evaluator for networks of a space. InputError as the data and files of each say."""
    match spec.kind:
        case "proxy":
            from mnv3gen.search.accuracy.proxy import Proxy

            return Proxy(spec)
        case "supernet":
            from mnv3gen.search.accuracy.supernet import Supernet

            return Supernet(spec, space)
        case "tabulated":
            from mnv3gen.search.accuracy.tabulated import Tabulated

            return Tabulated(Path(spec.folder), space)
