"""The memory of one repository, as the judgement takes it; its parts may be read lazily."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from tagwatch.audit.model.history import Change, Interval
from tagwatch.errors import InvalidDocumentError
from tagwatch.image.digest import Digest
from tagwatch.image.manifest import SCHEMA1_TYPES, Index, parse_manifest
from tagwatch.image.order import line_of
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, Failure
from tagwatch.image.tag import Tag
from tagwatch.image.tag_table import TagTable

if TYPE_CHECKING:
    from tagwatch.audit.version.nearest import Neighbours

__all__ = ["Memory"]


@dataclass(frozen=True, kw_only=True)  # no slots: the indexes below are cached in it
class Memory:
    """Everything that is known of one repository."""

    repository: Repository
    at: datetime | None
    """When the registry was read last; None: never."""
    table: TagTable
    """Its tags, with those digests that were asked."""
    is_listed: bool
    """True where all names are known: a tag that is not among them does not exist."""
    intervals: Mapping[str, tuple[Interval, ...]]
    """Each tag's past, oldest first."""
    change_of: Callable[[str], Change | None]
    """Returns the newest change of a tag that is stored."""
    changes_of: Callable[[str], tuple[Change, ...]] = field(default=lambda _tag: ())
    """Returns all changes of a tag that are stored, oldest first."""
    documents: Mapping[Digest, Document]
    absent: frozenset[str] = frozenset()
    """Tags that answered 404 themselves."""
    dangling: frozenset[str] = frozenset()
    """Names that a list has and that answer 404: they are not in `table`."""
    pins: Mapping[Digest, bool] = field(default_factory=dict)
    """Whether a digest is still served; one that nobody asked is not in it."""
    failures: tuple[Failure, ...] = ()
    unexplained: Mapping[str, Change] = field(default_factory=dict)
    """The newest changes of tags of which a later run may say more: they are not stored."""
    origin: str = ""
    """See `Evidence.origin`."""
    known_since: datetime | None = None
    """Since when all of its tags are known; None: no list of it is known to have been the whole."""
    new_tags: Mapping[str, datetime] = field(default_factory=dict)
    """When each tag that came after that was first there."""

    def newest_change(self, tag: str) -> Change | None:
        """Return the newest change of a tag."""
        stored, told = self.change_of(tag), self.unexplained.get(tag)
        if stored is None or told is None:
            return stored or told
        return max(stored, told, key=lambda change: change.at)

    def past_tags_of(self, digest: Digest) -> frozenset[str]:
        """Return every tag that served `digest` at some time."""
        return frozenset(self._tags_of.get(digest, ()))

    def line_beside(self, tag: str) -> Iterator[Interval]:
        """Yield the last interval of every other tag in the line of `tag`, the newest first.

        Unfinished versions are left out unless `tag` is one itself: a line of releases does not go
        on with them.
        """
        asked = self.table.read(tag)
        for interval in self._lines.get(line_of(asked), ()):
            if interval.tag != tag and (
                self._is_unfinished(asked) or not self._is_unfinished(self.table.read(interval.tag))
            ):
                yield interval

    def _is_unfinished(self, tag: Tag) -> bool:
        """Return True for a pre-release or a development version."""
        return tag.is_prerelease or self.table.is_development(tag)

    @cached_property
    def neighbours(self) -> Neighbours:
        """The tags that may be meant instead of others. Built once, for what does not exist."""
        from tagwatch.audit.version.nearest import Neighbours  # few files name what is not there

        return Neighbours(self.table)

    @cached_property
    def listed_in_tags(self) -> frozenset[Digest | None]:
        """The digests in the indexes that tags serve now; with None where one is not known."""
        served = {digest for digest in self.table.digests.values() if digest is not None}
        return frozenset(chain.from_iterable(map(self._listed_in, served)))

    def _listed_in(self, digest: Digest) -> Iterable[Digest | None]:
        """Return the digests that an index lists, none for a manifest; (None,): it is not known."""
        document = self.documents.get(digest)
        if document is not None and document.media_type in SCHEMA1_TYPES:
            return ()  # a manifest of one platform, which lists none
        try:
            found = parse_manifest(document.raw, document.media_type) if document else None
        except InvalidDocumentError:
            found = None
        if found is None:
            return (None,)
        return (entry.digest for entry in found.manifests) if isinstance(found, Index) else ()

    @cached_property
    def _tags_of(self) -> Mapping[Digest, set[str]]:
        """The tags that ever served each digest. Built once: every pin of a repository asks it."""
        found: dict[Digest, set[str]] = {}
        for tag, past in self.intervals.items():
            for interval in past:
                found.setdefault(interval.digest, set()).add(tag)
        return found

    @cached_property
    def _lines(self) -> Mapping[tuple[str, ...], list[Interval]]:
        """The last interval of each tag, by line, the newest (by `first_seen`) first."""
        found: dict[tuple[str, ...], list[Interval]] = {}
        for tag, past in self.intervals.items():
            found.setdefault(line_of(self.table.read(tag)), []).extend(past[-1:])
        for line in found.values():
            line.sort(key=_begun_at, reverse=True)
        return found


def _begun_at(interval: Interval) -> datetime:
    return interval.first_seen
