"""`tagwatch trust`: take a tree's configuration as the operator's word, once it was looked at."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagwatch.cli.command import Command, add_answer, plain
from tagwatch.cli.shell import answer, note
from tagwatch.errors import UsageError

if TYPE_CHECKING:
    from tagwatch.walk.trusting import Look

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `trust`."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="a tree's tagwatch.yaml (default: the one at the repository's root)",
    )
    parser.add_argument(
        "--digest",
        metavar="SHA256",
        help="do not ask, but trust it only if this is the digest of what was looked at",
    )
    parser.add_argument("--list", action="store_true", help="what is trusted, and since when")
    parser.add_argument("--revoke", metavar="FILE", help="trust this file no longer")
    add_answer(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Show what the file says, ask, and remember. Exit code 1 where the answer is no."""
    from datetime import UTC, datetime

    from tagwatch.config.trust import read_trust, revoke
    from tagwatch.walk.trusting import look_at, remember, store_of

    store = store_of(os.environ)
    if options.list:
        trusted = read_trust(store)
        if options.format == "json":
            _answer_document({"path": path, **one} for path, one in trusted.items())
            return 0
        lines = [f"{path}  since {one.get('since')}" for path, one in trusted.items()]
        answer("".join(f"{line}\n" for line in lines) or "nothing is trusted\n")
        return 0
    if options.revoke is not None:
        real = os.path.realpath(options.revoke)
        if not revoke(store, real):
            raise UsageError(f"{real!r} is not trusted", hint="`tagwatch trust --list` shows all")
        answer(f"no longer trusted: {real}\n")
        return 0
    look = look_at(options.file, Path.cwd(), os.environ)
    if options.format == "json":  # programs look; only people agree
        known = read_trust(store).get(look.path, {})
        since = known.get("since") if known.get("digest") == look.digest else None
        says = [sentence for sentence, _ in look.says]
        _answer_document([{"path": look.path, "digest": look.digest, "since": since, "says": says}])
        return 0 if since or not says else 1
    _show(look)
    if not look.says:
        return 0
    if not _is_agreed(look, options.digest):
        note("tagwatch: not trusted")
        return 1
    remember(look, store, datetime.now(UTC))
    answer(f"trusted until a byte of it changes: {look.path}\n")
    return 0


def _answer_document(files: Iterable[Mapping[str, Any]]) -> None:
    from tagwatch.publish.json_text import dump

    keys = ("path", "digest", "since", "says")
    shown = [{key: one.get(key) for key in keys} for one in files]
    answer(dump({"schema_version": 1, "files": shown}))


def _show(look: Look) -> None:
    """What would be trusted, key by key: nobody agrees to what was not shown."""
    if not look.says:
        answer(f"{look.path} says nothing that only an operator may say: no trust is needed\n")
        return
    said = "".join(f"  {plain(one)}\n      {plain(value)}\n" for one, value in look.says)
    answer(f"{look.path} says what only an operator may say:\n{said}digest: {look.digest}\n")


def _is_agreed(look: Look, digest: str | None) -> bool:
    """True where the user types yes, or gave the digest. Raises `UsageError` without a terminal."""
    if digest is not None:
        if digest.removeprefix("sha256:") != look.digest:
            raise UsageError("this is not the digest of the file as it stands", hint="look again")
        return True
    if not sys.stdin.isatty():
        raise UsageError(
            "trust is a person's decision, and nobody sits here",
            hint="run it in a terminal, or add --digest with the digest that was shown there",
        )
    sys.stderr.write("take all of this as your own word? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


command = Command(
    arguments=arguments,
    run=run,
    epilog="Trust goes by the file's real path and the contents of every file of the tree that it\n"
    "names: when one changes, it is asked for again. A copy elsewhere is another file.",
)
