"""What a command is: its arguments and what it runs; one file a command holds one of these."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from tagwatch.errors import UsageError
from tagwatch.member import load_member
from tagwatch.value import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = [
    "Command",
    "add_answer",
    "add_build_args",
    "add_choice",
    "add_config",
    "add_shown",
    "add_wait_lock",
    "build_args_of",
    "commanding_nothing",
    "help_width",
    "load",
    "plain",
]


_WAIT_SECONDS = 600.0
_LONGEST_WAIT = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`run` returns the exit code; `TagwatchError`s it raises are shown by `main`."""

    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    epilog: str = ""
    help: str = ""
    """What a command of another package is for; ours say it in `family.COMMAND_HELP`."""


def load(name: str) -> Command:
    """The command of that name. Only its own module is imported."""
    command: Command = load_member("commands", name)
    return command


def help_width() -> int:
    """Return how many columns help has. Told no width, argparse loads `shutil` to find it."""
    columns = os.environ.get("COLUMNS", "")
    if not columns.isdecimal() or columns == "0":
        try:
            columns = str(os.get_terminal_size().columns or 80)
        except (OSError, ValueError):  # no terminal, or no standard output at all
            columns = "80"
    return int(columns) - 2


def add_config(parser: argparse.ArgumentParser, *, default: str | None = None) -> None:
    """`--config`, the same for every command that reads the configuration.

    `default`: `argparse.SUPPRESS` for an action of a command that takes the flag itself.
    """
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=default,
        help="your word for one configuration, '' for none (default: $TAGWATCH_CONFIG, else your "
        "own file and the repository's)",
    )
    parser.add_argument(
        "--config-from",
        metavar="REV",
        default=default,
        help="configuration and policy as this commit or branch has them, for pull requests",
    )
    parser.add_argument(
        "--untrusted",
        action="store_true",
        default=default or False,
        help="the tree is a stranger's: its configuration and ignores do not count, and only "
        "hosts that your own file names get a login",
    )


def add_shown(parser: argparse.ArgumentParser) -> None:
    """`--env`, the same for every command that reads files."""
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME",
        help="references may hold this variable's value, which is sent to the registry; * for any "
        "text: CI_COMMIT_*",
    )


def add_choice(parser: argparse.ArgumentParser) -> None:
    """`--fail-on`, `--select` and `--ignore`: what this run asks, whatever the policy says."""
    parser.add_argument(
        "--fail-on",
        choices=("error", "warning", "note", "never"),
        help="the lowest severity that fails the run (default: the policy's fail_on)",
    )
    parser.add_argument(
        "--select",
        action="append",
        default=[],
        metavar="RULE,…",
        help="only what these rules say, and what could not be checked",
    )
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="RULE,…", help="not what these rules say"
    )


def add_answer(parser: argparse.ArgumentParser, *formats: str) -> None:
    """How a command answers, the same for each that does; the first of its formats is the default.

    See `shell.speaking`.
    """
    parser.add_argument(
        "--format", choices=formats, default=formats[0], help=f"default: {formats[0]}"
    )
    parser.add_argument(
        "--output",
        dest="answer_file",
        metavar="FILE",
        help="write the answer to FILE, whole or not at all (default: standard output)",
    )
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="default: auto, on a terminal and without NO_COLOR",
    )
    parser.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="no progress and no summary; a check that passes prints no text",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="say each request as it is answered"
    )


def add_wait_lock(parser: argparse.ArgumentParser) -> None:
    """`--wait-lock`, for commands that work only while no scan of the project does."""
    parser.add_argument(
        "--wait-lock",
        type=_wait_seconds,
        default=_WAIT_SECONDS,
        metavar="SECONDS",
        help="wait so long for another scan of this project (default: 600)",
    )


def _wait_seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= _LONGEST_WAIT:  # `nan` would wait for ever
        raise ValueError(text)
    return seconds


def plain(text: str) -> str:
    """`text` without control and bidirectional characters: it may come from a registry.

    Passwords in addresses are masked, too: people write them into configurations.
    """
    if "@" in text:
        from tagwatch.image.reference import without_userinfo  # few lines have an address

        text = without_userinfo(text)
    clean = "".join(
        char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}" for char in text
    )
    return commanding_nothing(clean)


def commanding_nothing(text: str, *, own: bool = False) -> str:
    """`text` in which no line is a command to what runs a workflow and reads our output.

    GitHub takes a line that begins with `::`, blanks before it or not, and like Azure Pipelines and
    TeamCity a `##[…]`, `##vso[…]` or `##teamcity[…]` anywhere. `own`: lines of `::` are our own.
    """
    if not ("##" in text or ("::" in text and not own)):
        return text
    import re  # `--version` and `--help` have no use for it

    if "::" in text and not own:
        text = re.sub(r"(?m)^(\s*):(?=:)", r"\1: ", text)
    return re.sub(r"#(?=#(?:vso|teamcity)?\[)", "# ", text)


def add_build_args(parser: argparse.ArgumentParser) -> None:
    """The flag, repeatable."""
    parser.add_argument(
        "--build-arg", action="append", default=[], metavar="NAME=VALUE", help="as docker build"
    )


def build_args_of(given: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` pairs; `NAME` alone takes its value from the environment, as docker does.

    Raises `UsageError`.
    """
    arguments = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name:
            raise UsageError(f"not a build argument: {text!r}", hint="write --build-arg NAME=VALUE")
        if equals:
            arguments[name] = value
        elif name in os.environ:
            arguments[name] = os.environ[name]
    return arguments
