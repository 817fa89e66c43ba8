"""`tagwatch history`: what a tag was, from the ledger alone."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tagwatch.cli.command import Command, add_answer, add_config
from tagwatch.cli.question import bring
from tagwatch.cli.shell import answer, answer_text, note, open_site
from tagwatch.errors import LedgerError, UsageError

if TYPE_CHECKING:
    from tagwatch.audit.model.history import Interval
    from tagwatch.audit.version.lifecycle import Lifecycle
    from tagwatch.image.reference import Repository
    from tagwatch.walk.import_history import Imported

__all__ = ["command"]

_MANY = 100


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `history`."""
    parser.add_argument(
        "reference",
        metavar="REF",
        nargs="?",
        help="redis:7, redis (every tag), python@sha256:… (which tags), sha256:… (anywhere); "
        "or the word import, to seed the ledger",
    )
    parser.add_argument(
        "images", metavar="IMAGE", nargs="*", help="import only: these (default: all it ever named)"
    )
    parser.add_argument(
        "--library",
        type=Path,
        metavar="DIR",
        help="import from a checkout of docker-library/official-images, with its git history",
    )
    parser.add_argument("--at", metavar="DATE", help="only what it was then: 2026-03-01[T12:00]")
    parser.add_argument(
        "--why", action="store_true", help="tell the reason of each move (json always does)"
    )
    parser.add_argument("--moves", action="store_true", help="only tags that moved")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="only what began last, N lines a repository"
    )
    add_config(parser)
    add_answer(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print what the ledger remembers. Exit code 0, or 1 where that is nothing."""
    from tagwatch.walk.look_up import Asking
    from tagwatch.walk.past import (
        facts_of,
        lifecycle_asked,
        moment_of,
        newest,
        of_moves,
        open_past,
        past_of,
        with_reasons,
    )

    if options.reference is None:
        raise UsageError(
            "nothing says whose history is asked for",
            hint="tagwatch history redis:7, redis or python@sha256:…; `import` seeds the ledger",
        )
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit {options.limit} shows nothing", hint="--limit 20")
    if options.reference == "import":
        return _import(options)
    if options.images:
        raise UsageError(
            f"one reference at a time: {options.images[0]!r}", hint="IMAGE goes with `import`"
        )
    site = open_site(options)
    at = None if options.at is None else moment_of(options.at, site.at)
    bring(site, Asking(offline=True))
    if not site.database.is_file():
        raise LedgerError(
            f"there is no ledger at {str(site.database)!r}",
            hint="`tagwatch scan` or `tagwatch history import` begins one",
        )
    with open_past(site) as ledger:
        found = list(past_of(options.reference, ledger, at))
        count_found = sum(len(intervals) for _, intervals in found)
        if options.moves:
            found = [(repository, of_moves(intervals)) for repository, intervals in found]
        if options.limit:
            found = [(one, newest(intervals, options.limit)) for one, intervals in found]
        origins = {repository: ledger.origin(repository) for repository, _ in found}
        told = {repository: facts_of(repository, ledger, site) for repository, _ in found}
        if options.why or options.format == "json":
            found = list(with_reasons(found, ledger))
        lifecycle = lifecycle_asked(options.reference, ledger, site) if at is None else None
    for said in dict.fromkeys(said for repository, _ in found for said in told[repository]):
        note(f"tagwatch: facts from {said}, of the tags that they are about")
    tell = answer if options.format == "json" else answer_text
    tell(_rendered(found, options.format, lifecycle, origins))
    _tell_left(count_found, sum(len(intervals) for _, intervals in found), options)
    return 0 if count_found else 1


def _tell_left(found: int, shown: int, options: argparse.Namespace) -> None:
    """Say what is not shown, or how to see less or more."""
    if shown < found:
        note(f"tagwatch: {found - shown:,} of {found:,} lines are not shown")
    elif found > _MANY and options.format == "text":
        note(f"tagwatch: {found:,} lines: --moves and --limit N show fewer")
    elif not found and options.format == "text":
        note(
            "tagwatch: `tagwatch scan` remembers what it watches; `tagwatch history import` asks "
            "registries that keep a history, or reads that of official images"
        )


def _import(options: argparse.Namespace) -> int:
    """Seed the ledger from a library checkout, or from what the registries themselves remember."""
    import asyncio

    from tagwatch.image.reference import Repository
    from tagwatch.publish.wording import count
    from tagwatch.walk.import_history import (
        import_from_library,
        import_from_registries,
        library_gap,
    )

    site = open_site(options)
    imported: Iterable[Imported]
    gap = ""
    if options.library is not None:
        imported = import_from_library(options.library, options.images, site)
        gap = library_gap(options.library)
    elif options.images:
        repositories = [Repository.parse(image).identity for image in options.images]
        imported = asyncio.run(import_from_registries(repositories, site))
    else:
        raise UsageError(
            "nothing says what to import", hint="give --library DIR, or the images to ask for"
        )
    failed = False
    for one in imported:
        answer(f"{one.repository}  {count(one.intervals, 'interval')}\n")
        for problem in one.problems:
            note(f"tagwatch: {one.repository}: {problem}")
        failed |= bool(one.problems) and not one.intervals
    if gap:
        note(f"tagwatch: {str(options.library)!r} {gap}")
    return int(failed)


def _rendered(
    found: list[tuple[Repository, tuple[Interval, ...]]],
    form: str,
    lifecycle: Lifecycle | None,
    origins: Mapping[Repository, str],
) -> str:
    if form == "json":
        from tagwatch.publish.machine import dump, histories_document

        return dump(histories_document(found, lifecycle, origins))
    from tagwatch.publish.answer import history_text

    texts = [history_text(*one, lifecycle, origin=origins[one[0]]) for one in found]
    return "".join(texts) or "nothing is remembered of it\n"


command = Command(
    arguments=arguments,
    run=run,
    epilog="exit codes: 0 something is remembered, 1 nothing is",
)
