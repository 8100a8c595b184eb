"""Whole networks on a device, by their bundles' own executables."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from mnv3gen import __version__
from mnv3gen.compile.bundle import Bundle
from mnv3gen.compile.tuned import core_of
from mnv3gen.devices.connection import Output
from mnv3gen.errors import DeviceError
from mnv3gen.measure.answer import Checked, read_checked
from mnv3gen.measure.protocol import Protocol, State, Times, drift
from mnv3gen.measure.records import Record
from mnv3gen.measure.session import Session

PROGRAM = "benchmark"
CHECK_SECONDS = 120.0
SLACK = 5.0  # times as long as the first run promises


def check_network(session: Session, bundle: Bundle, cpu: int | None, name: str = PROGRAM) -> float:
    """Run a bundle's executable once there; the milliseconds that it took.

    DeviceError if it computes wrong values.
    """
    session.put(bundle.benchmark, name)
    run = Executable(name, bundle, cpu)
    return session.retried(lambda: run(session, 0, 0, CHECK_SECONDS)).first_ms


def measure_network(session: Session, bundle: Bundle, protocol: Protocol) -> Record:
    """The times of a bundle under a protocol: the steadiest of its attempts."""
    (record,) = measure_networks(session, [bundle], protocol)
    return record


def measure_networks(
    session: Session, bundles: Sequence[Bundle], protocol: Protocol
) -> list[Record]:
    """The times of some bundles, which take turns on the device.

    Those that are unsteady do so again among themselves, and the steadiest attempt counts.
    """
    several = len(bundles) > 1
    networks = []
    for number, bundle in enumerate(bundles):
        run = Executable(f"{PROGRAM}-{number}" if several else PROGRAM, bundle, protocol.cpu)
        first = check_network(session, bundle, protocol.cpu, run.program)
        networks.append(_Measured(run, protocol.runs_of(first), first))
    for _ in range(protocol.attempts):
        unsteady = [it for it in networks if it.best is None or _is_noisy(it.best, protocol)]
        _attempt(session, unsteady, protocol)
    return [_record(session, it, protocol) for it in networks]


@dataclass(frozen=True)
class Executable:
    """A bundle's executable, which lies on the device as `program`, on a processor."""

    program: str
    bundle: Bundle
    cpu: int | None

    def __call__(self, session: Session, runs: int, warmup: int, seconds: float) -> Checked:
        """Run it so often, or with 0 only check it.

        DeviceError if it ends otherwise than with right values and the times that were asked for.
        """
        arguments = [f"./{self.program}", "--state", "--limit", str(round(seconds))]
        arguments += ["--cpu", str(self.cpu)] if self.cpu is not None else []
        timed = ["--times", "--runs", str(runs), "--warmup", str(warmup)]
        output = session.run(arguments + (timed if runs else ["--check"]), seconds + 10)
        _check_code(output, session.device.name)
        return read_checked(output.text, session.device.name, bundle_identity(self.bundle), runs)


@dataclass
class _Attempt:
    """The blocks of one attempt."""

    blocks: list[Checked] = field(default_factory=list)

    @property
    def times(self) -> Times:
        return Times.of(ms for block in self.blocks for ms in block.times_ms)

    @property
    def before(self) -> State:
        return self.blocks[0].before.checked()

    @property
    def after(self) -> State:
        return self.blocks[-1].after.checked()

    @property
    def unrest(self) -> float:
        return self.times.spread + drift(self.before, self.after)


@dataclass
class _Measured:
    """A network, its runs in an attempt, the first run's milliseconds, and what came of it."""

    run: Executable
    runs: int
    first_ms: float
    attempts: int = 0
    best: _Attempt | None = None

    def block(self, session: Session, protocol: Protocol) -> Checked:
        runs = max(1, self.runs // protocol.blocks)
        seconds = CHECK_SECONDS + SLACK * (runs + protocol.warmup) * self.first_ms / 1e3
        time.sleep(protocol.cool_down)
        return session.retried(lambda: self.run(session, runs, protocol.warmup, seconds))


def _attempt(session: Session, networks: Sequence[_Measured], protocol: Protocol) -> None:
    attempts = [_Attempt() for _ in networks]
    for _ in range(protocol.blocks):
        for network, attempt in zip(networks, attempts, strict=True):
            attempt.blocks.append(network.block(session, protocol))
    for network, attempt in zip(networks, attempts, strict=True):
        network.attempts += 1
        if network.best is None or attempt.unrest < network.best.unrest:
            network.best = attempt


def bundle_identity(bundle: Bundle) -> str:
    """What the executable calls itself."""
    manifest = bundle.manifest
    return f"{manifest.name} {manifest.identity} {bundle.target.name} mnv3gen {manifest.version}"


def _check_code(output: Output, device: str) -> None:
    """DeviceError for an end that gave no answer; a wrong result is an answer."""
    if output.code in (0, 1) and output.text:
        return
    raise DeviceError(device, ended(output, PROGRAM), "run `mnv3gen doctor` on it")


def ended(output: Output, program: str) -> str:
    """How a program ended that should not have."""
    signals = {4: "an instruction that its processor lacks", 9: "too little memory, perhaps"}
    number = -output.code if output.code < 0 else output.code - 128
    if number in signals:
        return f"{program} was ended by signal {number}: {signals[number]}"
    told = " ".join((output.errors or output.text).split())[-200:]
    return f"{program} ended with code {output.code}: {told or 'it printed nothing'}"


def _is_noisy(attempt: _Attempt, protocol: Protocol) -> bool:
    moved = drift(attempt.before, attempt.after)
    return attempt.times.spread > protocol.most_spread or moved > protocol.most_drift


def _record(session: Session, measured: _Measured, protocol: Protocol) -> Record:
    bundle, best = measured.run.bundle, measured.best
    assert best is not None
    return Record(
        kind="network",
        name=bundle.manifest.name,
        target=bundle.target.name,
        core=core_of(bundle.target),
        device=session.device.name,
        bundle=bundle.manifest.sha256[:16],
        protocol=protocol,
        times={"run": best.times},
        noisy=_is_noisy(best, protocol),
        attempts=measured.attempts,
        before=best.before,
        after=best.after,
        table=bundle.manifest.network,
        version=__version__,
        date=datetime.date.today().isoformat(),
    )
