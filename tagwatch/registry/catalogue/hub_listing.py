"""What pages of Docker Hub's tags API say together: pure, from typed pages to a `Listing`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from tagwatch.image.digest import Digest, is_digest
from tagwatch.image.manifest import INDEX_TYPES, MANIFEST_TYPES
from tagwatch.image.reference import is_tag
from tagwatch.image.snapshot import Scope, TagObservation
from tagwatch.registry.catalogue.newest_first import parse_time
from tagwatch.registry.catalogue.oci import dropped_warning
from tagwatch.registry.interface import Listing
from tagwatch.value import dataclass, field, replace

__all__ = ["Collected", "Cut", "HubPage", "HubTag", "Watermark", "login_gap"]

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


class Cut(StrEnum):
    """Why a listing ended before its last tag."""

    LOGIN = "login"
    """Since 2026-08-11 nobody pages beyond some offset without a login (1,000, later 500)."""
    REFUSED = "refused"
    """The same, although there is a login."""
    SIZE = "size"
    """There are more pages than are read of any repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """Until when the last listing reached, and how many tags there were then.

    `cut`: that only so many of them, the newest, were listed, and `why`; 0: all were.

    >>> str(Watermark.parse("2026-11-23T02:00:00+00:00 623"))
    '2026-11-23T02:00:00+00:00 623'
    >>> str(Watermark.parse("2026-11-23T02:00:00+00:00 3974 1000 login"))
    '2026-11-23T02:00:00+00:00 3974 1000 login'
    """

    at: datetime
    count: int
    cut: int = 0
    why: Cut = Cut.LOGIN

    @classmethod
    def parse(cls, text: str | None) -> Watermark | None:
        """The watermark that `str` wrote; None for anything else."""
        match (text or "").split(" "):
            case [time, count]:
                cut, why = "0", Cut.LOGIN.value
            case [time, count, cut, why]:
                pass
            case _:
                return None
        try:
            at = datetime.fromisoformat(time)
            mark = cls(at=at, count=int(count), cut=int(cut), why=Cut(why))
        except ValueError:
            return None
        return mark if at.tzinfo else None

    def __str__(self) -> str:
        whole = f"{self.at.isoformat()} {self.count}"
        return f"{whole} {self.cut} {self.why}" if self.cut else whole


