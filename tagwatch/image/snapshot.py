"""What a registry was seen to serve at one moment: values that crawl makes and the ledger keeps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.value import dataclass, field

__all__ = [
    "FORGET_WATERMARK",
    "NO_IMAGE",
    "TOO_MANY_TAGS",
    "Document",
    "Failing",
    "Failure",
    "Gone",
    "Quota",
    "Remark",
    "RepositorySnapshot",
    "Scope",
    "TagObservation",
]


FORGET_WATERMARK = ""
"""A snapshot's watermark where the listing proved not to be the whole: none counts any more."""
NO_IMAGE = "no-image"
"""The code of a chart, a signature or another artifact: it was read, and runs in no container."""
TOO_MANY_TAGS = "too-many-tags"
"""The code of a `Failure` whose watch matches more tags than it may read."""


class Scope(StrEnum):
    """How much of a repository a snapshot speaks for.

    Only FULL may end an interval of its own; SELECTED and NEWEST where the tag itself answered 404.
    """

    FULL = "full"
    """Every tag was listed: a tag that is not there is gone."""
    SINCE = "since"
    """Every tag that moved after the watermark; says nothing of the others' absence."""
    NEWEST = "newest"
    """The names of all tags, and what the newest of them serve: the listing was cut off there."""
    SELECTED = "selected"
    """Only the tags in `asked`: those that are missing from `tags` answered 404."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagObservation:
    """A tag served a digest. `pushed_at` is the registry's word, `size` compressed bytes."""

    tag: str
    digest: Digest
    media_type: str | None = None
    pushed_at: datetime | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Raw bytes of a manifest, index, config or attestation, verified against its digest."""

    digest: Digest
    media_type: str
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Something that could not be read, and why: an answer, not an exception.

    `code` is a `RegistryError.code`, or `budget` where quota was left for what matters more.
    """

    repository: Repository
    code: str
    message: str
    tag: str | None = None
    status: int | None = None
    hint: str = ""

    @property
    def is_of_document(self) -> bool:
        """True for what was read and is no image that can be judged: a fact, and no gap."""
        return self.code in ("invalid-document", NO_IMAGE)

    @property
    def is_limit(self) -> bool:
        """True where only a watch's own limit leaves tags unread: all that it asks for was read."""
        return self.code == TOO_MANY_TAGS

    @property
    def is_cut(self) -> bool:
        """True where a listing is not whole: what it does tell was read."""
        return self.code == "cut-off" or self.is_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """For how long scans could not read a repository: `nights` are days of scans."""

    since: datetime
    nights: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Gone:
    """A tag that was served when it was seen last, and that its registry has no more."""

    repository: Repository
    tag: str
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Remark:
    """Something odd about an answer that was read all the same: it makes nothing incomplete."""

    repository: Repository
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A pull limit as the registry's headers told it last. `window_seconds` None: not said."""

    limit: int
    remaining: int
    window_seconds: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySnapshot:
    """Everything one crawl task learnt of one repository.

    `names`: all tag names listed, also those whose digest was not asked (None: no listing was
    made). `asked`: the tags whose digest was asked one by one. `pins`: whether each digest that
    somebody relies on is still served. `unread`: why digests of `CrawlTask.parts` were not read,
    which leaves nothing of the repository unread.
    `audited`: for whom documents were read (`CrawlTask.audited`); `is_audited`: no image that a tag
    serves lacks any of them.
    `watermark` is what the catalogue wants to be told next time (None: nothing new).
    `unseen`: what the registry does not show to who asks, and how to be shown it.
    `holds`: with NEWEST, tags that are named and not told serve what they served before;
    `is_doubted`: most tags are missing at once, and not believed to be gone.
    `by_count`: it was read because the count of tags did not add up, so it is no sweep.
    """

    repository: Repository
    at: datetime
    scope: Scope
    tags: tuple[TagObservation, ...] = ()
    names: frozenset[str] | None = None
    asked: frozenset[str] = frozenset()
    documents: Mapping[Digest, Document] = field(default_factory=dict)
    unread: Mapping[Digest, Failure] = field(default_factory=dict)
    pins: Mapping[Digest, bool] = field(default_factory=dict)
    complete: bool = True
    failures: tuple[Failure, ...] = ()
    remarks: tuple[Remark, ...] = ()
    quota: Quota | None = None
    watermark: str | None = None
    audited: str = ""
    is_audited: bool = False
    holds: bool = False
    by_count: bool = False
    unseen: str = ""
    is_doubted: bool = False
