"""Where candidates' accuracies are evaluated: in this process, or by Ray's.

A candidate's accuracy depends on its trial's number, its table and the bar alone, and is computed
by one thread, so that it is the same wherever that is done.
"""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from mnv3gen.errors import InputError, Mnv3genError
from mnv3gen.search.accuracy import Accuracy, Bar, EvaluatorSpec, open_evaluator
from mnv3gen.search.space import Space
from mnv3gen.search.threads import one_thread
from mnv3gen.tables.parse import parse

ANSWER = 5.0  # seconds for a cluster's host to answer in
Result: TypeAlias = tuple[int, Accuracy | str]
"""A trial's number with its accuracy, or with what went wrong."""


class Job(msgspec.Struct, frozen=True):
    """A candidate to evaluate, as plain data."""

    number: int
    table: str
    bar: Bar


class Workers(Protocol):
    """Evaluates candidates."""

    @property
    def words(self) -> str:
        """What to call them."""

    def run(self, jobs: Sequence[Job]) -> Iterator[Result]:
        """The results, each as soon as it is there."""

    def close(self) -> None:
        """Let go of them."""


def check_ray(ray: str) -> None:
    """InputError, within seconds, if nothing answers at a cluster's address.

    Ray itself tries for minutes, and would be asked only after a supernet was trained.
    """
    if ray in ("auto", "off", "local"):
        return
    host, _, port = ray.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _unreachable(ray, error) from error


def open_workers(ray: str, spec: EvaluatorSpec, space: Space, count: int | None) -> Workers:
    """Ray's workers at an address, or on this machine for "auto" where Ray is installed.

    "off" is this process. `count` is their number, None for one a processor. InputError for an
    address without Ray.
    """
    installed = importlib.util.find_spec("ray") is not None
    if ray == "off" or (ray == "auto" and not installed):
        return InProcess(spec, space)
    if not installed:
        raise InputError(
            "Ray is not installed",
            place="--ray",
            found=ray,
            expected="pip install 'mnv3gen[search]'",
        )
    return RayWorkers(spec, space, None if ray == "auto" else ray, count)


class InProcess:
    """One candidate after the other."""

    words = "this process"

    def __init__(self, spec: EvaluatorSpec, space: Space) -> None:
        one_thread()
        self.evaluator = open_evaluator(spec, space)

    def run(self, jobs: Sequence[Job]) -> Iterator[Result]:
        """The results in order."""
        for job in jobs:
            yield job.number, _evaluated(self.evaluator, job)

    def close(self) -> None:
        """Nothing is held."""


class RayWorkers:
    """Actors of Ray, each with an evaluator of its own; one that dies is started again."""

    def __init__(
        self, spec: EvaluatorSpec, space: Space, address: str | None, count: int | None
    ) -> None:
        import ray

        self.ray = ray
        self.ours = not ray.is_initialized()
        if self.ours:
            _connect(ray, address)
        self.count = count or max(1, int(ray.cluster_resources().get("CPU", 1)))
        self.words = f"Ray, {self.count} workers" + (f" at {address}" if address else "")
        actor = ray.remote(_Actor).options(num_cpus=1, max_restarts=-1, max_task_retries=-1)
        self.actors = [actor.remote(spec, space) for _ in range(self.count)]

    def run(self, jobs: Sequence[Job]) -> Iterator[Result]:
        """The results as they come."""
        waiting = list(jobs)
        running: dict[Any, Any] = {}
        idle = list(self.actors)
        while waiting or running:
            while waiting and idle:
                actor, job = idle.pop(), waiting.pop(0)
                running[actor.evaluate.remote(job)] = actor
            (done,), _ = self.ray.wait(list(running), num_returns=1)
            idle.append(running.pop(done))
            yield self._got(done)

    def _got(self, done: Any) -> Result:
        try:
            result: Result = self.ray.get(done)
        except self.ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, Mnv3genError):
                raise error.cause from error
            raise
        except self.ray.exceptions.RayError as error:
            raise Mnv3genError(f"Ray: {error}; what was tried is kept") from error
        return result

    def close(self) -> None:
        """End what was started here."""
        for actor in self.actors:
            self.ray.kill(actor)
        if self.ours:
            self.ray.shutdown()


def _connect(ray: Any, address: str | None) -> None:
    try:
        ray.init(
            address=address,
            include_dashboard=False if address is None else None,
            log_to_driver=False,
            logging_level="error",
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _unreachable(address or "auto", error) from error


def _unreachable(address: str, error: Exception) -> InputError:
    return InputError(
        "Ray cannot be reached",
        place="--ray",
        found=address,
        expected=f"auto, off, or the HOST:PORT of a cluster ({error}); one that asks for a token, "
        "as `ray start` has it, is sent it with RAY_AUTH_MODE=token in the environment",
    )


class _Actor:
    """What runs in a process of Ray's."""

    def __init__(self, spec: EvaluatorSpec, space: Space) -> None:
        one_thread()
        self.evaluator = open_evaluator(spec, space)

    def evaluate(self, job: Job) -> Result:
        return job.number, _evaluated(self.evaluator, job)


def _evaluated(evaluator: Any, job: Job) -> Accuracy | str:
    try:
        accuracy: Accuracy = evaluator.of(job.number, parse(job.table), job.bar)
    except InputError:
        raise
    except Mnv3genError as error:
        return str(error)
    return accuracy
