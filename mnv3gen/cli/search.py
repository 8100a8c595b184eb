"""`mnv3gen search`: the group of the searches for networks, each imported when it is used."""

from __future__ import annotations

import importlib

import click

from mnv3gen.errors import InputError, nearest_names

COMMANDS = {
    "nas": ("search_nas", "Search a space's blocks for accuracy at a target latency."),
    "netadapt": ("search_netadapt", "Shrink a network layer by layer to a target latency."),
    "tabulate": ("search_tabulate", "Write an exhaustive search as the table of a small space."),
    "controllers": ("search_controllers", "Compare controllers where the truth is tabulated."),
}

EPILOG = """\b
Examples:
  mnv3gen search nas --target-ms 0.1 --data fashion-mnist --trials 300 -o s/
  mnv3gen search netadapt s/best.bneck --target-ms 0.08 --data fashion-mnist -o n/
  mnv3gen report s/ n/ -o report.html
"""


class LazyGroup(click.Group):
    """A group that knows its commands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"mnv3gen.cli.{COMMANDS[cmd_name][0]}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in `--help`, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """An unknown command offers the nearest names."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise InputError(
                "no such search",
                found=args[0],
                expected=f"one of {', '.join(COMMANDS)}",
                nearest=nearest_names(args[0], COMMANDS),
            )
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, epilog=EPILOG)
def command() -> None:
    """Search for networks whose compiled binaries reach a latency."""
