"""What the crawl may ask of a registry, whatever its kind: the only thing crawl knows of this room.

Every method raises a `RegistryError` and nothing else; credentials, tokens, retries, limits and
safety are this room's business. Requests are counted by kind in `requests`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from datetime import datetime
from typing import Protocol, Self, runtime_checkable

from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, Quota, Scope, TagObservation
from tagwatch.value import dataclass, field

__all__ = [
    "MAX_BLOB_BYTES",
    "Crew",
    "Crewed",
    "FreePulls",
    "Hasty",
    "Listing",
    "Past",
    "PullRoom",
    "Registry",
    "Relisting",
    "RepositoryNames",
    "Unlisted",
    "WholeLists",
]

MAX_BLOB_BYTES = 16 * 1024 * 1024
"""What `Registry.blob` reads at most: SBOMs of large images are larger than any manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A repository's tags. A registry without a catalogue gives `names` and no `observations`.

    `scope` is FULL, SINCE or NEWEST. With SINCE, `names` holds only what moved after the watermark;
    with NEWEST it holds all, and `holds` says that every move since the watermark was told.
    `undigested`: listed tags whose digest the catalogue did not give; ask `head` for them.
    `gap`: why the listing is cut short, empty where it is whole; what stands in it is true, of
    anything else it says nothing.
    `lasts`: the next listing will be cut short there, too.
    `unseen`: what the registry shows nobody like us, and how to be shown it; nothing else is amiss.
    `plain`: the catalogue refused, and the names are the plain tags list's: no digests at all.
    """

    scope: Scope
    names: frozenset[str]
    observations: tuple[TagObservation, ...] = ()
    undigested: frozenset[str] = frozenset()
    watermark: str | None = None
    warnings: tuple[str, ...] = ()
    plain: bool = False
    gap: str = ""
    lasts: bool = False
    holds: bool = False
    unseen: str = ""


class RepositoryNames(tuple[Repository, ...]):
    """Repositories that were listed; `gap`: why these are not all, empty where they are."""

    gap: str

    def __new__(cls, found: Iterable[Repository], *, gap: str = "") -> Self:
        """Hold what was found, and why no more was."""
        names = super().__new__(cls, found)
        names.gap = gap
        return names


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is remembered of a repository that is listed again.

    `known`: what each tag served when it was last seen; `listed`: tags that are known by name
    alone; `sweep`: read on, however little has moved since the watermark.
    """

    watermark: str | None = None
    known: Mapping[str, Digest] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    sweep: bool = False


@dataclass(slots=True, kw_only=True)
class Crew:
    """Those who ask one registry side by side: enough to keep it busy, and one a repository.

    Whoever waits for a turn holds 9 kB. When all tags of 64 repositories waited at once, they took
    half the memory of a night (2026-11-30).
    """

    most: int
    """More would only wait: twice the turns, so that who asks next is there when one is free."""
    size: int = 0

    @contextmanager
    def away(self) -> Iterator[None]:
        """Leave the place of one to another who can ask, for as long as this one cannot."""
        self.size -= 1
        try:
            yield
        finally:
            self.size += 1


@runtime_checkable
class Crewed(Protocol):
    """A `Registry` that knows who asks it: all repositories of one host share a crew."""

    @property
    def crew(self) -> Crew | None:
        """The crew of its host; None: nobody can tell."""


@runtime_checkable
class Relisting(Protocol):
    """A `Registry` or catalogue that wants to know the whole past before it lists tags again."""

    async def list_again(self, repository: Repository, past: Past, *, at: datetime) -> Listing:
        """As `list_tags`, with names counted as known, and a watermark that outlasts a sweep."""


@runtime_checkable
class Hasty(Protocol):
    """A `Registry` that may be asked without the tries that a failure is usually given."""

    def without_retries(self) -> AbstractContextManager[None]:
        """Inside, what fails is asked once."""


@runtime_checkable
class FreePulls(Protocol):
    """A `Registry` that can tell whether a manifest GET costs more than the request."""

    @property
    def pulls_are_free(self) -> bool:
        """True as long as no limit of pulls is known, the registry's or the operator's."""


@runtime_checkable
class PullRoom(Protocol):
    """A `Registry` that sees to it that an image is not begun whose pulls cannot be paid for."""

    @property
    def may_refuse_room(self) -> bool:
        """True where pulls are limited, or where that is not known yet: the order matters."""

    def has_ample_room(self, pulls: float) -> bool | None:
        """Return True where so many pulls are left for the asking; None: nobody has said yet."""

    def room_for_image(self, pulls: int) -> AbstractAsyncContextManager[None]:
        """Return room to read an image of at most `pulls` manifests. Raises `RegistryError`."""


@runtime_checkable
class Unlisted(Protocol):
    """A `Registry` that may be told that its list leaves a tag out."""

    async def head_unlisted(self, repository: Repository, tag: str) -> TagObservation | None:
        """As `Registry.head`, never more than one HEAD where it answers 404: the list agrees."""


@runtime_checkable
class WholeLists(Protocol):
    """A `Registry` that can tell whether its listings are all there is to pull.

    A pull-through cache serves what it never listed: its listing calls nothing missing.
    """

    @property
    def lists_everything(self) -> bool:
        """True where a tag that a whole listing leaves out cannot be pulled."""


class Registry(Protocol):
    """One registry host, ready to be asked; made by `registry.client`."""

    @property
    def has_catalogue(self) -> bool:
        """True where `list_tags` gives digests, so that no tag need be asked by itself."""

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests made so far, by kind."""

    @property
    def quota(self) -> Quota | None:
        """The pull limit as the last answer told it."""

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None = None,
        known: Mapping[str, Digest] | None = None,
        at: datetime,
    ) -> Listing:
        """List all tags, or those that moved since `watermark`. Cost: one request per page."""

    async def head(self, repository: Repository, tag_or_digest: str) -> TagObservation | None:
        """Return what a tag serves; None where it does not exist. One HEAD (or one GET)."""

    async def manifest(self, repository: Repository, tag_or_digest: str) -> Document:
        """Read a manifest or index, verified. One GET; on Docker Hub it spends pull quota."""

    async def blob(self, repository: Repository, digest: Digest, size: int) -> Document:
        """Read a config or attestation, verified, at most 16 MiB. One GET, perhaps redirected."""

    async def referrers(self, repository: Repository, digest: Digest) -> Document | None:
        """Read the index of what refers to `digest`, by API or fallback tag; None: none."""

    async def list_repositories(self, prefix: str) -> Collection[Repository]:
        """List repositories whose path starts with `prefix`. Cost: one request per page."""

    async def history(
        self, repository: Repository
    ) -> Collection[tuple[TagObservation, datetime | None]]:
        """Return what the registry itself remembers of its tags; empty where it remembers nothing.

        Each past step: what a tag served, from `pushed_at` (never None here) until the time beside
        it; None: it serves it still. Cost: one request a page.
        """
