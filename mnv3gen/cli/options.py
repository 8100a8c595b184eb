"""What several commands take: the network and the options that pick a form of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from mnv3gen.tables.network import Network

Command = Callable[..., Any]


def network_options(default: str | None = None) -> Callable[[Command], Command]:
    """Add NETWORK, --width, --resolution, --classes and --variant; pass `network`, a Network."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def resolved(
            network: str,
            width: str | None,
            resolution: str | None,
            classes: int | None,
            variant: tuple[str, ...],
            **rest: Any,
        ) -> Any:
            return command(network=_resolve(network, width, resolution, classes, variant), **rest)

        decorated: Command = resolved
        for option in reversed(_options(default)):
            decorated = option(decorated)
        return decorated

    return decorate


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


def _options(default: str | None) -> list[Callable[[Command], Command]]:
    required = default is None
    return [
        click.argument("network", required=required, default=default),
        click.option("--width", metavar="M", help="Width multiplier, such as 0.75."),
        click.option("--resolution", metavar="N|HxW", help="Input size, such as 192 or 192x256."),
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
