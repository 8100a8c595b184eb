"""What several commands take: the network and the options that pick a form of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from mnv3gen.tables.network import Network

Command = Callable[..., Any]


def network_options(
    default: str | None = None, as_option: bool = False, optional: bool = False
) -> Callable[[Command], Command]:
    """Add NETWORK, --width, --resolution, --classes and --variant; pass `network`, a Network.

    `as_option` makes the first one --network, for a command whose argument is something else.
    `optional` lets NETWORK be left out; `network` is None then.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def resolved(
            network: str | None,
            width: str | None,
            resolution: str | None,
            classes: int | None,
            variant: tuple[str, ...],
            **rest: Any,
        ) -> Any:
            if network is None:
                if any((width, resolution, classes, variant)):
                    raise click.UsageError("options that change a NETWORK, but no NETWORK")
                return command(network=None, **rest)
            return command(network=_resolve(network, width, resolution, classes, variant), **rest)

        decorated: Command = resolved
        for option in reversed(_options(default, as_option, optional)):
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


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


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
        else click.argument("network", **fallback)
    )
    return [network, *_form_options()]


def _form_options(several: bool = False) -> list[Callable[[Command], Command]]:
    more = "; may be given several times." if several else "."
    width, size = f"Width multiplier, such as 0.75{more}", f"Input size, such as 192x256{more}"
    return [
        click.option("--width", metavar="M", multiple=several, help=width),
        click.option("--resolution", metavar="N|HxW", multiple=several, help=size),
        click.option("--classes", type=click.IntRange(min=1), help="Number of classes."),
        click.option("--variant", multiple=True, help="A named form; may be given several times."),
    ]


def _resolve(
    network: str,
    width: str | None,
    resolution: str | None,
    classes: int | None,
    variants: tuple[str, ...],
) -> Network:
    from mnv3gen.tables.zoo import resolve

    return resolve(network, width=width, resolution=resolution, classes=classes, variants=variants)
