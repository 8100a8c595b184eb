"""NetAdapt with a device that computes its times by hand: what is chosen, refused and resumed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from safetensors.numpy import load_file
from support.training import write_recipe, write_stripes

from mnv3gen.errors import DeviceLostError, InputError, Mnv3genError, NoisyError
from mnv3gen.graph.count import count
from mnv3gen.graph.expand import expand
from mnv3gen.measure.paired import Paired
from mnv3gen.search.latency import Latency
from mnv3gen.search.netadapt.journal import Step
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse

pytest.importorskip("torch")
pytestmark = pytest.mark.torch
TABLE = """\
name: wide
input: 12x12x3
classes: 3
preprocess: whole

Operator         exp  #out  SE  NL  s
conv2d, 3x3        -    16   -  HS  2
bneck, 3x3        48    16   ✓  RE  1
bneck, 3x3        64    24   -  HS  2
bneck, 3x3        72    24   -  HS  1
pool               -     -   -   -  1
conv2d 1x1, NBN    -     k   -   -  1
"""


def wide() -> Network:
    """A classifier of stripes with much to shrink."""
    return parse(TABLE)


def milliseconds(network: Network) -> float:
    """A latency that anybody can work out: a million multiply-adds a millisecond."""
    return count(expand(network)).madds / 1e6


@dataclass
class Clock:
    """A source and a device that agree, but where the device denies what an expansion saves.

    `denied` are the rows of such expansions; `lost_at` and `noisy_at` count what is asked for.
    """

    name: Literal["table", "model", "compile"] = "table"
    denied: tuple[int, ...] = ()
    asked: list[Network] = field(default_factory=list)
    compared: int = 0
    lost_at: int = -1
    noisy_at: int = -1
    errors: list[float] = field(default_factory=list)

    def of(self, network: Network) -> Latency:
        """See `LatencySource`."""
        self.asked.append(network)
        if len(self.asked) == self.noisy_at:
            raise NoisyError("fake", "unsteady")
        return Latency(ms=milliseconds(network), interval_ms=0.0, source="table")

    def compare(self, before: Network, after: Network, rounds: int, most_error: float) -> Paired:
        """See `Comparer`."""
        self.compared += 1
        self.errors.append(most_error)
        if self.compared == self.lost_at:
            raise DeviceLostError("fake", "gone")
        first, second = milliseconds(before), milliseconds(after)
        changed = [
            index
            for index, (old, new) in enumerate(zip(before.rows, after.rows, strict=True))
            if old.expansion != new.expansion
        ]
        if len(changed) == 1 and changed[0] in self.denied:
            second = first
        return Paired((first,) * rounds, (second,) * rounds)

    def close(self) -> None:
        """See `LatencySource`."""


def request(folder: Path, **fields: Any) -> Any:
    """A run of the stripes' network, of a few steps."""
    from mnv3gen.search.netadapt.request import Request
    from mnv3gen.train.data.specs import open_data
    from mnv3gen.train.recipe import load_recipe

    data, recipe = folder / "stripes.npz", folder / "recipe.toml"
    given: dict[str, Any] = {
        "network": wide(),
        "data": open_data(str(data) if data.is_file() else str(write_stripes(data))),
        "spec": "stripes",
        "recipe": load_recipe(str(recipe if recipe.is_file() else write_recipe(recipe))),
        "folder": folder / "n",
        "device": "fake",
        "target": "host",
        "target_ms": 0.91 * milliseconds(wide()),
        "delta": 0.05,
        "fine_tune": 2,
        "seed_epochs": 1,
        "final_epochs": 0,
        "compute": "cpu",
    }
    return Request(**(given | fields))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """More threads wait for each other with networks of this size."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def run(asked: Any, clock: Clock, watcher: Any = None) -> Any:
    """Run it."""
    from mnv3gen.search.netadapt.session import run

    return run(asked, clock, clock, watcher)


def steps(folder: Path) -> list[Step]:
    """The lines of a folder, without the times of day."""
    lines = (folder / "steps.jsonl").read_bytes().splitlines()
    read = [msgspec.json.decode(line, type=Step) for line in lines]
    return [
        msgspec.structs.replace(
            step,
            seconds=0.0,
            proposals=tuple(msgspec.structs.replace(it, seconds=0.0) for it in step.proposals),
        )
        for step in read
    ]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The folder and the outcome of a run; nothing may change the folder."""
    folder = tmp_path_factory.mktemp("netadapt")
    return folder, run(request(folder), Clock())


