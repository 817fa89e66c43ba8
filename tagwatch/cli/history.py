"""`tagwatch history`: what a tag was, from the ledger and the installed history bundle."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from tagwatch.cli.command import Command, add_answer, add_config
from tagwatch.cli.question import bring
from tagwatch.cli.shell import answer, answer_text, note, open_site, warn
from tagwatch.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from tagwatch.audit.model.history import Interval
    from tagwatch.audit.version.library_history import LibraryWord
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
        "or the word import, to seed the ledger, or bundle, to make a history bundle",
    )
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="*",
        help="import and bundle only: these (default: all that there are)",
    )
    parser.add_argument(
        "--library",
        type=Path,
        metavar="DIR",
        help="import from a checkout of docker-library/official-images, with its git history; "
        "bundle is made of it",
    )
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="import from a history bundle")
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
    from tagwatch.walk.bundle import open_past
    from tagwatch.walk.look_up import Asking
    from tagwatch.walk.past import (
        facts_of,
        lifecycle_asked,
        moment_of,
        newest,
        of_moves,
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
    if options.reference in ("import", "bundle"):
        return (_import if options.reference == "import" else _bundle)(options)
    if options.images:
        raise UsageError(
            f"one reference at a time: {options.images[0]!r}",
            hint="IMAGE goes with `import` or `bundle`",
        )
    site = open_site(options)
    at = None if options.at is None else moment_of(options.at, site.at)
    bring(site, Asking(offline=True))
    with open_past(site) as past:
        found = list(past_of(options.reference, past, at))
        count_found = sum(len(intervals) for _, intervals in found)
        words = {repository: past.word_of(intervals) for repository, intervals in found}
        if options.moves:
            found = [(repository, of_moves(intervals)) for repository, intervals in found]
        if options.limit:
            found = [(one, newest(intervals, options.limit)) for one, intervals in found]
        origins = {repository: past.origin(repository) for repository, _ in found}
        facts = [said for repository, _ in found for said in facts_of(repository, past, site)]
        if options.why or options.format == "json":
            found = list(with_reasons(found, past))
        lifecycle = lifecycle_asked(options.reference, past, site) if at is None else None
    if past.problem:
        warn(past.problem)
    for said in dict.fromkeys(facts):
        note(f"tagwatch: facts from {said}, of the tags that they are about")
    tell = answer if options.format == "json" else answer_text
    to_now = at is None and "sha256:" not in options.reference
    tell(_rendered(found, options.format, lifecycle, origins, words, to_now=to_now))
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


def _bundle(options: argparse.Namespace) -> int:
    """Write a history bundle, made of a library checkout."""
    from tagwatch.walk.bundle import make_bundle

    if options.library is None:
        raise UsageError(
            "nothing says what to make a history bundle of",
            hint="give --library DIR, a checkout of docker-library/official-images",
        )
    if options.answer_file in (None, "-") and sys.stdout.isatty():
        raise UsageError("a history bundle is no text", hint="give --output FILE")
    raw, lacks = make_bundle(options.library, options.images, open_site(options))
    sys.stdout.buffer.write(raw)
    for lack in lacks:
        note(f"tagwatch: {lack}")
    note(f"tagwatch: {len(raw):,} bytes")
    return 0


def _import(options: argparse.Namespace) -> int:
    """Seed the ledger from a checkout, a bundle, or what the registries themselves remember."""
    import asyncio

    from tagwatch.image.reference import Repository
    from tagwatch.publish.wording import count
    from tagwatch.walk.import_history import (
        import_from_bundle,
        import_from_library,
        import_from_registries,
    )
    from tagwatch.workspace.official_images import library_gap

    site = open_site(options)
    imported: Iterable[Imported]
    gap = ""
    if options.bundle is not None:
        if options.library is not None:
            raise UsageError("two places to import from", hint="give --library or --bundle")
        imported = import_from_bundle(options.bundle, options.images, site)
    elif options.library is not None:
        imported = import_from_library(options.library, options.images, site)
        gap = library_gap(options.library)
    elif options.images:
        repositories = [Repository.parse(image).identity for image in options.images]
        imported = asyncio.run(import_from_registries(repositories, site))
    else:
        raise UsageError(
            "nothing says what to import",
            hint="give --library DIR, --bundle FILE, or the images to ask for",
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
    words: Mapping[Repository, LibraryWord | None],
    *,
    to_now: bool,
) -> str:
    if form == "json":
        from tagwatch.publish.answer_document import histories_document
        from tagwatch.publish.json_text import dump

        return dump(histories_document(found, lifecycle, origins, words))
    from tagwatch.publish.answer import history_text

    texts = [
        history_text(*one, lifecycle, origin=origins[one[0]], word=words[one[0]], to_now=to_now)
        for one in found
    ]
    return "".join(texts) or "nothing is remembered of it\n"


command = Command(
    arguments=arguments,
    run=run,
    epilog="exit codes: 0 something is remembered, 1 nothing is",
)
