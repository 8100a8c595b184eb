"""A device of a farm, lent by TVM's RPC tracker."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mnv3gen.devices.connection import MOST_BYTES, OnLine, Output
from mnv3gen.devices.device import Device, target_name
from mnv3gen.devices.facts import Facts, ask_facts
from mnv3gen.devices.programs import build_runner
from mnv3gen.devices.shell import FILE, SECONDS
from mnv3gen.errors import DeviceError, DeviceLostError
from mnv3gen.targets import load

SYSTEM_FOLDERS = ("/bin", "/usr/bin", "/system/bin")
NO_PROGRAM = 127
ANSWER_SECONDS = 5.0
SESSION_SECONDS = 3600  # after which the tracker takes the device back


class TrackerConnection:
    """A session of TVM's RPC: files are uploaded, and `runner.so` runs them.

    The tracker's queue is its own: a device that is lent to someone else is waited for.
    """

    times = True

    def __init__(self, device: Device) -> None:
        self.device = device.name
        self.key, self.place = device.address.key, device.address
        target = load(target_name(device))
        self.prefix = f"mnv3gen-{secrets.token_hex(8)}-"
        self._session = self._request()
        with self._explained("cannot load a library into its server"):
            with tempfile.TemporaryDirectory(prefix="mnv3gen-") as folder:
                library = build_runner(target, Path(folder))
                self._session.upload(str(library), f"{self.prefix}runner.so")
            self._execute = self._session.load_module(f"{self.prefix}runner.so")["execute"]
            self._workpath = self._session.get_function("tvm.rpc.server.workpath")

    def put(self, path: Path, name: str) -> None:
        """See `Connection`."""
        with self._explained(f"cannot copy {name}"):
            self._session.upload(str(path), self._name(name))

    def run(
        self, arguments: Sequence[str], seconds: float, on_line: OnLine | None = None
    ) -> Output:
        """See `Connection`; the lines come when the program has ended."""
        program, *words = arguments
        folders = [""] if program.startswith("./") else [f"{it}/" for it in SYSTEM_FOLDERS]
        output = Output(NO_PROGRAM, "")
        for folder in folders:
            with self._explained(f"lost while running {program}"):
                own = self._workpath(self._name(program.removeprefix("./")))
                output = self._run(folder + program if folder else own, words, seconds)
            if output.code != NO_PROGRAM:
                break
        if output.code == -14:  # SIGALRM
            raise DeviceLostError(self.device, f"no end of {program} within {seconds:g} s")
        for line in output.text.splitlines() if on_line else []:
            assert on_line is not None
            on_line(line)
        return output

    def get(self, name: str, path: Path, most_bytes: int = MOST_BYTES) -> None:
        """See `Connection`; TVM's protocol has the file before its size is known."""
        with self._explained(f"cannot read {name}"):
            content = bytes(self._session.download(self._name(name)))
        if len(content) > most_bytes:
            raise DeviceError(self.device, f"{name} has more than {most_bytes} bytes")
        path.write_bytes(content)

    def describe(self) -> Facts:
        """See `Connection`."""
        folder = str(Path(self._workpath(self.prefix)).parent)
        return ask_facts(lambda words: self.run(words, SECONDS).text, folder)

    def close(self) -> None:
        """See `Connection`; the server removes the files with the session."""
        self._execute = self._workpath = self._session = None

    def _run(self, path: str, words: Sequence[str], seconds: float) -> Output:
        files = [self._name(name) for name in ("stdout", "stderr")]
        paths = [self._workpath(name) for name in files]
        code = int(self._execute(path, "\n".join(words), *paths, max(1, round(seconds))))
        if code <= -1000:
            raise DeviceError(self.device, f"cannot run {path}: error {-1000 - code}")
        texts = [bytes(self._session.download(name)) for name in files]
        if max(map(len, texts)) > MOST_BYTES:
            problem = f"{path} gave more than {MOST_BYTES} bytes, which cannot be right"
            raise DeviceError(self.device, problem)
        text, errors = (text.decode("utf-8", "replace") for text in texts)
        return Output(code, text, errors)

    def _name(self, name: str) -> str:
        assert FILE.fullmatch(name), name
        return self.prefix + name

    def _request(self) -> Any:
        from tvm import rpc

        place = f"{self.place.host}:{self.place.port}"
        with self._explained(
            f"no tracker answers at {place}", "start it: mnv3gen devices --tracker PORT"
        ):
            # TVM itself would try for a minute.
            socket.create_connection(
                (self.place.host, self.place.port or 0), ANSWER_SECONDS
            ).close()
            tracker = rpc.connect_tracker(self.place.host, self.place.port)
            keys = _keys(tracker.summary())
        if self.key not in keys:
            known = f"it has {', '.join(sorted(keys))}" if keys else "it has none"
            raise DeviceError(
                self.device,
                f"the tracker at {place} knows no device {self.key}: {known}",
                f"on the board: python -m tvm.exec.rpc_server --tracker {place} --key {self.key}",
            )
        with self._explained(f"the tracker at {place} lends no {self.key}"):
            return tracker.request(self.key, priority=1, session_timeout=SESSION_SECONDS)

    @contextlib.contextmanager
    def _explained(self, problem: str, fix: str | None = None) -> Iterator[None]:
        try:
            yield
        except (KeyboardInterrupt, DeviceError, AssertionError):
            raise
        except Exception as error:  # TVM turns what the other side raises into errors of its own
            told = " ".join(str(error).split())[-200:]
            raise DeviceLostError(self.device, f"{problem}: {told}", fix) from error


def _keys(summary: Any) -> set[str]:
    """The kinds of devices that a tracker has, free or lent."""
    plain = json.loads(json.dumps(summary, default=str))
    queues = set(plain.get("queue_info", {}))
    servers = {str(it.get("key", "")).removeprefix("server:") for it in plain["server_info"]}
    return queues | servers - {""}


@contextlib.contextmanager
def serving_tracker(host: str, port: int) -> Iterator[int]:
    """Run a tracker; its port. Whoever reaches it may run code on its devices: keep to loopback."""
    from tvm.rpc.tracker import Tracker

    tracker = Tracker(host=host, port=port, port_end=port + 1, silent=True)
    try:
        yield int(tracker.port)
    finally:
        tracker.terminate()
