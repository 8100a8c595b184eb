"""`--mixed BUDGET`: how much worse than float32 the outputs may be."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mnv3gen.errors import InputError

Unit: TypeAlias = Literal["%", "dB"]
COUNTED = 10  # arg-maxes that a budget lets differ, from which on they are counted
EXPECTED = (
    "a share of the arg-maxes that may differ from float32's, such as 1 or 0.5%, or how far the "
    "error of the outputs must lie below them, such as 40dB"
)


@dataclass(frozen=True)
class Budget:
    """At most `value` percent of the arg-maxes differ, or an SQNR of at least `value` dB."""

    value: float
    unit: Unit

    def __str__(self) -> str:
        return f"{self.value:g}%" if self.unit == "%" else f"{self.value:g} dB"

    def counts(self, positions: int) -> bool:
        """Whether that many positions are enough to tell the share by counting."""
        return positions * self.value / 100 >= COUNTED

    def met(self, agreement: float, sqnr_db: float | None) -> bool:
        """Whether a network is inside: with its share of equal arg-maxes and its SQNR.

        `sqnr_db` is None without any error.
        """
        if self.unit == "%":
            return 100 * (1 - agreement) <= self.value + 1e-9
        return sqnr_db is None or sqnr_db >= self.value


def parse_budget(text: str) -> Budget:
    """InputError unless it is a number with `%`, `dB` or nothing behind it."""
    found = re.fullmatch(r"\s*([0-9.]+)\s*(%|dB|)\s*", text, re.IGNORECASE)
    try:
        value = float(found[1]) if found else math.nan
    except ValueError:
        value = math.nan
    unit: Unit = "dB" if found and found[2].lower() == "db" else "%"
    if not math.isfinite(value) or (unit == "%" and value > 100):
        raise InputError("no accuracy budget", place="--mixed", found=text, expected=EXPECTED)
    return Budget(value, unit)
