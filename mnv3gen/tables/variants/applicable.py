"""What a variant raises for a table that it does not fit."""

from __future__ import annotations

from mnv3gen.errors import InputError
from mnv3gen.tables.network import Network


def need_applicable(
    fits: bool, variant: str, network: Network, *, found: str, expected: str
) -> None:
    """Raise the `InputError` that a variant does not apply to a network, unless it ``fits``."""
    if not fits:
        problem = f"variant {variant} does not apply"
        raise InputError(problem, place=network.name, found=found, expected=expected)
