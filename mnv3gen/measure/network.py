"""A whole network on a device, by the bundle's own executable."""

from __future__ import annotations

import datetime
import time

from mnv3gen import __version__
from mnv3gen.compile.bundle import Bundle
from mnv3gen.compile.tuned import core_of
from mnv3gen.devices.connection import Output
from mnv3gen.errors import DeviceError
from mnv3gen.measure.answer import Checked, read_checked
from mnv3gen.measure.protocol import Protocol, drift
from mnv3gen.measure.records import Record
from mnv3gen.measure.session import Session

PROGRAM = "benchmark"
CHECK_SECONDS = 120.0
SLACK = 5.0  # times as long as the first run promises


def check_network(session: Session, bundle: Bundle, cpu: int | None) -> Checked:
    """Run a bundle's executable once there. DeviceError if it computes wrong values."""
    session.put(bundle.benchmark, PROGRAM)
    return session.retried(lambda: run_bundle(session, bundle, PROGRAM, cpu, 0, 0, CHECK_SECONDS))


def measure_network(session: Session, bundle: Bundle, protocol: Protocol) -> Record:
    """The times of a bundle under a protocol: the steadiest of its attempts."""
    first = check_network(session, bundle, protocol.cpu)
    runs = protocol.runs_of(first.first_ms)
    seconds = CHECK_SECONDS + SLACK * (runs + protocol.warmup) * first.first_ms / 1e3
    best: Checked | None = None
    attempts = 0
    while attempts < protocol.attempts:
        attempts += 1
        time.sleep(protocol.cool_down)
        answer = session.retried(
            lambda: run_bundle(
                session, bundle, PROGRAM, protocol.cpu, runs, protocol.warmup, seconds
            )
        )
        best = answer if best is None or _unrest(answer) < _unrest(best) else best
        if not _is_noisy(best, protocol):
            break
    assert best is not None
    return _record(session, bundle, protocol, best, attempts)


def run_bundle(
    session: Session,
    bundle: Bundle,
    program: str,
    cpu: int | None,
    runs: int,
    warmup: int,
    seconds: float,
) -> Checked:
    """Run a bundle's executable, which lies there as `program`: so often, or only to check it.

    DeviceError if it ends otherwise than with right values and the times that were asked for.
    """
    arguments = [f"./{program}", "--state", "--limit", str(round(seconds))]
    arguments += ["--cpu", str(cpu)] if cpu is not None else []
    arguments += ["--runs", str(runs), "--warmup", str(warmup)] if runs else ["--check"]
    output = session.run(arguments, seconds + 10)
    _check_code(output, session.device.name)
    identity = bundle_identity(bundle)
    return read_checked(output.text, session.device.name, identity, runs)


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


def _unrest(answer: Checked) -> float:
    return answer.times.spread + drift(answer.before.checked(), answer.after.checked())


def _is_noisy(answer: Checked, protocol: Protocol) -> bool:
    moved = drift(answer.before.checked(), answer.after.checked())
    return answer.times.spread > protocol.most_spread or moved > protocol.most_drift


def _record(
    session: Session, bundle: Bundle, protocol: Protocol, answer: Checked, attempts: int
) -> Record:
    return Record(
        kind="network",
        name=bundle.manifest.name,
        target=bundle.target.name,
        core=core_of(bundle.target),
        device=session.device.name,
        bundle=bundle.manifest.sha256[:16],
        protocol=protocol,
        times={"run": answer.times},
        noisy=_is_noisy(answer, protocol),
        attempts=attempts,
        before=answer.before.checked(),
        after=answer.after.checked(),
        table=bundle.manifest.network,
        version=__version__,
        date=datetime.date.today().isoformat(),
    )
