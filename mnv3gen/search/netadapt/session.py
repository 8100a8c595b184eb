"""A NetAdapt run: steps until the target, each written down, so that a killed run goes on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from mnv3gen.errors import Mnv3genError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.weights import load_weights
from mnv3gen.measure.paired import Paired
from mnv3gen.search.latency import LatencySource
from mnv3gen.search.netadapt import journal
from mnv3gen.search.netadapt.candidates import Candidate, candidate
from mnv3gen.search.netadapt.final import finish, pretrained
from mnv3gen.search.netadapt.journal import Proposal, Step, Verified
from mnv3gen.search.netadapt.learning import Learning, held_out, plain
from mnv3gen.search.netadapt.outcome import Final
from mnv3gen.search.netadapt.populate import Weights, populated
from mnv3gen.search.netadapt.request import Request, begin, is_new
from mnv3gen.search.netadapt.shrink import Site, sites, smaller
from mnv3gen.search.netadapt.verify import (
    ENOUGH,
    Comparer,
    beside_least,
    check_target,
    compared,
    verified,
)
from mnv3gen.search.netadapt.watch import Watcher
from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.train import folder as files
from mnv3gen.train.learner import classifier_output
from mnv3gen.train.state import replace_bytes, writing
from mnv3gen.train.tasks.choose import task_of

WORK = "proposals"  # the folder of weights that are not accepted yet
MORE = 1.5  # times the reduction that the proposals of the attempt before had

Prepare: TypeAlias = Callable[[Sequence[Network]], None]


@dataclass(frozen=True)
class Outcome:
    """The folder's steps, and the network that was trained from scratch, if one was."""

    steps: tuple[Step, ...]
    final: Final


def run(
    request: Request,
    source: LatencySource,
    comparer: Comparer,
    watcher: Watcher | None = None,
    prepare: Prepare = lambda networks: None,
) -> Outcome:
    """Shrink to the target, or go on with a run of that folder, and train what came of it.

    `prepare` is told of all networks that `source` may be asked for in a step, before it is.

    A seed that is within the target is only trained. InputError as `check`, for a target that
    cannot be reached, and for the folder of another run. DeviceLostError if the device is gone,
    NoisyError if its times are of no use, Mnv3genError if no proposal saves enough as measured:
    what was done is kept, and the same call goes on from there.
    """
    check(request)
    if is_new(request):
        watcher = watcher or Watcher()
        watcher.busy("measure the seed and the smallest network")
        check_target(request, comparer)
    begin(request)
    return _Run(request, source, comparer, watcher or Watcher(), prepare).run()


def check(request: Request) -> None:
    """InputError for a table without bnecks, data that do not fit it, and too few pictures."""
    sites(request.network)
    task_of(request.network, request.data).check()
    classifier_output(expand(request.network))
    held_out(request.data, request.hold_out)


