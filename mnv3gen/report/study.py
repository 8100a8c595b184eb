"""Table 5, figures 8 and 9 with our binaries: what each choice of MobileNetV3 costs or saves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from mnv3gen.errors import InputError, NoisyError
from mnv3gen.graph.count import count
from mnv3gen.graph.expand import expand
from mnv3gen.search.latency import Latency
from mnv3gen.tables.network import Network
from mnv3gen.tables.published import published
from mnv3gen.tables.variants import apply_variant
from mnv3gen.tables.zoo import resolve

Part: TypeAlias = Literal["nonlinearity", "component"]
WIDTHS = ("0.5", "0.75", "1.0", "1.25")
NETWORK = "mobilenet_v3_large"
NAIVE = "naive-hswish"

NONLINEARITIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("h-swish @80 (V3)", ("hswish@80",)),
    ("ReLU", ("relu",)),
    ("h-swish @16", ("hswish@16",)),
    ("h-swish @112", ("hswish@112",)),
)
"""The rows of table 5; all but ReLU with the fused operator and operation by operation."""

COMPONENTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("MobileNetV2", "mobilenet_v2", ()),
    ("MnasNet-A1, where the search starts", "mnasnet_a1", ()),
    (
        "after NetAdapt: 32 filters in the stem, original last stage, ReLU",
        NETWORK,
        ("relu", "original-last-stage", "stem32"),
    ),
    ("efficient last stage (figure 5)", NETWORK, ("relu", "stem32")),
    ("16 filters in the stem", NETWORK, ("relu",)),
    ("h-swish, operation by operation", NETWORK, ("hswish@80", NAIVE)),
    ("h-swish, fused: MobileNetV3-Large", NETWORK, ("hswish@80",)),
)
"""The way from MobileNetV2 to MobileNetV3-Large, as far as sections 4 and 5 tell it."""


@dataclass(frozen=True)
class Case:
    """A network to measure: what it is called, and where it stands in the study."""

    part: Part
    label: str
    network: str
    variants: tuple[str, ...]
    width: str = "1.0"

    @property
    def naive(self) -> bool:
        """Whether h-swish is computed operation by operation."""
        return NAIVE in self.variants


@dataclass(frozen=True)
class Refused:
    """A case whose times were too unsteady to be used."""

    case: Case
    reason: str


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A case that was measured; `top1` is the paper's, in per cent, where it prints one.

    `paper_ms` is the paper's time on a Pixel 1, of table 3 or 5.
    """

    part: Part
    label: str
    network: str
    variants: tuple[str, ...]
    width: str
    naive: bool
    ms: float
    interval_ms: float
    madds: int
    params: int
    device: str
    target: str
    top1: float | None = None
    paper_ms: float | None = None

    @property
    def title(self) -> str:
        """The label, which says so if h-swish is naive."""
        naive = self.naive and self.part == "nonlinearity"
        return f"{self.label}, operation by operation" if naive else self.label


class Source(Protocol):
    """Measures a network; see `mnv3gen.search.latency.LatencySource`."""

    def of(self, network: Network) -> Latency:
        """The latency."""


def cases(widths: Sequence[str] = WIDTHS, network: str = NETWORK) -> list[Case]:
    """All cases; of a network other than V3-Large the non-linearities alone."""
    found = [
        Case("nonlinearity", label, network, (*variants, *more), width)
        for width in widths
        for label, variants in NONLINEARITIES
        for more in ((), (NAIVE,))
        if not (more and label == "ReLU")
    ]
    if network == NETWORK:
        found += [Case("component", *it) for it in COMPONENTS]
    return found


def measured(
    wanted: Sequence[Case], resolution: str | None, source: Source, place: tuple[str, str]
) -> Iterator[Measured | Refused]:
    """Measure cases one by one; `place` are the names of device and target.

    What stays noisy is refused; otherwise raises as `Source.of`.
    """
    for case in wanted:
        try:
            network = resolve(case.network, width=case.width, resolution=resolution)
            for variant in case.variants:
                network = apply_variant(network, variant)
            latency = source.of(network)
        except NoisyError as error:
            yield Refused(case, error.problem)
            continue
        yield _measured(case, network, latency, place, resolution is None)


def read_study(path: Path) -> tuple[Measured, ...]:
    """Measured cases: a file of ours, or of `mnv3gen bench --ablation nonlinearities --json`.

    InputError for another file.
    """
    try:
        rows = msgspec.json.decode(path.read_bytes())
        if isinstance(rows, list) and rows and "form" in rows[0]:
            return tuple(_of_bench(row) for row in rows)
        return msgspec.convert(rows, tuple[Measured, ...])
    except OSError as error:
        raise InputError("cannot be read", place=str(path), found=error.strerror) from error
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError) as error:
        raise InputError(
            "not a study",
            place=str(path),
            found=str(error),
            expected="what `mnv3gen report --measure` or `mnv3gen bench --ablation "
            "nonlinearities --json` wrote",
        ) from error


def _measured(
    case: Case, network: Network, latency: Latency, place: tuple[str, str], papers: bool
) -> Measured:
    counted = count(expand(network))
    figures = _published(case) if papers else {}
    return Measured(
        part=case.part,
        label=case.label,
        network=case.network,
        variants=case.variants,
        width=case.width,
        naive=case.naive,
        ms=latency.ms,
        interval_ms=latency.interval_ms,
        madds=counted.madds,
        params=counted.params,
        device=place[0],
        target=place[1],
        **figures,
    )


def _published(case: Case) -> dict[str, float]:
    """Top-1 and Pixel 1's milliseconds of tables 5 and 3, as far as they have the case."""
    fused = tuple(it for it in case.variants if it not in (NAIVE, "hswish@80"))
    column = "pixel1_no_opt_ms" if case.naive else "pixel1_ms"
    tables = (5,) if case.network == NETWORK else (3,)
    for row in published():
        names = (row.network, row.width, row.variants, row.resolution)
        if row.table in tables and names == (case.network, case.width, fused, None):
            measures = row.measured
            found = {"top1": measures["top1"][0]} if "top1" in measures else {}
            phones = measures.get(column) or measures.get("pixel_ms", ())
            return found | ({"paper_ms": phones[0]} if phones else {})
    return {}


def _of_bench(row: dict[str, Any]) -> Measured:
    label, naive = str(row["form"]), bool(row["naive"])
    variants = dict(NONLINEARITIES).get(label, ())
    return Measured(
        part="nonlinearity",
        label=label,
        network=str(row["network"]).split(" ")[0],
        variants=(*variants, NAIVE) if naive else variants,
        width="1.0",
        naive=naive,
        ms=float(row["median_ms"]),
        interval_ms=float(row["median_ms"]) - float(row["min_ms"]),
        madds=0,
        params=0,
        device="this machine",
        target="host",
        paper_ms=row["paper_ms"],
    )
