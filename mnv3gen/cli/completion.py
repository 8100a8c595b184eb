"""`mnv3gen completion`: the script that makes a shell complete our commands."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_MNV3GEN_COMPLETE"

EPILOG = """\b
Examples:
  mnv3gen completion bash >> ~/.bashrc
  mnv3gen completion zsh >> ~/.zshrc
  mnv3gen completion fish > ~/.config/fish/completions/mnv3gen.fish

Commands, options and the names of the zoo are completed, and files.
"""


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script of a shell (bash 4.4 or newer, zsh or fish)."""
    from click.shell_completion import get_completion_class

    from mnv3gen.cli.main import group

    found = get_completion_class(shell)
    assert found is not None
    # `source` asks the shell for its version; the template alone needs no shell here.
    complete = found(group, {}, "mnv3gen", VARIABLE)
    click.echo(complete.source_template % complete.source_vars())
