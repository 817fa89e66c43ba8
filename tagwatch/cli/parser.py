"""What argparse is asked: lines that are not plain, help, and what is wrong with a line."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from tagwatch.cli.command import Command, load
from tagwatch.errors import UsageError
from tagwatch.family import COMMAND_HELP, COMMANDS
from tagwatch.member import brought_members, place_of

__all__ = ["no_command", "parsed", "parser_for"]

_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")
_EXIT_CODES = """\
exit codes of check and scan: 0 clean, 1 findings at or above fail_on, 2 usage or configuration
error, 3 nothing to read among the paths named, 4 incomplete where the policy says fail, 5 the
environment failed.
`tagwatch help COMMAND` tells the rest."""


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
    """Help as wide as the terminal. Told no width, argparse loads `shutil` to find it."""
    columns = os.environ.get("COLUMNS", "")
    if not columns.isdecimal() or columns == "0":
        try:
            columns = str(os.get_terminal_size().columns or 80)
        except (OSError, ValueError):  # no terminal, or no standard output at all
            columns = "80"
    return argparse.RawDescriptionHelpFormatter(prog, width=int(columns) - 2)


def no_command(arguments: list[str]) -> int:
    """`--help`, or a name that is none."""
    parser = _Parser(
        prog="tagwatch",
        usage="tagwatch COMMAND [OPTION…] [ARGUMENT…]",
        description="What every image tag is, what it was, why it moved, and what to do.",
        epilog=_EXIT_CODES,
    )
    if arguments[:1] == ["help"]:
        return _help(arguments[1:])
    parser.add_argument(
        "--version", action="version", help="show program's version number and exit"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND […]", dest="command")
    if not arguments or arguments[0] in ("-h", "--help"):
        brought = {name: load(name).help for name in brought_members("commands")}
        for name, text in (COMMAND_HELP | brought).items():
            commands.add_parser(name, help=text)
        parser.print_help()
        return 0 if arguments else 2
    raise _not_a_command(arguments[0])


def _help(arguments: list[str]) -> int:
    """`help COMMAND` is `COMMAND --help`. Raises `UsageError` where there is no such command."""
    if not arguments:
        return no_command(["--help"])
    if place_of("commands", arguments[0]) is None:
        raise _not_a_command(arguments[0])
    parser_for(arguments[0], load(arguments[0])).print_help()
    return 0


def _not_a_command(word: str) -> UsageError:
    """The error of a word where a command stands."""
    if word.startswith("-"):
        return UsageError(
            f"no command stands before {word!r}",
            hint="flags follow the command's name: `tagwatch check --offline`",
        )
    from difflib import get_close_matches

    near = get_close_matches(word, COMMANDS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "tagwatch --help lists the commands"
    if not near and os.path.exists(word):  # noqa: PTH110  # `pathlib` is not loaded here
        hint = f"did you mean `tagwatch check {word}`?"
    return UsageError(f"no command {word!r}", hint=hint)
