"""Crawl tasks: what to ask of one repository. Plain values, so that any engine can run them."""

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
    """What beside the digests of the selected tags somebody will read."""

    NAMES = auto()
    """The repository's tag names: aliases, newer versions, deletions."""
    DOCUMENTS = auto()
    """Manifests and configs of the audited platforms, of digests not stored yet."""
    ATTESTATIONS = auto()
    """Attestation manifests and statements too."""
    UNNAMED = auto()
    """Documents, but only of what no other tag names: enough to say what a tag is."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Pattern:
    """A selector over the listed names, narrowed by globs; the best `max_tags` are read."""

    selector: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_tags: int = 20_000

    def lets_through(self, tag: str) -> bool:
        """True where `include` and `exclude` have nothing against the tag."""
        included = not self.include or any(fnmatchcase(tag, glob) for glob in self.include)
        return included and not any(fnmatchcase(tag, glob) for glob in self.exclude)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlTask:
    """What to ask of one repository, and what need not be asked again.

    `tags` are asked whether listed or not, `patterns` select among the listed names; `pins` are
    digests whose existence somebody relies on. `known` is what each tag served when it was last
    seen, `documents` the digests already stored, `watermark` what the catalogue gave last time
    (None: list everything). `listed`: tags that are known by name alone; `failing`: tags that could
    not be read when they were asked last, with the status of that answer; `swept_from`: the
    watermark of a repository that is to be listed whole again. `priority`: lower goes first when
    quota is short. `lacking`: stored indexes of which something is wanted that was not when they
    were read.
    """

    repository: Repository
    at: datetime
    tags: frozenset[str] = frozenset()
    patterns: tuple[Pattern, ...] = ()
    pins: frozenset[Digest] = frozenset()
    needs: Need = Need.NAMES | Need.DOCUMENTS
    platforms: tuple[Platform, ...] = ()
    known: Mapping[str, Digest] = field(default_factory=dict)
    watermark: str | None = None
    documents: frozenset[Digest] = frozenset()
    priority: int = 0
    lacking: tuple[Document, ...] = ()
    listed: frozenset[str] = frozenset()
    failing: Mapping[str, int] = field(default_factory=dict)
    swept_from: str | None = None

    @property
    def audited(self) -> str:
        """For whom documents are read: a key that differs where more or others are wanted."""
        return audited_key(self.platforms, self.needs)


def audited_key(platforms: Iterable[Platform], needs: Need) -> str:
    """See `CrawlTask.audited`."""
    named = sorted(map(str, platforms))
    return " ".join([*named, "attestations"] if Need.ATTESTATIONS in needs else named)
