"""Which forms of a network `mnv3gen bench` is asked for."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnv3gen.bench.subject import Quantize
    from mnv3gen.onnx_import import Imported
    from mnv3gen.tables.network import Network


@dataclass(frozen=True)
class Form:
    """The options that pick a form of a network, as they were typed, and its weights."""

    width: str | None
    resolution: str | None
    classes: int | None
    variants: tuple[str, ...]
    weights: Path | None
    seed: int
    int8: bool = False
    calibration: Path | None = None
    statistics: Path | None = None

    @property
    def quantize(self) -> Quantize | None:
        """How the network becomes int8, as `compile` does it where it is given pictures."""
        from mnv3gen.bench.subject import quantized_by_seed
        from mnv3gen.cli.integers import Integers

        if not self.int8:
            return None
        if self.calibration is None and self.statistics is None:
            return quantized_by_seed
        return Integers(self.calibration, self.statistics, None, ()).quantized

    input_shape: str | None = None

    def network(self, name: str) -> Network | Imported:
        """The form of the network of that name, or what an ONNX file has."""
        from mnv3gen.cli.given import network_called

        form = self.width, self.resolution, self.classes, self.variants
        return network_called(name, *form, self.input_shape)

    @property
    def words(self) -> str:
        """What picks the form, as it follows a network's name on a command line."""
        pairs = [("width", self.width), ("resolution", self.resolution), ("classes", self.classes)]
        pairs += [("variant", variant) for variant in self.variants]
        return "".join(f" --{option} {value}" for option, value in pairs if value)


def forms_of(width: tuple[str, ...], resolution: tuple[str, ...], **others: Any) -> list[Form]:
    """Every pair of a multiplier and a resolution; one form if there are none of either."""
    pairs = itertools.product(width or (None,), resolution or (None,))
    return [Form(width=one, resolution=other, **others) for one, other in pairs]
