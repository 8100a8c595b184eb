"""The errors that a user meets, and the exit code that belongs to each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TypeVar

Name = TypeVar("Name", bound=str)


class Mnv3genError(Exception):
    """Something went wrong on our side, or on the machine: exit code 1."""

    exit_code = 1


class InputError(Mnv3genError):
    """What the user gave cannot be used: exit code 2.

    ``place`` names where the value stands (file, line and column, or a field), ``found`` the value,
    ``expected`` what would have been accepted, ``nearest`` the closest valid choices.
    """

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        place: str | None = None,
        found: object = None,
        expected: str | None = None,
        nearest: Iterable[str] = (),
    ) -> None:
        self.problem = problem
        self.place = place
        self.found = found
        self.expected = expected
        self.nearest = tuple(nearest)
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [f"{self.place}: {self.problem}" if self.place else self.problem]
        if self.found is not None:
            lines.append(f"  found:    {self.found}")
        if self.expected is not None:
            lines.append(f"  expected: {self.expected}")
        if self.nearest:
            lines.append(f"  nearest:  {', '.join(self.nearest)}")
        return "\n".join(lines)


class TableError(InputError):
    """A bneck table that cannot be read or does not fit together."""


class TargetError(InputError):
    """A target that does not exist or contradicts itself."""


class WeightsError(InputError):
    """Weights that do not fit the network."""


class ModelError(InputError):
    """An ONNX file that is none, or that computes something which a `Graph` cannot."""


class ImageError(InputError):
    """A picture or array that cannot be an input of the network."""


class BundleError(InputError):
    """A folder that is not a bundle, or one that was changed after compilation."""


class DeviceError(Mnv3genError):
    """A device that is not reached, does not do what it is asked to, or answers nonsense.

    `fix` is what the user may do about it.
    """

    def __init__(self, device: str, problem: str, fix: str | None = None) -> None:
        self.device, self.problem, self.fix = device, problem, fix
        super().__init__(f"{device}: {problem}" + (f"\n  fix: {fix}" if fix else ""))


class DeviceLostError(DeviceError):
    """A device that was reached before and is not any more, or does not answer in time."""


class NoisyError(DeviceError):
    """A time that stayed too unsteady to be used."""

    def __init__(self, device: str, problem: str) -> None:
        super().__init__(
            device,
            problem,
            "stop what else runs there; `mnv3gen doctor` says what makes times noisy",
        )


def nearest_names(name: str, choices: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The valid choices most like ``name``, best first; empty when nothing is close."""
    return tuple(difflib.get_close_matches(name, list(choices), n=count, cutoff=0.5))


def one_of(value: str, choices: Sequence[Name], what: str, place: str) -> Name:
    """The choice that a value is; InputError if it is none. ``what`` is what one of them is."""
    for choice in choices:
        if value == choice:
            return choice
    raise InputError(
        f"no such {what}",
        place=place,
        found=value,
        expected=", ".join(choices),
        nearest=nearest_names(value, choices),
    )