def test_every_step_saves_delta_and_the_best_ratio_is_taken(done: tuple[Path, Any]) -> None:
    folder, outcome = done
    seed = milliseconds(wide())
    assert len(outcome.steps) == 3
    for before, step in zip(outcome.steps, outcome.steps[1:], strict=False):
        saved = milliseconds(parse(before.table)) - milliseconds(parse(step.table))
        assert saved >= 0.05 * seed
        assert step.verified[-1].reduction == pytest.approx(saved / seed)
        ratios = {
            it.site: (it.accuracy - before.accuracy) / it.reduction_ms for it in step.proposals
        }
        assert ratios[step.chosen] == max(ratios.values())
        assert all(it.reduction_ms >= 0.05 * seed for it in step.proposals)
    assert outcome.final.ms <= 0.91 * seed
    table = parse((folder / "n" / "final.bneck").read_text(encoding="utf-8"))
    from mnv3gen.graph.weights import load_weights

    load_weights(folder / "n" / "final.safetensors", expand(table))


def test_the_smallest_shrink_is_proposed(done: tuple[Path, Any]) -> None:
    """One channel group more would save less than delta, by hand for every first proposal."""
    from mnv3gen.search.netadapt.shrink import sites, smaller

    _, outcome = done
    network, seed = wide(), milliseconds(wide())
    by_name = {site.name: site for site in sites(network)}
    for proposal in outcome.steps[1].proposals:
        options = dict(smaller(network, by_name[proposal.site]))
        larger = [it for size, it in options.items() if size > proposal.after]
        assert all(seed - milliseconds(it) < 0.05 * seed for it in larger)


def test_halving_proposes_the_same() -> None:
    """What is compiled is halved instead of scanned; here smaller is always faster."""
    from mnv3gen.search.netadapt.candidates import candidate
    from mnv3gen.search.netadapt.shrink import sites

    network, most = wide(), 0.93 * milliseconds(wide())
    for site in sites(network):
        found = [candidate(network, site, Clock(kind), most, 8) for kind in ("table", "compile")]
        assert found[0] == found[1]


def test_the_original_metric_takes_the_highest_accuracy(tmp_path: Path) -> None:
    outcome = run(request(tmp_path, metric="original"), Clock())
    for step in outcome.steps[1:]:
        (chosen,) = [it for it in step.proposals if it.site == step.chosen]
        assert chosen.accuracy == max(it.accuracy for it in step.proposals)


def test_what_the_device_denies_is_not_accepted(tmp_path: Path) -> None:
    """Row 2's expansion saves nothing there; other proposals are taken in its place."""
    outcome = run(request(tmp_path), Clock(denied=(2,)))
    for step in outcome.steps[1:]:
        assert step.chosen != "bneck2.expand"
        refused = [it for it in step.verified if not it.accepted]
        assert all(it.site == "bneck2.expand" and it.reduction == 0 for it in refused)


def test_no_proposal_holds_what_it_promises(tmp_path: Path) -> None:
    class Denying(Clock):
        def compare(
            self, before: Network, after: Network, rounds: int, most_error: float
        ) -> Paired:
            pair = super().compare(before, after, rounds, most_error)
            return pair if self.compared <= 2 else Paired(pair.before, pair.before)

    with pytest.raises(Mnv3genError, match=r"none of \d+ proposals is faster"):
        run(request(tmp_path), Denying())
    assert [step.number for step in steps(tmp_path / "n")] == [0]


def test_steps_that_add_up_to_too_little_are_followed_by_more(tmp_path: Path) -> None:
    """In turns with the seed, networks are 12 % slower than their steps were measured to be."""

    class Slower(Clock):
        def compare(self, before: Network, after: Network, *rest: Any) -> Paired:
            pair = super().compare(before, after, *rest)
            direct = before == wide() and self.compared > 3
            return Paired(pair.before, tuple(1.12 * it for it in pair.after)) if direct else pair

    outcome = run(request(tmp_path), Slower())
    seed, target = milliseconds(wide()), request(tmp_path).target_ms
    reached = [step.measured_ms for step in outcome.steps]
    assert len(outcome.steps) > 3
    assert outcome.final.ms <= target
    assert milliseconds(parse(outcome.steps[-1].table)) <= target / 1.12
    assert reached[-1] == pytest.approx(1.12 * milliseconds(parse(outcome.steps[-1].table)))
    assert outcome.final.seed_ms == pytest.approx(seed)


