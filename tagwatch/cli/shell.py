"""What commands share: the site of a run from flags and machine, and answers on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping

from tagwatch.cli.command import commanding_nothing, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from contextlib import AbstractContextManager
    from typing import IO, Self

    from tagwatch.audit.model.policy import Policy
    from tagwatch.audit.verdict.result import AuditResult
    from tagwatch.cli.progress import Lines, Shown
    from tagwatch.image.snapshot import RepositorySnapshot
    from tagwatch.walk.site import Site

__all__ = [
    "PAINTED",
    "all_made",
    "answer",
    "answer_text",
    "colored",
    "note",
    "open_site",
    "progress_shown",
    "speaking",
    "tell_incomplete",
    "tell_log",
    "warn",
]

_AT_HAND = 1_000_000
"""As many characters of an answer are in memory until all of it is made."""


def open_site(options: argparse.Namespace, *, configured: bool = False) -> Site:
    """The site that the flags and the machine describe; what is odd there is told.

    `configured`: a configuration is needed, and paths are told from its folder. Raises
    `ConfigError`.
    """
    from tagwatch.walk.site import at_configuration  # help needs no site
    from tagwatch.walk.site import open_site as open_site_of

    site = open_site_of(
        config=options.config,
        config_from=options.config_from,
        untrusted=options.untrusted,
        offline=getattr(options, "offline", False),
        shown=getattr(options, "env", ()),
    )
    for warning in site.warnings:
        warn(warning)
    return at_configuration(site) if configured else site


PAINTED = ("text", "compact")
"""The formats that may have colours."""


class _Voice:
    """How this process speaks; see `speaking`."""

    is_quiet = False
    shown: Shown | None = None
    """The line of progress on a terminal, while there is one: what is said takes its place."""


def speaking(options: argparse.Namespace) -> AbstractContextManager[object]:
    """A block in which answers and notes go where the flags of `add_answer` say.

    A file of an answer is there whole when the block ends, or as it was where it raises. Raises
    `InputError` where it cannot be written.
    """
    _Voice.is_quiet = options.quiet
    if options.verbose:
        tell_log("text", "debug")
    if options.answer_file is None:
        from contextlib import nullcontext

        return nullcontext()
    from tagwatch.cli.answer_file import answering_to

    return answering_to(options.answer_file)


def tell_log(form: str, level: str) -> None:
    """Say on standard error what our modules log, line by line; of others only what is wrong."""
    import logging

    from tagwatch.service.log import FORMATS

    handler = logging.StreamHandler()
    handler.setFormatter(FORMATS[form]())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("tagwatch").setLevel(level.upper())


def answer(text: str | Iterable[str], *, commands: bool = False) -> None:
    """The command's answer, on standard output, in UTF-8 whatever the terminal's locale.

    `commands`: it is made of commands to GitHub's runner. In any other no line is one.
    """
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # a text file, always
    parts = (text,) if isinstance(text, str) else text
    sys.stdout.writelines(commanding_nothing(part, own=commands) for part in parts)
    sys.stdout.flush()


def answer_text(text: str, *, flows: bool = False) -> None:
    """An answer for people: on a terminal it is as wide as that. `flows`: see `fit.fitted`."""
    if sys.stdout.isatty():
        from tagwatch.cli.fit import fitted

        try:
            columns = os.get_terminal_size(sys.stdout.fileno()).columns
        except (OSError, ValueError):  # a terminal without a size
            columns = 0
        text = fitted(text, columns or 80, flows=flows)
    answer(text)


def all_made(parts: Iterator[str], at_hand: int = _AT_HAND) -> str | Iterator[str]:
    """Make all parts of an answer, and return it; of a long one, the lines, which wait in a file.

    Nothing of an answer may be printed while a part of it may still turn out not to be made.
    """
    made, length = [], 0
    for part in parts:
        made.append(part)
        length += len(part)
        if length > at_hand:
            return _filed(made, parts)
    return "".join(made)


def _filed(made: Iterable[str], more: Iterable[str]) -> Iterator[str]:
    """Write the parts to a file that nobody else sees, and return its lines."""
    import tempfile  # most answers are short

    file = tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass", newline="\n")  # noqa: SIM115  # it is read later
    try:
        file.writelines(made)
        file.writelines(more)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return _lines(file)


def _lines(file: IO[str]) -> Iterator[str]:
    with file:
        yield from file


def note(text: str) -> None:
    """Progress or summary, on standard error; nothing with `--quiet`."""
    if not _Voice.is_quiet:
        _say(text)


def _say(text: str) -> None:
    if _Voice.shown is not None:
        _Voice.shown.clear()
    sys.stderr.write(plain(text) + "\n")


def warn(text: str) -> None:
    """Something odd that keeps nothing from working, on standard error."""
    _say(f"tagwatch: warning: {text}")


def tell_incomplete(result: AuditResult, policy: Policy, code: int) -> None:
    """Say on standard error why the run fails as incomplete, or would if it did not by findings."""
    if result.complete or policy.on_unavailable != "fail":
        return
    if code == 1:
        note("tagwatch: the run is also incomplete: some facts could not be read")
    else:
        note("tagwatch: some facts could not be read, and the policy says `on_unavailable: fail`")


def colored(when: str, environment: Mapping[str, str]) -> bool:
    """True where colours are wanted. `when`: what `--color` says.

    `auto`: on a terminal, unless `NO_COLOR` or a dumb one.
    """
    if when != "auto":
        return when == "always"
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty() or bool(environment.get("FORCE_COLOR"))


def progress_shown(
    environment: Mapping[str, str],
    *,
    is_shown: bool = True,
    also: Callable[[RepositorySnapshot], None] | None = None,
) -> _Progress:
    """What gives, for a block, what is to be told each snapshot, and how many there will be.

    A terminal shows a line that leaves nothing behind, anything else gets one now and then; none
    with `--quiet`. `also` is told each snapshot, too.
    """
    is_terminal = sys.stderr.isatty() and environment.get("TERM") != "dumb"
    return _Progress(
        is_shown=is_shown and not _Voice.is_quiet,
        is_terminal=is_terminal,
        colored=not environment.get("NO_COLOR"),
        also=also,
    )


class _Progress:
    """How far a run is. What shows it is imported when a registry is asked."""

    def __init__(
        self,
        *,
        is_shown: bool,
        is_terminal: bool,
        colored: bool,
        also: Callable[[RepositorySnapshot], None] | None,
    ) -> None:
        self._is_shown = is_shown
        self._is_terminal = is_terminal
        self._colored = colored
        self._also = also
        self._shown: Lines | Shown | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown is not None:
            self._shown.end()
        _Voice.shown = None

    def expect(self, repositories: int) -> None:
        """See `walk.ask.Expecting`."""
        if not self._is_shown:
            return
        if self._shown is None:
            from tagwatch.cli.progress import Lines, Shown

            if self._is_terminal:
                self._shown = _Voice.shown = Shown(colored=self._colored)
            else:
                self._shown = Lines(_say)
        self._shown.expect(repositories)

    def __call__(self, snapshot: RepositorySnapshot) -> None:
        if self._also is not None:
            self._also(snapshot)
        if self._shown is not None:
            self._shown(snapshot)
