"""What `mnv3gen quantize` found: the layers, the outputs, and where the error comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mnv3gen.quantize.layer_errors import Errors
from mnv3gen.quantize.layers import Layer, layers_of
from mnv3gen.quantize.quantized import Quantized, Raised
from mnv3gen.quantize.sensitivity import Sensitivity
from mnv3gen.quantize.statistics_file import Statistics

WORST = 5  # losses that are named in a summary


@dataclass(frozen=True)
class Loss:
    """A layer's part in the predicted error, of its integers or of rounding its tensor."""

    name: str
    share: float
    cause: str


@dataclass(frozen=True)
class Report:
    """`compared` pictures gave `agreement` (of arg-maxes) and the outputs' `sqnr_db`.

    `expected_agreement` is that of other pictures of the kind (`margins`).
    """

    statistics: Statistics
    layers: tuple[Layer, ...]
    raised: tuple[Raised, ...]
    compared: int
    agreement: float
    expected_agreement: float
    sqnr_db: float | None
    skipped: tuple[str, ...]

    @property
    def int8_nodes(self) -> int:
        """How many operators are computed in integers."""
        return sum(layer.int8 for layer in self.layers[1:])

    def worst(self, count: int = WORST) -> list[Loss]:
        """The largest losses, if they were measured."""
        losses = [
            Loss(layer.name, loss, cause)
            for layer in self.layers
            for loss, cause in (
                (layer.own_loss, "by its weights and int16 steps"),
                (layer.rounding_loss, "by rounding its tensor"),
            )
            if loss
        ]
        whole = sum(loss.share for loss in losses)
        largest = sorted(losses, key=lambda loss: -loss.share)[:count]
        return [Loss(loss.name, loss.share / whole, loss.cause) for loss in largest]

    def as_json(self) -> dict[str, Any]:
        """Everything but the statistics themselves."""
        return {
            "network": self.statistics.network,
            "observer": self.statistics.observer,
            "pictures": self.statistics.pictures,
            "skipped": len(self.skipped),
            "bias_correction": bool(self.statistics.shifts),
            "int8_nodes": self.int8_nodes,
            "float_nodes": list(self.statistics.float_nodes),
            "compared": self.compared,
            "agreement": self.agreement,
            "expected_agreement": self.expected_agreement,
            "sqnr_db": self.sqnr_db,
            "raised": [asdict(each) for each in self.raised],
            "layers": [asdict(layer) for layer in self.layers],
        }


def report_of(
    statistics: Statistics,
    quantized: Quantized,
    errors: Errors,
    sensitivity: Sensitivity | None,
    skipped: Sequence[str],
) -> Report:
    """Put together what was measured of a network."""
    return Report(
        statistics=statistics,
        layers=tuple(layers_of(quantized, statistics.ranges, errors, sensitivity)),
        raised=quantized.raised,
        compared=errors.pictures,
        agreement=errors.agreement,
        expected_agreement=errors.expected_agreement,
        sqnr_db=errors.outputs(quantized.graph).sqnr_db,
        skipped=tuple(skipped),
    )
