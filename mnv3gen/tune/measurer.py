"""Building units and having them checked and timed by the worker's process."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mnv3gen.errors import Mnv3genError
from mnv3gen.targets import Target
from mnv3gen.tune.functions import Signature
from mnv3gen.tune.kernels import build, build_functions, build_repeat
from mnv3gen.tune.timing import ROUNDS, Timing
from mnv3gen.tune.units import Unit
from mnv3gen.tune.worker import serve

SECONDS = 120.0  # that an answer may take: an endless loop is a wrong kernel too


class WorkerError(Mnv3genError):
    """The worker ended, did not answer in time, or answered with an error."""


class Measurer:
    """Compiles into `folder`; the worker is started when it is needed, again if it ended."""

    def __init__(self, target: Target, folder: Path, seed: int = 0) -> None:
        self.target, self.folder, self.seed = target, folder, seed
        self._repeat = build_repeat(folder)
        self._process: Any = None
        self._connection: Any = None
        self._loaded: tuple[Any, ...] = ()
        self._libraries = 0

    def load(self, units: Sequence[Unit]) -> None:
        """Compile units into one library and load it in place of the one before."""
        library, scratch = build(units, self.target, self.folder, self._next_name())
        self._load(library, "load", library, tuple(units), scratch)

    def load_functions(
        self, functions: Mapping[str, Any], signatures: Sequence[Signature], tvm_target: Any
    ) -> None:
        """The same for lowered functions, by their symbols and in order.

        Those are right that compute what the first of them does.
        """
        library = build_functions(functions, tvm_target, self.folder, self._next_name())
        self._load(library, "load_functions", library, tuple(functions), tuple(signatures))

    def _next_name(self) -> str:
        self._libraries += 1  # the loader keeps one library a name
        return f"candidates{self._libraries}"

    def _load(self, library: Path, *request: Any) -> None:
        self._loaded = request
        self._stop_if_ended()
        if self._process is not None:
            try:
                self._ask(*self._loaded)
            finally:
                library.with_stem(f"candidates{self._libraries - 1}").unlink(missing_ok=True)

    def is_right(self, number: int) -> bool:
        """Whether a unit computes the expected values; one that ends the worker does not."""
        self._start()
        try:
            return bool(self._ask("is_right", number))
        except WorkerError:
            return False

    def times(self, numbers: Sequence[int], rounds: int = ROUNDS) -> list[Timing]:
        """Some units, timed in turns. WorkerError if one of them ends the worker."""
        self._start()
        timings: list[Timing] = self._ask("times", list(numbers), rounds)
        return timings

    def close(self) -> None:
        """End the worker."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
        self._process = None

    def _start(self) -> None:
        """Have a worker with the library that was loaded last."""
        if self._process is not None:
            return
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = (theirs, self._repeat, self.target.core, self.seed)
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        with _without_interrupts():
            self._process.start()
        theirs.close()
        self._ask(*self._loaded)

    def _stop_if_ended(self) -> None:
        if self._process is not None and not self._process.is_alive():
            self.close()

    def _ask(self, *request: Any) -> Any:
        try:
            self._connection.send(request)
            if not self._connection.poll(SECONDS):
                self.close()
                raise WorkerError(f"no answer to {request[0]} within {SECONDS:g} s")
            answer, error = self._connection.recv()
        except (EOFError, OSError) as gone:
            self._process.join()
            code = self._process.exitcode
            self.close()
            raise WorkerError(f"the worker ended with exit code {code}") from gone
        if error is not None:
            raise WorkerError(error)
        return answer


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """A process that is started here ignores Ctrl-C from its first instruction on."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
