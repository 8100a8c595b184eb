"""Groups of commands that are imported when they are used, so that `--help` answers at once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from mnv3gen.errors import InputError, nearest_names


class LazyGroup(click.Group):
    """A group that knows its commands' names and help without importing them.

    `texts` has the help of each name, in the order in which one meets them; its module is `prefix`
    and the name. `what` is what messages call one of them.
    """

    def __init__(
        self, *arguments: Any, texts: Mapping[str, str], prefix: str, what: str, **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self.texts, self.prefix, self.what = texts, prefix, what

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names."""
        return list(self.texts)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        if cmd_name not in self.texts:
            return None
        module = f"{self.prefix}{cmd_name.replace('-', '_')}"
        command = importlib.import_module(module).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.texts.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """An unknown command offers the nearest names."""
        if args and args[0] not in self.texts and not args[0].startswith("-"):
            raise InputError(
                f"no such {self.what}",
                found=args[0],
                expected=f"one of {', '.join(self.texts)}",
                nearest=nearest_names(args[0], self.texts),
            )
        return super().resolve_command(ctx, args)