class _Run:
    def __init__(
        self,
        request: Request,
        source: LatencySource,
        comparer: Comparer,
        watcher: Watcher,
        prepare: Prepare,
    ) -> None:
        self.request, self.source, self.comparer = request, source, comparer
        self.prepare = prepare
        self.watcher, self.folder = watcher, request.folder
        self.learning = Learning(
            data=held_out(request.data, request.hold_out),
            spec=request.spec,
            recipe=plain(request.recipe),
            steps=request.fine_tune,
            rate=request.fine_tune_rate,
            device=request.compute,
        )
        self.steps = journal.steps_of(self.folder)
        self.proposals = journal.proposals_of(self.folder)
        self.judged = {it.key: it for it in self.proposals.entries}
        for each in (self.steps, self.proposals):
            if each.damaged:
                watcher.skipped(each.path, each.damaged)

    def run(self) -> Outcome:
        steps = self.steps.entries
        if steps:
            self.watcher.resumed(steps[-1])
        else:
            self._seed()
        while (last := self._corrected(steps[-1])).measured_ms > self.request.target_ms:
            if last.number >= self.request.most_steps:
                break
            self._step(last)
        if not last.number and last.measured_ms <= self.request.target_ms:
            self.watcher.within(last, self.request.target_ms)
        network, weights = parse(steps[-1].table), self._file(steps[-1].number)
        final = finish(self.request, network, weights, self._from_seed, self.watcher)
        return Outcome(tuple(steps), final)

    def _corrected(self, last: Step) -> Step:
        """A step that seems to have reached the target, by the seed and it measured in turns.

        The errors of the steps' ratios add up, and those that were accepted were rather too good.
        """
        if last.measured_ms > self.request.target_ms or not last.number:
            return last
        self.watcher.busy("measure the seed and the last step")
        share = self._from_seed(parse(last.table)).ratio
        ms = share * self.steps.entries[0].measured_ms
        return msgspec.structs.replace(last, share=share, measured_ms=ms)

    def _seed(self) -> None:
        """Step 0: the seed, its weights and its latency, if the target is one that can be met."""
        network = self.request.network
        began = time.monotonic()
        self.watcher.busy("measure the seed")
        pair = beside_least(self.request, self.comparer)
        weights = self.request.weights
        if weights is None:
            weights = pretrained(self.request, self.learning.data, self.watcher)
        self.watcher.busy("evaluate the seed")
        step = Step(
            number=0,
            table=format_network(network),
            accuracy=self.learning.accuracy(network, weights),
            latency=self.source.of(network),
            share=1.0,
            measured_ms=pair.before_ms,
            seconds=time.monotonic() - began,
        )
        self._accept(step, network, weights)

    def _step(self, last: Step) -> None:
        """Make proposals until one of them saves enough as measured too."""
        began = time.monotonic()
        network = parse(last.table)
        weights = self._weights(self._file(last.number), network)
        made: list[Proposal] = []
        checked: dict[str, Verified] = {}
        for attempt in range(self.request.attempts):
            proposals = self._proposals(last, attempt, network, weights)
            made += proposals
            for proposal in self._ranked(proposals):
                if proposal.table in checked:
                    continue
                found = self._verified(last, network, proposal)
                checked[proposal.table] = found
                if found.accepted:
                    self._take(last, proposal, made, [*checked.values()], began)
                    return
        raise Mnv3genError(
            f"{self.folder}: step {last.number + 1}: none of {len(made)} proposals is faster by "
            f"{ENOUGH:.0%} of {self.request.delta:.2%} of the seed's latency, as measured; "
            f"{last.measured_ms:.4g} ms are reached, {self.request.target_ms:g} ms are wanted. "
            "A larger --delta may help, and a steadier device"
        )

    def _proposals(
        self, last: Step, attempt: int, network: Network, weights: Weights
    ) -> list[Proposal]:
        """Every site's proposal, judged; what a killed run had judged is taken as it is."""
        delta_ms = self.request.delta * self.steps.entries[0].latency.ms * MORE**attempt
        most = last.latency.ms - delta_ms
        places = sites(network)
        self._prepare(network, places)
        judged: list[Proposal] = []
        for number, site in enumerate(places, 1):
            self.watcher.proposed(last.number + 1, number, len(places))
            known = self.judged.get((last.number + 1, attempt, site.name))
            if known is not None and self._has_weights(known):
                judged.append(known)
                continue
            found = candidate(network, site, self.source, most, self.request.divisor)
            if found is not None:
                judged.append(self._judged(last, attempt, found, network, weights))
        return judged

    def _prepare(self, network: Network, places: Sequence[Site]) -> None:
        divisor = self.request.divisor
        self.prepare([it for site in places for _, it in smaller(network, site, divisor)])

    def _judged(
        self, last: Step, attempt: int, candidate: Candidate, network: Network, weights: Weights
    ) -> Proposal:
        began = time.monotonic()
        proposal = _unjudged(last, attempt, candidate)
        if candidate.latency is not None:
            seed = self.request.seed + 1000 * (last.number + 1)
            importance = self.request.importance
            start = populated(weights, network, candidate.network, importance, seed)
            tuned = self.learning.tuned(candidate.network, start, seed, self.watcher.fine_tuned)
            change = tuned.accuracy - last.accuracy
            proposal = msgspec.structs.replace(
                proposal,
                accuracy=tuned.accuracy,
                accuracy_change=change,
                ratio=change / proposal.reduction_ms,
                seconds=time.monotonic() - began,
            )
            self._write(self._work_file(proposal), candidate.network, tuned.weights)
        self.proposals.add(proposal)
        self.judged[proposal.key] = proposal
        return proposal

    def _ranked(self, proposals: list[Proposal]) -> list[Proposal]:
        """Those that were judged, the best first."""
        by_ratio = self.request.metric == "ratio"
        judged = [it for it in proposals if it.state == "ok"]
        return sorted(judged, key=lambda it: (-(it.ratio if by_ratio else it.accuracy), it.site))

    def _verified(self, last: Step, network: Network, proposal: Proposal) -> Verified:
        self.watcher.busy(f"step {last.number + 1}: measure {proposal.site}")
        found = verified(self.request, self.comparer, last, network, proposal)
        self.watcher.verified(last.number + 1, found)
        return found

    def _take(
        self,
        last: Step,
        proposal: Proposal,
        made: list[Proposal],
        checked: list[Verified],
        began: float,
    ) -> None:
        network = parse(proposal.table)
        share = last.share * checked[-1].ratio
        step = Step(
            number=last.number + 1,
            table=proposal.table,
            accuracy=proposal.accuracy,
            latency=proposal.latency,
            share=share,
            measured_ms=self.steps.entries[0].measured_ms * share,
            chosen=proposal.site,
            proposals=tuple(made),
            verified=tuple(checked),
            seconds=time.monotonic() - began,
        )
        self._accept(step, network, self._weights(self._work_file(proposal), network))
        shutil.rmtree(self.folder / WORK, ignore_errors=True)

    def _accept(self, step: Step, network: Network, weights: Weights) -> None:
        """Write the table and the weights of a step, and then that it was taken."""
        path = self._file(step.number)
        self._write(path, network, weights)
        with writing(self.folder):
            replace_bytes(path.with_suffix(".bneck"), step.table.encode())
        self.steps.add(step)
        self.watcher.stepped(step)

    def _from_seed(self, network: Network) -> Paired:
        """The seed and a network in turns; without a step they are one, which was measured."""
        if network == self.request.network:
            seed = self.steps.entries[0].measured_ms
            return Paired((seed,), (seed,))
        return compared(self.request, self.comparer, self.request.network, network)

    def _file(self, number: int) -> Path:
        return self.folder / f"step-{number:02d}.safetensors"

    def _work_file(self, proposal: Proposal) -> Path:
        name = proposal.site.replace(" ", "-")
        return self.folder / WORK / f"{proposal.step}-{proposal.attempt}-{name}.safetensors"

    def _has_weights(self, proposal: Proposal) -> bool:
        return proposal.state == "failed" or self._work_file(proposal).is_file()

    def _weights(self, path: Path, network: Network) -> Weights:
        return load_weights(path, expand(network))

    def _write(self, path: Path, network: Network, weights: Weights) -> None:
        with writing(self.folder):
            path.parent.mkdir(exist_ok=True)
        metadata = files.metadata_of(network, self.request.data.names, data=self.request.spec)
        files.write_weights(path, weights, metadata)


def _unjudged(last: Step, attempt: int, candidate: Candidate) -> Proposal:
    latency = candidate.latency
    return Proposal(
        step=last.number + 1,
        attempt=attempt,
        site=candidate.site.name,
        kind=candidate.site.kind,
        before=candidate.site.size,
        after=candidate.size,
        table=format_network(candidate.network),
        latency=last.latency if latency is None else latency,
        reduction_ms=0.0 if latency is None else last.latency.ms - latency.ms,
        state="ok" if latency is not None else "failed",
        reason=candidate.reason,
    )
