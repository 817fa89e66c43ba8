"""What the ledger tells of itself: moves, runs, what is known of a repository, retention."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tagwatch.audit.model.history import Change
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Gone
from tagwatch.value import dataclass, field

if TYPE_CHECKING:
    from tagwatch.source.target import Target

__all__ = [
    "Alert",
    "Fact",
    "Forgotten",
    "Judged",
    "Known",
    "Listing",
    "Lists",
    "Move",
    "Run",
    "Stored",
    "Telling",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What is read of a stored change where only its reason is asked for."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A message to be sent, once: `dedup_key` names what it says, `payload` is JSON.

    `receiver`: by its name in the configuration, the channel's where it has none. `headline` says
    in a few words what the message tells.
    """

    dedup_key: str
    channel: str
    payload: str
    receiver: str = ""
    headline: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A tag that served `before` was seen to serve `after`. A first sight is no move."""

    repository: Repository
    tag: str
    before: Digest
    after: Digest
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What was seen to happen to a tag: it moved, or it went. `seq` is the order of commits.

    `change`: the verdict of a move, where one is stored.
    """

    seq: int
    happened: Move | Gone
    change: Change | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What a run tells beside its findings. See `Ledger.facts` and `Ledger.explained`."""

    facts: tuple[Fact, ...] = ()
    """The moves and deletions that become events of this run."""
    up_to: int | None = None
    """No fact up to this one is news any more; None: as before, others are left to be told."""
    open: frozenset[int] = frozenset()
    """The numbers of the moves whose verdict is told by a later run, when it is known."""
    explained: tuple[Fact, ...] = ()
    """Moves that were told without a verdict, and have one now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What snapshots changed, in order: tags that moved, and tags that are gone.

    `surfaced`: tags that moved and were known by name alone: from what, nobody knows.
    """

    moves: tuple[Move, ...] = ()
    gone: tuple[Gone, ...] = ()
    surfaced: tuple[tuple[Repository, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was made of one repository, and holds while it would be made from the same.

    `made_from`: a hash of that; `again_at`: the first moment at which time alone may change it;
    `listed`: what the watch list came to, compressed; `keys`: those of its evidence, where it is
    stored now; `id`: its number, where it was.
    """

    repository: Repository
    made_from: bytes
    again_at: datetime | None
    listed: bytes
    keys: tuple[str, ...] = ()
    id: int = 0
    lists: Lists | None = None
    """What the answer lists of it, where that is stored and goes on with time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """The numbers of the lists that answers hold of one repository."""

    evidence: int
    targets: tuple[int, ...] = ()
    """Of each entry of the watch list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What an answer lists of a repository, which the next answers may hold, too.

    `made_from`: what its evidence is made of; `images`: how much that is; `parts`: the entries of
    the watch list.
    """

    repository: Repository
    made_from: bytes
    images: int
    parts: Sequence[Collection[Target]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a crawl may skip. `watermark` is the catalogue's; `full_at`: the last full listing.

    `audited`: for whom the documents of every tag were read whole; see `CrawlTask.audited`.
    `listed`: tags that are there, and whose digest is not known; `failing`: tags that could not be
    read when they were asked last, with the status of that answer (0: there was none).
    `doubted_at`: when most tags were first missing at once, where they are not known to be gone.
    `whole_since`: when all tags were first listed, None where no list is known to have been the
    whole; `new_tags`: when each tag that came after that was first there.
    """

    tags: Mapping[str, Digest] = field(default_factory=dict)
    watermark: str | None = None
    full_at: datetime | None = None
    audited: str | None = None
    listed: frozenset[str] = frozenset()
    failing: Mapping[str, int] = field(default_factory=dict)
    doubted_at: datetime | None = None
    whole_since: datetime | None = None
    new_tags: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. `finished_at` None: it was interrupted, or is still going on.

    `not_checked`: targets of which nothing could be read; `moved`: tags that did. `project`: whose
    run it is; "" before any project scanned with this ledger.
    """

    id: int
    kind: str
    at: datetime
    finished_at: datetime | None = None
    complete: bool | None = None
    errors: int = 0
    warnings: int = 0
    notes: int = 0
    not_checked: int = 0
    moved: int = 0
    project: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """How many rows `forget` dropped, by what they were. `messages` lost only their text."""

    intervals: int = 0
    imported: int = 0
    moves: int = 0
    base_builds: int = 0
    runs: int = 0
    findings: int = 0
    evidence: int = 0
    messages: int = 0
    documents: int = 0

    def __str__(self) -> str:
        """`12 intervals, 3 moves`; empty where nothing was dropped."""
        counted = [(getattr(self, name), _WORDS.get(name, name)) for name in self.__slots__]
        return ", ".join(
            f"{number:,} {word if number > 1 or word == 'evidence' else word.removesuffix('s')}"
            for number, word in counted
            if number
        )


_WORDS = {"imported": "imported intervals", "base_builds": "base builds"}
