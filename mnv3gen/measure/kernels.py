"""Kernels timed one by one on a device, each written down as soon as it is measured."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from mnv3gen import __version__
from mnv3gen.compile.tuned import core_of
from mnv3gen.errors import DeviceError, DeviceLostError
from mnv3gen.measure.answer import KernelLine, read_kernel_line
from mnv3gen.measure.kernel import Code
from mnv3gen.measure.network import ended
from mnv3gen.measure.program import NAME
from mnv3gen.measure.protocol import Protocol, State, Times, drift
from mnv3gen.measure.records import Record, Records
from mnv3gen.measure.session import Session
from mnv3gen.targets import Target

SECONDS_A_KERNEL = 30.0
TINY_MS = 0.002  # less is nothing of a network
FAILURES = 2  # after which a kernel is left out


@dataclass
class Batch:
    """A program and the kernels in it, in order, by the hash of their code."""

    program: Path
    codes: dict[str, Code]


@dataclass
class KernelMeasurer:
    """Measures batches on a device into records; `skipped` says which kernels failed, and why."""

    session: Session
    target: Target
    protocol: Protocol
    records: Records
    advance: Callable[[], None] = lambda: None
    skipped: dict[str, str] = field(default_factory=dict)

    def record(self, key: str, code: Code) -> Record | None:
        """The record of a kernel under this protocol."""
        device = self.session.device.name
        whole = (code.group.name, self.target.name, device, key, self.protocol.key)
        return self.records.by_key.get(whole)

    def is_settled(self, key: str, code: Code) -> bool:
        """Whether a kernel's record is steady, or was tried for often enough."""
        known = self.record(key, code)
        return known is not None and (not known.noisy or known.attempts >= self.protocol.attempts)

    def measure(self, batch: Batch) -> None:
        """Measure what is not settled. DeviceLostError if the device does not come back."""
        self.session.put(batch.program, NAME)
        for _ in range(self.protocol.attempts):
            self._pass(batch)

    def _pass(self, batch: Batch) -> None:
        """Go once over all kernels that are not settled, in runs of neighbours."""
        waiting = [
            number
            for number, (key, code) in enumerate(batch.codes.items())
            if not self.is_settled(key, code) and code.group.name not in self.skipped
        ]
        failures = 0
        while waiting:
            first, last = waiting[0], _end_of_run(waiting)
            done: list[int] = []
            try:
                self._run(batch, first, last, done)
                failures = 0
            except DeviceError as error:
                failures = 0 if done else failures + 1
                self._recover(error, batch, first + len(done), failures)
                if failures >= FAILURES:
                    done.append(first)
                    failures = 0
            waiting = waiting[len(done) :]

    def _recover(self, error: DeviceError, batch: Batch, number: int, failures: int) -> None:
        """Have the device back, or give up on it; note a kernel that failed too often."""
        if failures >= FAILURES:
            code = list(batch.codes.values())[number]
            self.skipped[code.group.name] = str(error)
        if isinstance(error, DeviceLostError):
            time.sleep(self.session.pause)
            self.session.retried(lambda: self.session.connection)

    def _run(self, batch: Batch, first: int, last: int, done: list[int]) -> None:
        """Measure neighbours; each is in `done` and on the disk before the next one's answer."""
        device, runs = self.session.device.name, self.protocol.runs
        codes = list(batch.codes.items())
        before: State | None = None

        def on_line(text: str) -> None:
            nonlocal before
            number = first + len(done)
            if number >= last:
                raise DeviceError(device, "nonsense came back: more lines than kernels")
            line = read_kernel_line(text, device, number, runs)
            after = line.state.checked()
            self._keep(*codes[number], line, before or after)
            before = after
            done.append(number)

        time.sleep(self.protocol.cool_down)
        seconds = self._seconds(last - first)
        output = self.session.run(self._arguments(first, last), seconds, on_line)
        if output.code != 0:
            raise DeviceError(device, ended(output, NAME))
        if first + len(done) != last:
            raise DeviceError(device, "nonsense came back: fewer lines than kernels")

    def _keep(self, key: str, code: Code, line: KernelLine, before: State) -> None:
        """Write down the steadier of what was measured now and earlier.

        `before` is how the processor was doing after the kernel before.
        """
        known = self.record(key, code)
        fresh = self._record(key, code, line, before, 1 if known is None else known.attempts + 1)
        if known is not None and known.noisy and _spread(known.times) < _spread(fresh.times):
            fresh = msgspec.structs.replace(known, attempts=fresh.attempts)
        self.records.add(fresh)
        self.advance()

    def _arguments(self, first: int, last: int) -> list[str]:
        protocol = self.protocol
        pairs = {
            "from": first,
            "to": last,
            "runs": protocol.runs,
            "warmup": protocol.warmup,
            "small": protocol.small_kib,
            "large": protocol.large_kib,
            "limit": round(self._seconds(last - first)),
        }
        pairs |= {} if protocol.cpu is None else {"cpu": protocol.cpu}
        return [f"./{NAME}", *(word for key, it in pairs.items() for word in (f"--{key}", str(it)))]

    def _seconds(self, count: int) -> float:
        return SECONDS_A_KERNEL * (count + 1)

    def _record(
        self, key: str, code: Code, line: KernelLine, before: State, attempts: int
    ) -> Record:
        after, times = line.state.checked(), line.times()
        moved = drift(before, after) > self.protocol.most_drift
        return Record(
            kind="kernel",
            name=code.group.name,
            target=self.target.name,
            core=core_of(self.target),
            device=self.session.device.name,
            bundle=key,
            protocol=self.protocol,
            times=times,
            noisy=moved or _spread(times) > self.protocol.most_spread,
            attempts=attempts,
            before=before,
            after=after,
            group=code.group,
            schedule=code.schedule,
            parameters=dict(code.parameters),
            version=__version__,
            date=datetime.date.today().isoformat(),
        )


def _spread(times: Mapping[str, Times]) -> float:
    """That of a kernel with its weights far away; tiny ones are the clock's noise."""
    cold = times["cold"]
    return cold.spread if cold.median_ms > TINY_MS else 0.0


def _end_of_run(numbers: Sequence[int]) -> int:
    """One more than the last of the first neighbours."""
    last = numbers[0]
    for number in numbers:
        if number > last:
            break
        last = number + 1
    return last
