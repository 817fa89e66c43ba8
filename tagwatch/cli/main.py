"""The entry point: finds the command by name, imports only that, shows errors as people read them.

Only what every command needs is imported here: the start-up of `check` is counted in
milliseconds.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from tagwatch import __version__
from tagwatch.cli.command import Command, plain
from tagwatch.errors import TagwatchError, UsageError
from tagwatch.family import COMMANDS
from tagwatch.member import brought_members, load_member, place_of

__all__ = ["entry", "load", "main", "parser_for"]

_EXIT_CODES = """\
exit codes of check and scan: 0 clean, 1 findings at or above fail_on, 2 usage or configuration
error, 3 nothing to read among the paths named, 4 incomplete where the policy says fail.
`tagwatch COMMAND --help` tells the rest."""


def entry() -> NoReturn:
    """The program: `main`, and an end without ceremony.

    What a short command makes is kept to its end anyway: collecting it on the way, and taking the
    interpreter apart piece by piece, cost as much as starting it (measured 2026-11-24).
    """
    gc.set_threshold(20_000)
    code = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # whoever read it has gone
        code = code or 141
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else ""
    try:
        if name.startswith("-") or not name or place_of("commands", name) is None:
            return _no_command(arguments)
        command = load(name)
        return command.run(_parsed(parser_for(name, command), arguments[1:]))
    except TagwatchError as error:
        show(error)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("tagwatch: interrupted\n")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except Exception as error:  # noqa: BLE001  # the last resort: a bug is told, not dumped
        return _bug(error)


def show(error: TagwatchError) -> None:
    """One clear error on standard error: what, and what to do."""
    sys.stderr.write(f"tagwatch: error: {plain(error.message)}\n")
    if error.hint:
        sys.stderr.write(f"  hint: {plain(error.hint)}\n")


def _bug(error: Exception) -> int:
    """An error nobody foresaw: one line, and the trace only where it is asked for."""
    if os.environ.get("TAGWATCH_DEBUG"):
        raise error
    kind = type(error).__name__
    sys.stderr.write(f"tagwatch: internal error: {kind}: {plain(str(error))[:300]}\n")
    sys.stderr.write(
        "  hint: this is a bug: please report it with the output of TAGWATCH_DEBUG=1\n"
    )
    return 2


def load(name: str) -> Command:
    """The command of that name. Only its own module is imported."""
    command: Command = load_member("commands", name)
    return command


def _parsed(parser: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    """The options. Flags may stand between arguments, too: `check a --offline b`."""
    options, rest = parser.parse_known_args(arguments)
    if not rest:
        return options
    if any(action.nargs == argparse.PARSER for action in parser._actions):  # noqa: SLF001  # its only way to tell
        return parser.parse_args(arguments)
    return parser.parse_intermixed_args(arguments)


def parser_for(name: str, command: Command) -> argparse.ArgumentParser:
    """The parser of one command."""
    parser = _Parser(
        prog=f"tagwatch {name}",
        description=command.help,
        epilog=command.epilog or None,
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    command.arguments(parser)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser whose errors read as all others: what is wrong, and what to do."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`. A flag that is not known brings the nearest that is."""
        hint = f"`{self.prog} --help` shows what can be written"
        unknown, _, text = message.partition("unrecognized arguments: ")
        if text and not unknown:
            from difflib import get_close_matches

            wrong = text.split()[0].partition("=")[0]
            flags = [flag for action in self._actions for flag in action.option_strings]
            near = get_close_matches(wrong, flags, n=1) if wrong.startswith("--") else []
            hint = f"did you mean {near[0]!r}?" if near else hint
        message = message.replace("ignored explicit argument", "it does not take")
        raise UsageError(message, hint=hint)


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Help as wide as the terminal. Told no width, argparse loads `shutil` to find it."""
    columns = os.environ.get("COLUMNS", "")
    if not columns.isdecimal() or columns == "0":
        try:
            columns = str(os.get_terminal_size().columns or 80)
        except (OSError, ValueError):  # no terminal, or no standard output at all
            columns = "80"
    return argparse.RawDescriptionHelpFormatter(prog, width=int(columns) - 2)


def _no_command(arguments: list[str]) -> int:
    """`--help`, `--version`, or a name that is none."""
    parser = _Parser(
        prog="tagwatch",
        usage="tagwatch COMMAND [OPTION…] [ARGUMENT…]",
        description="What every image tag is, what it was, why it moved, and what to do.",
        epilog=_EXIT_CODES,
        formatter_class=_formatter,
    )
    parser.add_argument("--version", action="version", version=f"tagwatch {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    if not arguments or arguments[0] in ("-h", "--help"):
        for name in (*COMMANDS, *brought_members("commands")):
            commands.add_parser(name, help=load(name).help)
        parser.print_help()
        return 0 if arguments else 2
    if arguments[0] == "--version":
        parser.parse_args(arguments[:1])
    if arguments[0].startswith("-"):
        raise UsageError(
            f"no command stands before {arguments[0]!r}",
            hint="flags follow the command's name: `tagwatch check --offline`",
        )
    from difflib import get_close_matches

    near = get_close_matches(arguments[0], COMMANDS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "tagwatch --help lists the commands"
    raise UsageError(f"no command {arguments[0]!r}", hint=hint)
