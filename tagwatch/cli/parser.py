"""What argparse is asked: lines that are not plain, their help, and what is wrong with a line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from tagwatch.cli.command import Command, help_width
from tagwatch.errors import UsageError
from tagwatch.family import COMMAND_HELP

__all__ = ["parsed", "parser_for"]

_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")


def parsed(name: str, command: Command, line: Sequence[str]) -> argparse.Namespace:
    """The options. Flags may stand between arguments, too: `check a --offline b`."""
    parser = parser_for(name, command)
    options, rest = parser.parse_known_args(line)
    if not rest:
        return options
    if any(action.nargs == argparse.PARSER for action in parser._actions):  # noqa: SLF001  # its only way to tell
        return parser.parse_args(line)
    return parser.parse_intermixed_args(line)


def parser_for(name: str, command: Command) -> argparse.ArgumentParser:
    """The parser of one command."""
    parser = _Parser(
        prog=f"tagwatch {name}",
        description=COMMAND_HELP.get(name) or command.help,
        epilog=command.epilog or None,
        allow_abbrev=False,
    )
    command.arguments(parser)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser whose errors read as all others: what is wrong, and what to do."""

    def __init__(self, **said: Any) -> None:
        # Parsers of actions are made by argparse itself, with its own formatter if none is named.
        super().__init__(**{"formatter_class": _formatter, **said})

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`. A flag that is not known brings the nearest that is."""
        unknown, _, text = message.partition("unrecognized arguments: ")
        wrong, near = "", ""
        if text and not unknown:
            wrong = text.split()[0].partition("=")[0]
            near = _nearest(wrong, [one for flag in self._actions for one in flag.option_strings])
        elif chosen := _CHOICE.search(message):
            near = _nearest(chosen[1], re.findall(r"[^', ]+", chosen[2]))
        hint = f"`{self.prog} --help` shows what can be written"
        if near:
            hint = f"did you mean {near!r}?"
        elif self.prog == "tagwatch scan" and wrong and not wrong.startswith("-"):
            hint = f"a scan reads what `sources:` names; `tagwatch check {wrong}` reads a file"
        message = message.replace("ignored explicit argument", "it does not take")
        raise UsageError(message, hint=hint)


def _nearest(wrong: str, known: Sequence[str]) -> str:
    """The one that may have been meant; of a flag in one letter, the one that begins with it."""
    from difflib import get_close_matches

    if wrong[:1] == "-" and wrong[:2] != "--":
        begun = [flag for flag in known if flag.startswith(f"-{wrong[:2]}")]
        return begun[0] if wrong[1:2] and begun else ""
    return next(iter(get_close_matches(wrong, known, n=1, cutoff=0.7)), "")


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Return what lays help out, as wide as the terminal."""
    return argparse.RawDescriptionHelpFormatter(prog, width=help_width())
