"""Crawl tasks: what to ask of one repository. Plain values, so that any engine can run them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Flag, auto

from tagwatch.image.digest import Digest
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Repository

__all__ = ["CrawlTask", "Need"]


class Need(Flag):
    """What beside the digests of the selected tags somebody will read."""

    NOTHING = 0
    NAMES = auto()
    """The repository's tag names: aliases, newer versions, deletions."""
    DOCUMENTS = auto()
    """Manifests and configs of the audited platforms, of digests not stored yet."""
    ATTESTATIONS = auto()
    """Attestation manifests and statements too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlTask:
    """What to ask of one repository, and what need not be asked again.

    `tags` are asked whether listed or not; `selectors` are patterns over the listed names, at most
    `max_tags` of them; `pins` are digests whose existence somebody relies on. `known` is what each
    tag served when it was last seen, `documents` the digests already stored, `watermark` what the
    catalogue gave last time (None: list everything). `priority`: lower goes first when quota is
    short.
    """

    repository: Repository
    at: datetime
    tags: frozenset[str] = frozenset()
    selectors: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    pins: frozenset[Digest] = frozenset()
    needs: Need = Need.NAMES | Need.DOCUMENTS
    platforms: tuple[Platform, ...] = ()
    known: Mapping[str, Digest] = field(default_factory=dict)
    watermark: str | None = None
    documents: frozenset[Digest] = frozenset()
    max_tags: int = 20_000
    priority: int = 0
