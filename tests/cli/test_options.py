"""Rules that hold for every command: help, examples, and options that are called alike."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from support.command import ROOT

from mnv3gen.cli.main import group

NO_FIGURES = {"completion"}
DIFFERENT = {
    "--check": "a number of networks",
    "--device": "train's is torch's, tune's also modelled cycles",
    "--table": "report paper's is the number of one in the paper",
    "--preprocess": "train changes a table's own",
}
"""Options that are not the same everywhere, and why that is well."""


@cache
def commands() -> dict[str, click.Command]:
    """Every command that does something, by the words that call it."""
    return dict(_below(group, ()))


def _below(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(words), command
        return
    context = _context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from _below(below, (*words, name))
    if words == ("report",):
        from mnv3gen.cli.report_search import command as searches

        yield "report", searches


def _context(command: click.Command) -> click.Context:
    return click.Context(command, help_option_names=["-h", "--help"])


def options(command: click.Command) -> list[click.Option]:
    return [it for it in command.params if isinstance(it, click.Option)]


def examples(text: str) -> list[str]:
    """The lines that call us, with those that go on behind a backslash."""
    joined = re.sub(r"\\\n\s*", "", text)
    return re.findall(r"^ {2,}mnv3gen (.+)$", joined, re.MULTILINE)


def test_all_are_found() -> None:
    assert {"compile", "logs prune", "search nas", "report", "report paper"} < commands().keys()


@pytest.mark.parametrize("words", commands())
def test_help(words: str) -> None:
    command = commands()[words]
    head, _, own = (command.epilog or "").partition("Examples:")
    assert command.help and not head.lstrip("\b\n ").startswith("mnv3gen")
    assert any(f"{each} ".startswith(f"{words} ") for each in examples(own))
    for option in options(command):
        assert option.help and not option.help.startswith("["), option.name


@pytest.mark.parametrize("words", commands())
def test_json_and_output(words: str) -> None:
    names = {name: option for option in options(commands()[words]) for name in option.opts}
    assert ("--json" in names) == (words not in NO_FIGURES)
    assert ("-o" in names) == ("--output" in names)
    assert names.get("-o") == names.get("--output")


def test_what_is_called_alike_takes_the_same() -> None:
    kinds: dict[str, dict[str, list[str]]] = {}
    for words, command in commands().items():
        for option in options(command):
            kind = "flag" if option.is_flag else option.type.name
            for name in option.opts:
                kinds.setdefault(name, {}).setdefault(kind, []).append(words)
    differ = {name: it for name, it in kinds.items() if len(it) > 1}
    assert differ.keys() <= DIFFERENT.keys(), differ


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_commands_in_the_documentation_have_such_options(page: Path) -> None:
    for line in examples(page.read_text(encoding="utf-8")):
        _check(line)


@pytest.mark.parametrize("words", commands())
def test_commands_in_the_examples_have_such_options(words: str) -> None:
    for line in examples(commands()[words].epilog or ""):
        _check(line)


def _check(line: str) -> None:
    """Parse a command line as click would, but for its values."""
    words = shlex.split(line.split("  ")[0].replace("...", "x"), comments=True)
    words = words[: words.index("|")] if "|" in words else words
    command: click.Command = group
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        below = command.resolve_command(_context(command), words)
        assert below[1] is not None, line
        command, words = below[1], below[2]
    context = _context(command)
    try:
        command.make_parser(context).parse_args(words)
    except click.UsageError as error:
        raise AssertionError(f"{line}: {error.message}") from error
