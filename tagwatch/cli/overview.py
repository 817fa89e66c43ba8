"""The program as a whole: what `tagwatch --help` says, and words that are no command.

The list of commands is known without a parser. argparse would take as long to import as Python
takes to start; it is loaded for the flags of one command only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from tagwatch.cli.command import help_width, load
from tagwatch.errors import UsageError
from tagwatch.family import COMMAND_HELP, COMMANDS
from tagwatch.member import brought_members, place_of

__all__ = ["no_command"]

_HEAD = """\
usage: tagwatch COMMAND [OPTION…] [ARGUMENT…]

What every image tag is, what it was, why it moved, and what to do.

options:
  -h, --help   show this help message and exit
  --version    show program's version number and exit

commands:
  COMMAND […]
"""
_EXIT_CODES = """
exit codes of check and scan: 0 clean, 1 findings at or above fail_on, 2 usage or configuration
error, 3 nothing to read among the paths named, 4 incomplete where the policy says fail, 5 the
environment failed.
`tagwatch help COMMAND` tells the rest.
"""
_LEAST = 11
"""However narrow the terminal is, a line of help has so many columns."""


def no_command(arguments: list[str]) -> int:
    """Answer a line that begins with no command: print help, or raise `UsageError`."""
    word = arguments[0] if arguments else ""
    if word == "help" and len(arguments) > 1:
        return _help_of(arguments[1])
    if word not in ("", "-h", "--help", "help"):
        raise _not_a_command(word)
    brought = {name: load(name).help for name in brought_members("commands")}
    rows = _rows(COMMAND_HELP | brought, help_width())
    sys.stdout.write("".join((_HEAD, *rows, _EXIT_CODES)))
    return 0 if arguments else 2


def _rows(commands: dict[str, str], width: int) -> Iterator[str]:
    """Yield the lines of the commands, each with what it is for beside it."""
    column = max(map(len, commands)) + 6
    for name, text in commands.items():
        line = f"    {name}".ljust(column)
        is_begun = False
        for word in text.split():
            if is_begun and len(line) + 1 + len(word) > max(width, column + _LEAST):
                yield f"{line}\n"
                line, is_begun = " " * column, False
            line += f" {word}" if is_begun else word
            is_begun = True
        yield f"{line.rstrip()}\n"


def _help_of(name: str) -> int:
    """Print what `COMMAND --help` prints. Raises `UsageError` where there is no such command."""
    if place_of("commands", name) is None:
        raise _not_a_command(name)
    from tagwatch.cli.parser import parser_for

    parser_for(name, load(name)).print_help()
    return 0


def _not_a_command(word: str) -> UsageError:
    """Return the error of a word where a command stands."""
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