class Killer:
    """A watcher that interrupts at the nth proposal."""

    def __new__(cls, at: int) -> Any:
        """A subclass of the real one, which needs torch."""
        from mnv3gen.search.netadapt.watch import Watcher

        class Killing(Watcher):
            seen = 0

            def proposed(self, step: int, number: int, total: int) -> None:
                self.seen += 1
                if self.seen == at:
                    raise KeyboardInterrupt

        return Killing()


@pytest.mark.parametrize("at", [3, 8])
def test_a_killed_run_goes_on_to_the_same_end(
    done: tuple[Path, Any], tmp_path: Path, at: int
) -> None:
    whole, killed = done[0], tmp_path
    with pytest.raises(KeyboardInterrupt):
        run(request(killed), Clock(), Killer(at))
    clock = Clock()
    run(request(killed), clock)
    assert steps(killed / "n") == steps(whole / "n")
    ours, theirs = (load_file(it / "n" / "final.safetensors") for it in (killed, whole))
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_a_lost_device_leaves_what_was_done(tmp_path: Path) -> None:
    with pytest.raises(DeviceLostError):
        run(request(tmp_path), Clock(lost_at=4))
    done = steps(tmp_path / "n")
    assert [step.number for step in done] == [0, 1]
    outcome = run(request(tmp_path), Clock())
    assert steps(tmp_path / "n")[:2] == done
    assert outcome.final.ms <= outcome.final.target_ms


def test_ratios_are_certain_of_a_quarter_of_delta(tmp_path: Path) -> None:
    """Before a step only milliseconds are wanted, of the seed and the smallest network: to 1 %."""
    clock = Clock()
    run(request(tmp_path, delta=0.02), clock)
    assert clock.errors[:2] == [0.01, 0.01]
    assert len(clock.errors) > 4
    assert set(clock.errors[2:]) == {0.005}


def test_noise_is_never_a_latency(tmp_path: Path) -> None:
    outcome = run(request(tmp_path), Clock(noisy_at=2))
    failed = [it for it in outcome.steps[1].proposals if it.state == "failed"]
    assert [it.reason.splitlines()[0] for it in failed] == ["fake: unsteady"]
    assert outcome.steps[1].chosen not in [it.site for it in failed]


def test_an_impossible_target_says_what_can_be_reached(tmp_path: Path) -> None:
    from mnv3gen.search.netadapt.shrink import least

    fastest = milliseconds(least(wide()))
    with pytest.raises(InputError, match=f"at least {fastest:.4g} ms.* 100% more") as caught:
        run(request(tmp_path, target_ms=fastest / 2), Clock())
    assert caught.value.place == "--target-ms"
    assert not (tmp_path / "n").exists()


def test_a_seed_within_the_target_is_only_trained(tmp_path: Path) -> None:
    from mnv3gen.search.netadapt.watch import Watcher

    told: list[tuple[int, float]] = []

    class Listening(Watcher):
        def within(self, step: Step, target_ms: float) -> None:
            told.append((step.number, target_ms))

    clock = Clock()
    outcome = run(request(tmp_path, target_ms=1e3), clock, Listening())
    assert clock.errors == [0.01, 0.01]  # milliseconds; no ratio of the seed to itself
    assert told == [(0, 1e3)]
    assert [step.number for step in outcome.steps] == [0]
    assert parse((tmp_path / "n" / "final.bneck").read_text()) == wide()
    assert outcome.final.ms == milliseconds(wide())


def test_too_few_pictures(tmp_path: Path) -> None:
    write_stripes(tmp_path / "stripes.npz", train=40)
    with pytest.raises(InputError, match="too few pictures"):
        run(request(tmp_path), Clock())


def test_another_run_is_not_gone_on_with(done: tuple[Path, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another delta"):
        run(request(done[0], delta=0.1), Clock())
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").touch()
    with pytest.raises(InputError, match="among other files"):
        run(replace(request(tmp_path), folder=other), Clock())


def test_the_result_is_trained_from_scratch(tmp_path: Path) -> None:
    outcome = run(request(tmp_path, final_epochs=2, delta=0.09), Clock())
    assert (outcome.final.epochs, outcome.final.pictures) == (2, 96)
    assert outcome.final.accuracy is not None
    curves = (tmp_path / "n" / "training" / "curves.csv").read_text(encoding="utf-8")
    assert len(curves.splitlines()) == 3
    written = json.loads((tmp_path / "n" / "final.json").read_bytes())
    assert written["accuracy"] == outcome.final.accuracy
