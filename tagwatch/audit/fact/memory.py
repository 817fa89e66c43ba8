"""What is remembered of one repository, as the judgement takes it; its parts may be read lazily."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain

from tagwatch.audit.model.history import Change, Interval
from tagwatch.errors import InvalidDocumentError
from tagwatch.image.digest import Digest
from tagwatch.image.manifest import SCHEMA1_TYPES, Index, parse_manifest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, Failure
from tagwatch.image.tag import Tag
from tagwatch.image.tag_table import TagTable

__all__ = ["Memory"]


@dataclass(frozen=True, kw_only=True)  # no slots: what is looked up often is indexed once
class Memory:
    """What is known of one repository.

    `table`: its tags, with digests as far as they were asked. `is_listed`: the names are whole, so
    that a tag that is not there does not exist; `absent`: tags that answered 404 themselves.
    `at`: when the registry was read last (None: never). `pins`: whether a digest is still served.
    `intervals`: every tag's past, oldest first.
    """

    repository: Repository
    at: datetime | None
    table: TagTable
    is_listed: bool
    intervals: Mapping[str, tuple[Interval, ...]]
    change_of: Callable[[str], Change | None]
    documents: Mapping[Digest, Document]
    absent: frozenset[str] = frozenset()
    pins: Mapping[Digest, bool] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()

    def past_tags_of(self, digest: Digest) -> frozenset[str]:
        """Every tag that served `digest` at some time."""
        return frozenset(self._tags_of.get(digest, ()))

    def line_beside(self, tag: str) -> Iterator[Interval]:
        """The last interval of every other tag in the line of `tag`, what began last first.

        Unfinished versions are passed over, unless `tag` is one: what is released does not go on
        with them.
        """
        asked = self.table.read(tag)
        for interval in self._lines.get(asked.line, ()):
            if interval.tag != tag and (
                self._is_unfinished(asked) or not self._is_unfinished(self.table.read(interval.tag))
            ):
                yield interval

    def _is_unfinished(self, tag: Tag) -> bool:
        return tag.is_prerelease or self.table.is_development(tag)

    @cached_property
    def listed_in_tags(self) -> frozenset[Digest | None]:
        """What the indexes list that tags serve now; None among it: one of them is not known."""
        served = {digest for digest in self.table.digests.values() if digest is not None}
        return frozenset(chain.from_iterable(map(self._listed_in, served)))

    def _listed_in(self, digest: Digest) -> Iterable[Digest | None]:
        document = self.documents.get(digest)
        if document is not None and document.media_type in SCHEMA1_TYPES:
            return ()  # it is of one platform, and lists none
        try:
            found = parse_manifest(document.raw, document.media_type) if document else None
        except InvalidDocumentError:
            found = None
        if found is None:
            return (None,)
        return (entry.digest for entry in found.manifests) if isinstance(found, Index) else ()

    @cached_property
    def _tags_of(self) -> Mapping[Digest, set[str]]:
        found: dict[Digest, set[str]] = {}
        for tag, past in self.intervals.items():
            for interval in past:
                found.setdefault(interval.digest, set()).add(tag)
        return found

    @cached_property
    def _lines(self) -> Mapping[tuple[str, ...], list[Interval]]:
        """The last interval of each tag, by line, what began last first."""
        found: dict[tuple[str, ...], list[Interval]] = {}
        for tag, past in self.intervals.items():
            found.setdefault(self.table.read(tag).line, []).extend(past[-1:])
        for line in found.values():
            line.sort(key=_begun_at, reverse=True)
        return found


def _begun_at(interval: Interval) -> datetime:
    return interval.first_seen
