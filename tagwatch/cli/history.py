"""`tagwatch history`: what a tag was, from the ledger alone."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

from tagwatch.cli.command import Command, add_config, add_format
from tagwatch.cli.shell import answer, note, open_site
from tagwatch.errors import LedgerError, UsageError
from tagwatch.image.digest import is_digest, parse_digest
from tagwatch.image.reference import Reference, Repository

if TYPE_CHECKING:
    from tagwatch.audit.model.history import Interval
    from tagwatch.audit.version.lifecycle import Lifecycle
    from tagwatch.ledger.read import Reader
    from tagwatch.walk.import_history import Imported

__all__ = ["command"]


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
    add_config(parser)
    add_format(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print what the ledger remembers. Exit code 0, or 1 where that is nothing."""
    from tagwatch.ledger.read import Reader

    if options.reference is None:
        raise UsageError(
            "nothing says whose history is asked for",
            hint="tagwatch history redis:7, redis or python@sha256:…; `import` seeds the ledger",
        )
    if options.reference == "import":
        return _import(options)
    if options.images:
        raise UsageError(
            f"one reference at a time: {options.images[0]!r}", hint="IMAGE goes with `import`"
        )
    site = open_site(options)
    at = None if options.at is None else _moment(options.at, site.at)
    if not site.database.is_file():
        raise LedgerError(
            f"there is no ledger at {str(site.database)!r}",
            hint="`tagwatch scan` or `tagwatch history import` begins one",
        )
    with Reader.open(site.database, site.origins) as ledger:
        found = list(_found(options.reference, ledger, at))
        origins = {repository: ledger.origin(repository) for repository, _ in found}
        lifecycle = _lifecycle(options.reference, ledger) if at is None else None
    answer(_rendered(found, options.format, lifecycle, origins))
    return 0 if any(intervals for _, intervals in found) else 1


def _import(options: argparse.Namespace) -> int:
    """Seed the ledger from a library checkout, or from what the registries themselves remember."""
    import asyncio

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


def _found(
    text: str, ledger: Reader, at: datetime | None
) -> Iterable[tuple[Repository, tuple[Interval, ...]]]:
    """Each repository asked about, with the intervals that answer."""
    from tagwatch.ledger.timeline import served_at

    if is_digest(text):
        homes: dict[Repository, list[Interval]] = {}
        for repository, interval in ledger.tags_of_digest(parse_digest(text)):
            homes.setdefault(repository, []).append(interval)
        for repository, intervals in sorted(homes.items()):
            yield repository, tuple(_held(intervals, at))
        return
    reference = Reference.parse(text).identity
    repository = reference.repository
    if reference.digest is not None:
        pairs = ledger.tags_of_digest(reference.digest, repository)
        own = [one for _, one in pairs if reference.tag in (None, one.tag)]
        yield repository, tuple(_held(own, at))
    elif reference.tag is not None and at is not None:
        held = ledger.at(repository, reference.tag, at)
        yield repository, (held,) if held else ()
    elif at is None:
        yield repository, ledger.intervals(repository, reference.tag)
    else:
        past: dict[str, list[Interval]] = {}
        for interval in ledger.intervals(repository):
            past.setdefault(interval.tag, []).append(interval)
        moments = (served_at(intervals, at) for intervals in past.values())
        yield repository, tuple(one for one in moments if one is not None)


def _held(intervals: Iterable[Interval], at: datetime | None) -> Iterable[Interval]:
    """The intervals that held at a moment; all of them where none is asked for."""
    for interval in intervals:
        begun = at is None or interval.first_seen <= at
        over = at is not None and interval.ended and (interval.ended_at or interval.last_seen) <= at
        if begun and not over:
            yield interval


def _lifecycle(text: str, ledger: Reader) -> Lifecycle | None:
    """How the tag has behaved, where one tag alone is asked for."""
    reference = None if is_digest(text) else Reference.parse(text).identity
    if reference is None or reference.tag is None or reference.digest is not None:
        return None
    from tagwatch.walk.recall import lifecycle_of

    return lifecycle_of(ledger, reference.repository, reference.tag)


def _rendered(
    found: list[tuple[Repository, tuple[Interval, ...]]],
    form: str,
    lifecycle: Lifecycle | None,
    origins: Mapping[Repository, str],
) -> str:
    if form == "json":
        from tagwatch.publish.machine import dump, history_document

        documents = [history_document(*one, lifecycle, origin=origins[one[0]]) for one in found]
        if len(documents) == 1:
            return dump(documents[0])
        return dump({"schema_version": 1, "repositories": documents})
    from tagwatch.publish.answer import history_text

    texts = [history_text(*one, lifecycle, origin=origins[one[0]]) for one in found]
    return "".join(texts) or "nothing is remembered of it\n"


def _moment(text: str, now: datetime) -> datetime:
    """The end of that day or second in UTC, or that moment. Raises `UsageError`.

    Answers give whole seconds: asked for the one at which an interval begins, it is the answer.
    """
    try:
        moment = datetime.fromisoformat(text)
        if len(text) <= len("2026-03-01"):
            moment = datetime.combine(moment.date(), time.max)
        elif not moment.microsecond:
            moment = moment.replace(microsecond=999_999)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"not a date: {text!r}", hint="write 2026-03-01") from error
    if moment.date() > now.date():
        raise UsageError(
            f"{text!r} has not come yet", hint="`tagwatch resolve` tells what a tag is today"
        )
    return moment


command = Command(
    help="what a tag was, with dates and verdicts",
    arguments=arguments,
    run=run,
    epilog="exit codes: 0 something is remembered, 1 nothing is",
)
