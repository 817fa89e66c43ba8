"""Reading a catalogue's pages into a listing: what moved last comes first, and reading may stop.

The watermark is the registry's own time of its newest change, so that no clock of ours counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from tagwatch.errors import HostileAnswerError, RegistryError
from tagwatch.image.digest import Digest, is_digest
from tagwatch.image.manifest import INDEX_TYPES, MANIFEST_TYPES
from tagwatch.image.reference import is_tag
from tagwatch.image.snapshot import Scope, TagObservation
from tagwatch.registry.catalogue.oci import dropped_warning
from tagwatch.registry.interface import Listing
from tagwatch.value import dataclass, field

__all__ = ["Entry", "Page", "endless", "parse_time", "read_newest_first"]

_MAX_PAGES = 1000
_MAX_SIZE = 2**50  # bytes; no image is larger, and the ledger's integers are
_MEDIA_TYPES = INDEX_TYPES | MANIFEST_TYPES
_OVERLAP = timedelta(hours=1)
_BEFORE_REGISTRIES = datetime(2013, 1, 1, tzinfo=UTC)  # Go's zero time and the like are no dates


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A tag as a page lists it, nothing of it checked. `moved_at`: what pages are ordered by.

    None where the registry does not say when: then nothing tells that older pages are unchanged.
    """

    tag: str
    digest: str | None
    moved_at: datetime | None = None
    pushed_at: datetime | None = None
    media_type: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some entries and how to ask for the next; `next` None: this is the last.

    `settled` False: something on the page shows that older pages have changed too.
    """

    entries: tuple[Entry, ...]
    next: str | None = None
    settled: bool = True


async def read_newest_first(
    fetch: Callable[[str | None], Awaitable[Page]],
    *,
    host: str,
    watermark: str | None,
    known: Mapping[str, Digest] | None,
    at: datetime,
    head: Callable[[str], Awaitable[TagObservation | None]],
) -> Listing:
    """The listing that pages make; reading stops an hour before the watermark, or at the end.

    The hour is for changes that were made before the newest and became visible after it. `head`
    confirms that a known tag is gone where several pages were read: what moves between two
    requests may be on neither page. Raises `HostileAnswerError` for pages without an end.
    """
    reading = _Reading(at=at)
    since = parse_time(watermark)
    page = await fetch(None)
    cursors: set[str] = set()
    while True:
        reading.add(page)
        if not page.settled:
            since = None
        if page.next is None:
            if cursors:
                await reading.confirm(known or {}, head)
            return reading.listing(Scope.FULL)
        if since is not None and reading.reaches(since - _OVERLAP):
            return reading.listing(Scope.SINCE)
        if page.next in cursors or len(cursors) >= _MAX_PAGES:
            break
        cursors.add(page.next)
        page = await fetch(page.next)
        if page.entries and page.entries == reading.last:
            break
    raise endless(host, "listing tags")


def endless(host: str, doing: str) -> HostileAnswerError:
    """The error for pages without an end."""
    return HostileAnswerError(
        f"{host}: {doing}: a listing has pages without an end",
        hint="the registry, or a proxy before it, repeats its pages",
    )


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What the pages so far say."""

    at: datetime
    seen: dict[str, TagObservation] = field(default_factory=dict)
    undigested: set[str] = field(default_factory=set)
    dropped: int = 0
    last: tuple[Entry, ...] = ()
    newest: datetime | None = None
    oldest: datetime | None = None
    is_ordered: bool = True

    def add(self, page: Page) -> None:
        """Take a page in; of a tag that is listed twice the first entry is the newer."""
        self.last = page.entries
        for entry in page.entries:
            if not is_tag(entry.tag):
                self.dropped += 1
                continue
            self.note(entry.moved_at)
            if entry.tag in self.seen or entry.tag in self.undigested:
                continue
            if entry.digest is None or not is_digest(entry.digest):
                self.undigested.add(entry.tag)
                continue
            self.seen[entry.tag] = TagObservation(
                tag=entry.tag,
                digest=Digest(entry.digest),
                media_type=entry.media_type if entry.media_type in _MEDIA_TYPES else None,
                pushed_at=entry.pushed_at,
                size=entry.size if 0 <= (entry.size or 0) <= _MAX_SIZE else None,
            )

    def note(self, time: datetime | None) -> None:
        """Follow the order; a server that does not keep it, or tells no times, has none."""
        if time is None or (self.oldest is not None and time > self.oldest):
            self.is_ordered = False
        if time is not None:
            self.newest = max(self.newest or time, time)
            self.oldest = min(self.oldest or time, time)

    def reaches(self, since: datetime) -> bool:
        """True where the pages so far go back beyond `since`, newest first."""
        return self.is_ordered and self.oldest is not None and self.oldest < since

    async def confirm(
        self,
        known: Mapping[str, Digest],
        head: Callable[[str], Awaitable[TagObservation | None]],
    ) -> None:
        """Ask for known tags that no page listed. One HEAD each."""

        async def one(tag: str) -> None:
            try:
                found = await head(tag)
            except RegistryError:
                self.undigested.add(tag)  # listed as such it is not called gone
                return
            if found is not None:
                self.seen[tag] = found

        async with asyncio.TaskGroup() as group:
            for tag in sorted(known.keys() - self.seen.keys() - self.undigested):
                group.create_task(one(tag))

    def listing(self, scope: Scope) -> Listing:
        """The result. A time in the future is no watermark: later changes would lie before it."""
        newest = min(self.newest, self.at) if self.newest is not None else None
        return Listing(
            scope=scope,
            names=frozenset(self.seen) | frozenset(self.undigested),
            observations=tuple(self.seen.values()),
            undigested=frozenset(self.undigested),
            watermark=newest.isoformat() if newest is not None else None,
            warnings=dropped_warning(self.dropped),
        )


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 time as aware UTC; None for what is none, and for zero times.

    >>> parse_time("2018-09-27T23:31:22.3431612Z").isoformat()
    '2018-09-27T23:31:22.343161+00:00'
    """
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time
    try:
        utc = aware.astimezone(UTC)
    except OverflowError:
        return None
    return utc if utc > _BEFORE_REGISTRIES else None
