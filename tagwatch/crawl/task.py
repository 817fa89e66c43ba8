"""Crawl tasks: what to ask of one repository. They are plain values that any engine can run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Flag, auto
from fnmatch import fnmatchcase

from tagwatch.image.digest import Digest
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document
from tagwatch.value import dataclass, field

__all__ = ["CrawlTask", "Need", "Pattern", "audited_key"]


class Need(Flag):
    """What a crawl fetches beside the digests of the selected tags."""

    NAMES = auto()
    """The repository's tag names: aliases, newer versions, deletions."""
    DOCUMENTS = auto()
    """Manifests and configs of the audited platforms, for digests that are not stored yet."""
    ATTESTATIONS = auto()
    """Attestation manifests and statements, too."""
    UNNAMED = auto()
    """Documents only of images that no other tag names: enough to say what a tag is."""
    PLATFORMS = auto()
    """Manifests and configs of every platform of an image, where nobody counts pulls.

    A platform that moves is compared with what it was, which its registry may not keep.
    """


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Pattern:
    """A selector over the listed names, narrowed by globs."""

    selector: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_tags: int = 20_000
    """So many of the selected tags are read, the best first."""
    for_one: bool = False
    """True for a range that is a question for its best tag: a few tags of many answer it."""

    def lets_through(self, tag: str) -> bool:
        """Return True where `include` and `exclude` allow the tag."""
        included = not self.include or any(fnmatchcase(tag, glob) for glob in self.include)
        return included and not any(fnmatchcase(tag, glob) for glob in self.exclude)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlTask:
    """What to ask of one repository, and what need not be asked again."""

    repository: Repository
    at: datetime
    tags: frozenset[str] = frozenset()
    """Tags to ask for, whether they are listed or not."""
    patterns: tuple[Pattern, ...] = ()
    """What selects further tags among the listed names."""
    pins: frozenset[Digest] = frozenset()
    """Digests that somebody relies on: are they still served?"""
    needs: Need = Need.NAMES | Need.DOCUMENTS
    platforms: tuple[Platform, ...] = ()
    """The audited platforms."""
    known: Mapping[str, Digest] = field(default_factory=dict)
    """The digest that each tag served when it was last seen."""
    watermark: str | None = None
    """What the catalogue gave last time; None: list every tag."""
    documents: frozenset[Digest] = frozenset()
    """The digests whose documents are stored already."""
    priority: int = 0
    """Lower goes first, which matters where the quota is short."""
    lacking: tuple[Document, ...] = ()
    """Stored indexes of which something is wanted now that was not when they were read."""
    listed: frozenset[str] = frozenset()
    """Tags that are known by name alone."""
    failing: Mapping[str, int] = field(default_factory=dict)
    """Tags that could not be read when they were asked last, with the status of that answer."""
    parts: frozenset[tuple[Digest, ...]] = frozenset()
    """Manifests to read with their configs; those of one tuple together or not at all."""
    swept_from: str | None = None
    """The watermark of a repository that is to be listed whole again."""
    doubted_at: datetime | None = None
    """When most of its tags were first missing, where that is doubted since."""

    @property
    def audited(self) -> str:
        """A key of what documents are read for: it differs where more or other parts are wanted."""
        return audited_key(self.platforms, self.needs)


def audited_key(platforms: Iterable[Platform], needs: Need) -> str:
    """Return a key of what documents are read for: the platforms, and whether attestations, too."""
    named = sorted(map(str, platforms))
    return " ".join([*named, "attestations"] if Need.ATTESTATIONS in needs else named)
