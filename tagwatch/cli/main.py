"""The entry point: finds the command by name, imports only that, shows errors as people read them.

Only what every command needs is imported here: the start-up of `check` is counted in
milliseconds.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

import tagwatch
from tagwatch.cli.command import load, plain
from tagwatch.cli.plain_line import plain_options
from tagwatch.errors import OutputError, TagwatchError, UsageError, is_of_the_disk
from tagwatch.member import place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["entry", "main"]

_ROOM = "make room where the output and temporary files go"


def entry() -> NoReturn:
    """The program: `main`, and an end without ceremony.

    What a short command makes is kept to its end anyway: collecting it on the way, and taking the
    interpreter apart piece by piece, cost as much as starting it (measured 2026-11-24).
    """
    gc.set_threshold(50_000)
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
        if name == "--version":
            sys.stdout.write(f"tagwatch {tagwatch.__version__}\n")
            return 0
        if name.startswith("-") or not name or place_of("commands", name) is None:
            from tagwatch.cli.overview import no_command

            return no_command(arguments)
        _refuse_names(arguments[1:])
        command = load(name)
        options = plain_options(command.arguments, arguments[1:])
        if options is None:
            from tagwatch.cli.parser import parsed

            options = parsed(name, command, arguments[1:])
        if not any(getattr(options, flag, None) for flag in ("answer_file", "quiet", "verbose")):
            return command.run(options)
        from tagwatch.cli.shell import speaking

        with speaking(options):
            return command.run(options)
    except TagwatchError as error:
        show(error)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("tagwatch: interrupted\n")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except OSError as error:
        if not is_of_the_disk(error):
            return _bug(error)
        show(OutputError(f"what was to be written could not be: {error.strerror}", hint=_ROOM))
        return OutputError.exit_code
    except Exception as error:  # noqa: BLE001  # the last resort: a bug is told, not dumped
        return _bug(error)


def _refuse_names(words: Sequence[str]) -> None:
    """Raise `UsageError` for a name of a file that reads as a flag.

    A hook gets the names of a tree's files as arguments, and whoever made the tree chose them: a
    file named `--config=x` would speak for the user.
    """
    for word in words:
        if word.startswith("-") and word not in ("-", "--") and os.path.lexists(word):
            raise UsageError(
                f"{word!r} is a file here, and reads as a flag", hint=f"name it ./{word}"
            )


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