@dataclass(slots=True, kw_only=True)
class Collected:
    """The tags read so far. `mark` None, or `sweep`: everything is wanted.

    Stopping early is right only where the listing is newest first and adds up: as many tags as
    last time and those that are new. Fewer mean deletions, more a tag that the order hides.
    `listed`: tags that are known by name alone, and so not new.
    """

    known: Mapping[str, Digest]
    mark: Watermark | None
    at: datetime
    listed: frozenset[str] = frozenset()
    sweep: bool = False
    pages: int = 0
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
        self.pages += 1
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
            entry.digest, entry.images = entry.served, None  # a dozen platforms for each tag
            self.tags.setdefault(entry.name, entry)

    def end(self) -> None:
        """Take note that the page after the last was not found: a stale `next` after a short one.

        After a whole page that should have had a successor, the listing is cut short.
        """
        self.ended = self._page_is_short or self._missing() == 0

    @property
    def is_enough(self) -> bool:
        """True where no further page can hold what moved since the watermark."""
        return not self.sweep and self.holds and self._adds_up

    @property
    def lacks_names(self) -> bool:
        """True where the count says that tags came or went which no page would show.

        More pages of a listing that is cut off cannot tell which; a list of all names can.
        """
        is_cut = self.mark is not None and self.mark.cut > 0
        return is_cut and not self.ended and not self.sweep and self.holds and not self._adds_up

    @property
    def holds(self) -> bool:
        """True where everything that moved since the watermark is on the pages read."""
        mark = self.mark
        if mark is None or not self._is_sorted or self._oldest is None:
            return False
        return self._page_is_known or self._oldest < mark.at - _OVERLAP

    @property
    def _adds_up(self) -> bool:
        new = sum(1 for name in self.tags if self._is_new(name))
        return self.mark is not None and self.count == self.mark.count + new

    def listing(self) -> Listing:
        """Everything read, as far as it speaks for the repository."""
        names = set(self.tags)
        served = self._served()
        undigested = {name for name, digest in served.items() if digest is None}
        if self.is_enough and not self.ended:
            undigested = {name for name in undigested if self._is_late(name)}
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
            observations=self._observations(served),
            undigested=frozenset(undigested),
            watermark=self._watermark(self.mark) if not self.ended else self._watermark(),
            warnings=warnings,
            unseen=_unseen(self.mark.cut, self.mark.why) if self.mark and not self.ended else "",
            gap=""
            if self.ended or self.is_enough
            else f"only {len(self.tags)} of {self.count} tags could be listed",
        )

    def cut_listing(self, every: frozenset[str], why: Cut | None) -> Listing:
        """What was read of a listing that goes no further, with the names of all tags.

        `why` None: for the reason that cut off the listing before it.
        """
        cut = self.mark if why is None and self.mark is not None else None
        number, reason = (cut.cut, cut.why) if cut else (len(self.tags), why or Cut.LOGIN)
        served = self._served()
        names = every.union(self.tags)
        untold = {name for name in names if served.get(name) is None}
        if self.holds:
            untold = {name for name in untold if name not in self.known or self._is_late(name)}
        mark = Watermark(at=self.at, count=0, cut=number, why=reason)
        return Listing(
            scope=Scope.NEWEST,
            names=frozenset(names),
            observations=self._observations(served),
            undigested=frozenset(untold),
            watermark=self._watermark(mark),
            warnings=dropped_warning(self.dropped),
            unseen=_unseen(number, reason),
            holds=self.holds,
        )

    def _served(self) -> dict[str, Digest | None]:
        """The digest of each tag read; of old ones that have none, what they were asked for.

        A tag that was not pushed since serves what it served then.
        """
        served = {name: tag.served for name, tag in self.tags.items()}
        if self.mark is not None and not self.sweep:
            for name, digest in served.items():
                if digest is None and not self._is_late(name):
                    served[name] = self.known.get(name)
        return served

    def _observations(self, served: Mapping[str, Digest | None]) -> tuple[TagObservation, ...]:
        return tuple(
            _observation(tag, digest)
            for name, tag in self.tags.items()
            if (digest := served[name]) is not None
        )

    def _is_late(self, name: str) -> bool:
        """True for a tag on the pages that may have been pushed after the watermark."""
        tag = self.tags.get(name)
        if tag is None:
            return False
        updated = parse_time(tag.last_updated)
        return self.mark is None or updated is None or updated > self.mark.at

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
        if name in self.known or name in self.listed:
            return False
        return self.tags[name].served is not None or self._is_late(name)

    def _missing(self) -> int:
        return max(0, (self.count or 0) - len(self.tags) - self.dropped)

    def _watermark(self, cut: Watermark | None = None) -> str | None:
        """What to be told next time; `cut`: another one that tells where the listing was cut."""
        if self._newest is None or self.count is None:
            return None
        newest = max(self._newest, self.mark.at) if self.mark else self._newest
        mark = Watermark(at=newest, count=self.count)
        return str(replace(mark, cut=cut.cut, why=cut.why) if cut else mark)


def login_gap(what: str) -> str:
    """What somebody without a login is not shown, and how to be."""
    return (
        f"without a login Docker Hub shows {what}; `docker login` cures it, a free account will do"
    )


def _unseen(cut: int, why: Cut) -> str:
    if not cut:
        return ""
    unseen = (
        f"only the {cut:,} newest tags: unless a file or the watch list names them, what older "
        "ones serve, and moves beyond that many in one night, are not seen"
    )
    match why:
        case Cut.LOGIN:
            return login_gap(unseen)
        case Cut.REFUSED:
            return f"although there is a login, Docker Hub shows {unseen}"
        case Cut.SIZE:
            return f"of a repository of this size tagwatch reads {unseen}"


def _observation(tag: HubTag, digest: Digest) -> TagObservation:
    known = tag.media_type in INDEX_TYPES | MANIFEST_TYPES  # of old tags it is the config's
    return TagObservation(
        tag=tag.name or "",
        digest=digest,
        media_type=tag.media_type if known else None,
        pushed_at=parse_time(tag.tag_last_pushed) or parse_time(tag.last_updated),
        size=tag.full_size or None,
    )
