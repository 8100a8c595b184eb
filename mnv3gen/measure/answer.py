"""What a device answered, checked: nothing that it prints is believed before.

The programs are ours, but a device may be broken, out of memory or not what it seems.
"""

from __future__ import annotations

import math
import re
from typing import Any, TypeVar

import msgspec

from mnv3gen.errors import DeviceError
from mnv3gen.measure.protocol import State, Times

MOST_LINE = 1 << 16
LONGEST_MS = 1e7
STATES = ("small_cold", "small_near", "cold", "near")  # of a kernel's weights
_NUMBER = re.compile(r"\d{1,9}")
_LOAD = re.compile(r"(\d{1,6}\.\d+)( .*)?")
T = TypeVar("T")


class RawState(msgspec.Struct, forbid_unknown_fields=True):
    """The state as programs print it: lines of the kernel's files."""

    governor: str | None = None
    khz: str | None = None
    millicelsius: str | None = None
    load: str | None = None

    def checked(self) -> State:
        """The state, without what is no number; a virtual machine's files may say anything."""
        load = _LOAD.fullmatch(self.load or "")
        return State(
            governor=self.governor,
            khz=_number(self.khz),
            millicelsius=_number(self.millicelsius),
            load=float(load[1]) if load else None,
        )


class Checked(msgspec.Struct, forbid_unknown_fields=True):
    """What `benchmark --times` prints."""

    version: str
    first_ms: float
    max_error: float | None
    correct: bool
    before: RawState = msgspec.field(default_factory=RawState)
    runs: int = 0
    times_ms: list[float] = []
    after: RawState = msgspec.field(default_factory=RawState)


class Three(msgspec.Struct, forbid_unknown_fields=True):
    """The times of one state of a kernel."""

    min_ms: float
    median_ms: float
    p90_ms: float


class KernelLine(msgspec.Struct, forbid_unknown_fields=True):
    """One line of `kernels`: weights far away and near, in a small network and in a large one."""

    kernel: int
    runs: int
    small_cold: Three
    cold: Three
    small_near: Three | None = None
    near: Three | None = None
    state: RawState = msgspec.field(default_factory=RawState)

    def times(self) -> dict[str, Times]:
        """The times by state."""
        states = {name: getattr(self, name) for name in STATES}
        return {
            name: Times(it.min_ms, it.median_ms, it.p90_ms, self.runs)
            for name, it in states.items()
            if it is not None
        }


def read_checked(text: str, device: str, identity: str, runs: int) -> Checked:
    """The answer of a benchmark of that identity that was to time so many runs."""
    answer = _decoded(text, Checked, device)
    if answer.version != identity:
        raise _nonsense(device, f"another program answers: {answer.version[:80]!r}")
    if not answer.correct:
        error = "no number" if answer.max_error is None else f"{answer.max_error:.2e}"
        problem = f"it computes wrong values there: the largest error is {error}"
        raise DeviceError(device, problem, "compile for the right target; see `mnv3gen doctor`")
    if (answer.runs, len(answer.times_ms)) != (runs, runs):
        problem = f"{answer.runs} runs and {len(answer.times_ms)} times instead of {runs}"
        raise _nonsense(device, problem)
    if runs:
        _check(Times.of(answer.times_ms), device)
    return answer


def read_kernel_line(text: str, device: str, number: int, runs: int) -> KernelLine:
    """The line of one kernel of `kernels`."""
    line = _decoded(text, KernelLine, device)
    if (line.kernel, line.runs) != (number, runs):
        problem = f"kernel {line.kernel} with {line.runs} runs, not {number} with {runs}"
        raise _nonsense(device, problem)
    for times in line.times().values():
        _check(times, device)
    return line


def _check(times: Times, device: str) -> None:
    values = (times.min_ms, times.median_ms, times.p90_ms)
    ordered = 0 <= times.min_ms <= times.median_ms <= LONGEST_MS and times.min_ms <= times.p90_ms
    if not (all(map(math.isfinite, values)) and ordered and times.p90_ms <= LONGEST_MS):
        raise _nonsense(device, f"times of {values} ms")


def _decoded(text: str, kind: type[T], device: str) -> T:
    if len(text) > MOST_LINE:
        raise _nonsense(device, f"{len(text)} characters")
    try:
        return msgspec.json.decode(text.encode(), type=kind)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise _nonsense(device, f"{text[:80]!r} ({error})") from None


def _nonsense(device: str, told: str) -> DeviceError:
    return DeviceError(device, f"nonsense came back: {told}", "run `mnv3gen doctor` on it")


def _number(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and _NUMBER.fullmatch(text) else None
