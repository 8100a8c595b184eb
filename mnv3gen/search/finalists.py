"""The best candidates of a search, compiled and measured whole; the best of these is its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from mnv3gen.errors import DeviceError, DeviceLostError
from mnv3gen.search.accuracy import Accuracy
from mnv3gen.search.latency import Latency
from mnv3gen.search.reward import reward
from mnv3gen.search.settings import Settings
from mnv3gen.search.trials import Trial
from mnv3gen.search.yardstick import WholeLatency, Yardstick
from mnv3gen.tables.format import format_network
from mnv3gen.tables.parse import parse
from mnv3gen.train.state import replace_bytes, writing

FILE, BEST = "finalists.json", "best.bneck"


class Finalist(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A candidate: what the search knew of it, and what the device says.

    `accuracy` is the search's, `trained` that of a training alone, if there was one. `steady_ms` is
    the latency at the speed that the device had when a table's kernels were measured, by turns with
    a `Yardstick`. `reward` is by the latter of each; what is missing has a `reason`.
    """

    trial: int
    table: str
    accuracy: float
    searched: Latency
    searched_reward: float
    trained: Accuracy | None = None
    measured: Latency | None = None
    steady_ms: float | None = None
    reward: float | None = None
    reason: str = ""

    @property
    def error(self) -> float | None:
        """How far the searched latency is from the measured one, as a part of the latter."""
        return None if self.measured is None else self.searched.ms / self.final_ms - 1

    @property
    def final_ms(self) -> float:
        """The latency that counts, of a finalist that was measured."""
        assert self.measured is not None
        return self.measured.ms if self.steady_ms is None else self.steady_ms


def best_trials(trials: Sequence[Trial], count: int) -> list[Trial]:
    """Those of the largest rewards, the best first, each network once; hopeless ones are none."""
    found: dict[str, Trial] = {}
    whole = [trial for trial in trials if trial.state == "ok" and trial.reward is not None]
    for trial in sorted(whole, key=lambda it: (-(it.reward or 0), it.number)):
        found.setdefault(trial.point, trial)
    return list(found.values())[:count]


def measure_finalists(
    trials: Sequence[Trial],
    trained: Mapping[int, Accuracy | str],
    settings: Settings,
    device: WholeLatency,
    yardstick: Yardstick | None,
    advance: Callable[[], None],
) -> list[Finalist]:
    """Measure trials whole, the best by that first. DeviceLostError if the device is gone.

    `trained` has the accuracies of those that were trained alone, or what went wrong.
    """
    found = list(_measured(trials, trained, settings, device, yardstick, advance))
    return sorted(found, key=lambda it: 1.0 if it.reward is None else -it.reward)


def _measured(
    trials: Sequence[Trial],
    trained: Mapping[int, Accuracy | str],
    settings: Settings,
    device: WholeLatency,
    yardstick: Yardstick | None,
    advance: Callable[[], None],
) -> Iterator[Finalist]:
    for trial in trials:
        assert trial.accuracy is not None
        assert trial.latency is not None
        assert trial.reward is not None
        finalist = Finalist(
            trial=trial.number,
            table=trial.point,
            accuracy=trial.accuracy.value,
            searched=trial.latency,
            searched_reward=trial.reward,
        )
        accuracy = trained.get(trial.number, trial.accuracy)
        if isinstance(accuracy, str):
            yield msgspec.structs.replace(finalist, reason=accuracy)
            advance()
            continue
        if trained:
            finalist = msgspec.structs.replace(finalist, trained=accuracy)
        network = parse(trial.point)
        try:
            latency = device.of(network)
            steady = None if yardstick is None else yardstick.milliseconds(network, device)
        except DeviceLostError:
            raise
        except DeviceError as error:
            yield msgspec.structs.replace(finalist, reason=str(error))
        else:
            finalist = msgspec.structs.replace(finalist, measured=latency, steady_ms=steady)
            value = reward(
                accuracy.value, finalist.final_ms, settings.target_ms, settings.exponents
            )
            yield msgspec.structs.replace(finalist, reward=value)
        advance()


def write_finalists(folder: Path, finalists: Sequence[Finalist], name: str) -> Path | None:
    """Write the finalists, and the best table under a name; its path, None without one."""
    with writing(folder):
        content = msgspec.json.format(msgspec.json.encode(finalists), indent=1)
        replace_bytes(folder / FILE, content + b"\n")
        measured = [it for it in finalists if it.reward is not None]
        if not measured:
            return None
        network = replace(parse(measured[0].table), name=name)
        replace_bytes(folder / BEST, format_network(network).encode())
    return folder / BEST


def read_finalists(folder: Path) -> list[Finalist]:
    """The finalists of a folder, none where there is no such file."""
    path = folder / FILE
    if not path.is_file():
        return []
    return msgspec.json.decode(path.read_bytes(), type=list[Finalist])
