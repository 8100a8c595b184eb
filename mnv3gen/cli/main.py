"""The command group. A command's module is imported when the command is used, not before."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import click

from mnv3gen import __version__
from mnv3gen.cli.lazy import LazyGroup
from mnv3gen.errors import Mnv3genError

COMMANDS = {
    "describe": "Print a network: its table, parameters, multiply-adds, memory.",
    "targets": "List the devices to compile for, or show one.",
    "quantize": "Measure a network for int8, and report what int8 makes of it.",
    "compile": "Compile a network to a bundle of device-specific binaries.",
    "export": "Write a network as Relay, ONNX, weights or a table.",
    "import-weights": "Convert weights of torchvision, timm or an ONNX file.",
    "run": "Run a bundle on a picture, on this machine or emulated.",
    "compare": "Compare two bundles of a network: outputs, sizes, time by layer.",
    "train": "Train a network on labelled pictures.",
    "eval": "Count how many pictures a bundle or weights classify rightly.",
    "bench": "Time networks beside other inference engines.",
    "tune": "Search the kernels' parameters by measuring them.",
    "logs": "Check, show and prune the committed tuning logs.",
    "devices": "What devices there are, and what each lacks.",
    "doctor": "Check a device, one line a check, with the fix.",
    "latency-table": "Measure every kernel of a search space on a device.",
    "predict": "What a network takes on a device, without running it.",
    "records": "List, merge and prune measurements.",
    "search": "Search for networks: NAS, NetAdapt.",
    "profile": "Where a bundle's work goes: time, instructions or modelled cycles, by kernel.",
    "report": "A page on searches; the paper's latencies beside modelled cycles.",
    "completion": "Print the shell's completion script.",
}

EXAMPLES = """\b
Examples:
  mnv3gen describe mobilenet_v3_large
  mnv3gen compile mobilenet_v3_small --target rpi4 -o out/
  mnv3gen run out/ photo.jpg --top 5
"""

INTERRUPTED = 130


@click.group(
    cls=LazyGroup,
    texts=COMMANDS,
    prefix="mnv3gen.cli.",
    what="command",
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="mnv3gen")
def group() -> None:
    """Compile MobileNetV3-family networks, written as bneck tables, to ARM binaries."""


def run(arguments: list[str]) -> int:
    """Run a command line; the exit code."""
    with _interrupts() as interrupts:
        try:
            return _run(arguments)
        except (click.Abort, KeyboardInterrupt):
            pass
        except Exception:
            # TVM turns an exception of a callback, an interrupt too, into one of its own.
            if not interrupts:
                raise
    click.echo("mnv3gen: interrupted; nothing half-written is left", err=True)
    return INTERRUPTED


def _run(arguments: list[str]) -> int:
    try:
        result = group.main(arguments, prog_name="mnv3gen", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Mnv3genError as error:
        click.echo(f"mnv3gen: {error}", err=True)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        click.echo(f"mnv3gen: {error.filename or 'system'}: {error.strerror or error}", err=True)
        return 1
    return result if isinstance(result, int) else 0


@contextlib.contextmanager
def _interrupts() -> Iterator[list[int]]:
    """A list that gets an entry at each Ctrl-C, which raises KeyboardInterrupt as ever."""
    seen: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        signal.default_int_handler(number, frame)

    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    before = signal.signal(signal.SIGINT, handle)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
