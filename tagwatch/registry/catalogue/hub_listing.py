"""What pages of Docker Hub's tags API say together: pure, from typed pages to a `Listing`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from tagwatch.image.digest import Digest, is_digest
from tagwatch.image.manifest import INDEX_TYPES, MANIFEST_TYPES
from tagwatch.image.reference import is_tag
from tagwatch.image.snapshot import Scope, TagObservation
from tagwatch.registry.catalogue.newest_first import parse_time
from tagwatch.registry.catalogue.oci import dropped_warning
from tagwatch.registry.interface import Listing
from tagwatch.value import dataclass, field

__all__ = ["Collected", "HubPage", "HubTag", "Watermark"]

_OVERLAP = timedelta(minutes=10)
"""Dates of the Hub's own machines may differ by so much."""


class HubImage(msgspec.Struct):
    """One platform of a tag; attestations are `unknown/unknown`."""

    digest: str | None = None
    architecture: str | None = None


class HubTag(msgspec.Struct):
    """One entry of a page; every field has been seen null."""

    name: str | None = None
    digest: str | None = None
    media_type: str | None = None
    images: list[HubImage] | None = None
    last_updated: str | None = None
    tag_last_pushed: str | None = None
    full_size: int | None = None

    @property
    def served(self) -> Digest | None:
        """The digest of the tag; None where only the registry knows it.

        Tags of old have none. Then a single image's own is the tag's, while several stand in an
        index whose digest is not told.
        """
        if self.digest:
            return Digest(self.digest) if is_digest(self.digest) else None
        images = self.images or []
        if len(images) != 1 or self.media_type in INDEX_TYPES:
            return None
        only = images[0].digest or ""
        return Digest(only) if is_digest(only) and images[0].architecture != "unknown" else None


class HubPage(msgspec.Struct):
    """One page, newest first."""

    count: int | None = None
    next: str | None = None
    results: list[HubTag] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """Until when the last listing reached, and how many tags there were then.

    >>> str(Watermark.parse("2026-11-23T02:00:00+00:00 623"))
    '2026-11-23T02:00:00+00:00 623'
    """

    at: datetime
    count: int

    @classmethod
    def parse(cls, text: str | None) -> Watermark | None:
        """The watermark that `str` wrote; None for anything else."""
        time, _, count = (text or "").partition(" ")
        try:
            at = datetime.fromisoformat(time)
            return cls(at=at, count=int(count)) if at.tzinfo else None
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.at.isoformat()} {self.count}"


@dataclass(slots=True, kw_only=True)
class Collected:
    """The tags read so far. `mark` None: everything is wanted.

    Stopping early is right only where the listing is newest first and adds up: as many tags as
    last time and those that are new. Fewer mean deletions, more a tag that the order hides.
    """

    known: Mapping[str, Digest]
    mark: Watermark | None
    at: datetime
    tags: dict[str, HubTag] = field(default_factory=dict)
    dropped: int = 0
    count: int | None = None
    ended: bool = False
    _newest: datetime | None = None
    _oldest: datetime | None = None
    _is_sorted: bool = True
    _page_is_known: bool = False
    _page_is_short: bool = False

    def add(self, page: HubPage, page_size: int) -> None:
        """Take in the next page."""
        results = page.results or []
        self.ended = not page.next
        self.count = page.count
        self._page_is_known, self._page_is_short = True, len(results) < page_size
        for entry in results:
            if entry.name is None or not is_tag(entry.name):
                self.dropped += 1
                continue
            updated = parse_time(entry.last_updated)
            self._take_date(updated)
            self._page_is_known &= self._is_known(entry, updated)
            self.tags.setdefault(entry.name, entry)

    def end(self) -> None:
        """Take note that the page after the last was not found: a stale `next` after a short one.

        After a whole page that should have had a successor, the listing is cut short.
        """
        self.ended = self._page_is_short or self._missing() == 0

    @property
    def is_enough(self) -> bool:
        """True where no further page can hold what moved since the watermark."""
        mark = self.mark
        if mark is None or not self._is_sorted or self._oldest is None:
            return False
        new = sum(1 for name in self.tags if self._is_new(name))
        adds_up = self.count == mark.count + new
        return adds_up and (self._page_is_known or self._oldest < mark.at - _OVERLAP)

    def listing(self) -> Listing:
        """Everything read, as far as it speaks for the repository."""
        names = set(self.tags)
        served = {name: tag.served for name, tag in self.tags.items()}
        undigested = {name for name, digest in served.items() if digest is None}
        if self.is_enough and not self.ended:
            undigested = {name for name in undigested if self._is_new(name)}
        missing = self._missing() if self.ended else 0
        warnings = dropped_warning(self.dropped)
        if missing:
            # A tag deleted meanwhile moves those behind it to a page that was read already.
            doubted = self.known.keys() - names
            names |= doubted
            undigested |= doubted
            warnings += (f"{missing} tags are counted and not listed: none is taken for deleted",)
        return Listing(
            scope=Scope.FULL if self.ended and not missing else Scope.SINCE,
            names=frozenset(names),
            observations=tuple(
                _observation(tag, digest)
                for name, tag in self.tags.items()
                if (digest := served[name]) is not None
            ),
            undigested=frozenset(undigested),
            watermark=self._watermark(),
            warnings=warnings,
            gap=""
            if self.ended or self.is_enough
            else f"only {len(self.tags)} of {self.count} tags could be listed",
        )

    def _take_date(self, updated: datetime | None) -> None:
        if updated is None:
            return
        self._is_sorted &= self._oldest is None or updated <= self._oldest
        self._oldest = updated
        # A date in the future would hide everything that moves until then.
        if updated <= self.at + _OVERLAP and (self._newest is None or updated > self._newest):
            self._newest = updated

    def _is_known(self, entry: HubTag, updated: datetime | None) -> bool:
        """True where an entry says nothing that was not known at the watermark."""
        if self.mark is None or updated is None or updated > self.mark.at:
            return False
        return entry.served is None or self.known.get(entry.name or "") == entry.served

    def _is_new(self, name: str) -> bool:
        """True for a tag that was not counted at the watermark.

        The digest of an old tag may never have been asked: its date tells.
        """
        tag = self.tags[name]
        updated = parse_time(tag.last_updated)
        since = self.mark is None or updated is None or updated > self.mark.at
        return name not in self.known and (tag.served is not None or since)

    def _missing(self) -> int:
        return max(0, (self.count or 0) - len(self.tags) - self.dropped)

    def _watermark(self) -> str | None:
        if self._newest is None or self.count is None:
            return None
        newest = max(self._newest, self.mark.at) if self.mark else self._newest
        return str(Watermark(at=newest, count=self.count))


def _observation(tag: HubTag, digest: Digest) -> TagObservation:
    known = tag.media_type in INDEX_TYPES | MANIFEST_TYPES  # of old tags it is the config's
    return TagObservation(
        tag=tag.name or "",
        digest=digest,
        media_type=tag.media_type if known else None,
        pushed_at=parse_time(tag.tag_last_pushed) or parse_time(tag.last_updated),
        size=tag.full_size or None,
    )
