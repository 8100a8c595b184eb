"""What several commands take: the network and the options that pick a form of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.errors import InputError
from mnv3gen.tables.network import Network

if TYPE_CHECKING:
    from mnv3gen.onnx_import import Imported

Command = Callable[..., Any]
ONNX = ".onnx"
PREPROCESSES = ("imagenet", "inception", "whole")  # the first is the default of an ONNX file


def network_options(
    default: str | None = None,
    as_option: bool = False,
    optional: bool = False,
    onnx: bool = False,
) -> Callable[[Command], Command]:
    """Add NETWORK, --width, --resolution, --classes and --variant; pass `network`, a Network.

    `as_option` makes the first one --network, for a command whose argument is something else.
    `optional` lets NETWORK be left out; `network` is None then. With `onnx` it may be an ONNX file,
    of --input-shape and --preprocess; `network` is what `import_onnx` gives then.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def resolved(
            network: str | None,
            width: str | None,
            resolution: str | None,
            classes: int | None,
            variant: tuple[str, ...],
            input_shape: str | None = None,
            preprocess: str | None = None,
            **rest: Any,
        ) -> Any:
            if network is None:
                if any((width, resolution, classes, variant)):
                    raise click.UsageError("options that change a NETWORK, but no NETWORK")
                return command(network=None, **rest)
            if onnx and network.lower().endswith(ONNX):
                if any((width, resolution, classes, variant)):
                    raise InputError(
                        "an ONNX file has one form",
                        place="--width, --resolution, --classes, --variant",
                        expected="--input-shape for a file that leaves its size open",
                    )
                return command(network=_read(network, input_shape, preprocess), **rest)
            if input_shape is not None or preprocess is not None:
                raise InputError(
                    "options of an ONNX file",
                    place="--input-shape, --preprocess",
                    found=network,
                    expected="--resolution for a table, whose header says `preprocess`",
                )
            return command(network=_resolve(network, width, resolution, classes, variant), **rest)

        decorated: Command = resolved
        options = _options(default, as_option, optional) + (_onnx_options() if onnx else [])
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def form_options(command: Command) -> Command:
    """Add --width, --resolution, --classes and --variant, passed as they are typed."""
    for option in reversed(_form_options()):
        command = option(command)
    return command


def several_forms_options(command: Command) -> Command:
    """As `form_options`, but --width and --resolution may be given several times: tuples."""
    for option in reversed(_form_options(several=True)):
        command = option(command)
    return command


def seed_option(what: str) -> Callable[[Command], Command]:
    """Add --seed, a whole number of which chance depends; `what` is decided by it."""
    return click.option(
        "--seed", default=0, show_default=True, type=click.IntRange(min=0), help=what
    )


input_shape_option = click.option(
    "--input-shape", metavar="HxW", help="Of an ONNX file that leaves it open."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
weights_option = click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="A safetensors file.  [default: seeded random weights]",
)
weights_seed_option = seed_option("Of the random weights.")
limit_option = click.option("--limit", type=click.IntRange(min=1), help="At most so many pictures.")
executor_option = click.option(
    "--executor",
    default="auto",
    show_default=True,
    help="native, unicorn (emulated in process), qemu (where installed), or auto.",
)
device_option = click.option(
    "--device", default="local", show_default=True, help="See `mnv3gen devices`."
)
device_target_option = click.option(
    "--target", metavar="T", help="What to compile for it.  [default: the device's]"
)
device_cpu_option = click.option(
    "--cpu", type=click.IntRange(min=0), help="The processor.  [default: the device's]"
)
latency_option = click.option(
    "--latency", default="table", show_default=True, help="table, model or compile."
)
table_option = click.option(
    "--table",
    type=click.Path(path_type=Path),
    help="A folder by `latency-table -o`.  [default: what was measured on the device]",
)


def _options(
    default: str | None, as_option: bool, optional: bool
) -> list[Callable[[Command], Command]]:
    # An argument that is given a default, be it None, is never missing.
    fallback: dict[str, Any] = {} if default is None else {"default": default}
    fallback |= {"required": False} if optional else {}
    network = (
        click.option(
            "--network", required=not optional, metavar="N", help="A name, or a .bneck file."
        )
        if as_option
        else click.argument("network", shell_complete=_complete, **fallback)
    )
    return [network, *_form_options()]


def _complete(_context: Any, _parameter: Any, typed: str) -> list[Any]:
    """The zoo's names for a shell, and files."""
    from click.shell_completion import CompletionItem

    from mnv3gen.tables.zoo import names

    items = [CompletionItem(name) for name in names() if name.startswith(typed)]
    return [*items, CompletionItem(typed, type="file")]


def _form_options(several: bool = False) -> list[Callable[[Command], Command]]:
    more = "; may be given several times." if several else "."
    width, size = f"Width multiplier, such as 0.75{more}", f"Input size, such as 192x256{more}"
    return [
        click.option("--width", metavar="M", multiple=several, help=width),
        click.option("--resolution", metavar="N|HxW", multiple=several, help=size),
        click.option("--classes", type=click.IntRange(min=1), help="Number of classes."),
        click.option("--variant", multiple=True, help="A named form; may be given several times."),
    ]


def _onnx_options() -> list[Callable[[Command], Command]]:
    return [
        input_shape_option,
        click.option(
            "--preprocess",
            type=click.Choice(PREPROCESSES),
            help=f"How an ONNX network takes pictures.  [default: {PREPROCESSES[0]}]",
        ),
    ]


def _read(file: str, input_shape: str | None, preprocess: str | None) -> Imported:
    """The network of an ONNX file, with the share of it that is a table, and how it was checked."""
    from mnv3gen.onnx_import import import_onnx

    return import_onnx(Path(file), input_shape, preprocess or PREPROCESSES[0])


def _resolve(
    network: str,
    width: str | None,
    resolution: str | None,
    classes: int | None,
    variants: tuple[str, ...],
) -> Network:
    from mnv3gen.tables.zoo import resolve

    return resolve(network, width=width, resolution=resolution, classes=classes, variants=variants)
