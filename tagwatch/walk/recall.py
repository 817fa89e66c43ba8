"""Recalling: what the ledger knows, as the values that the judgement takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from tagwatch.audit.base.build import base_builds
from tagwatch.audit.base.index import BaseIndex, index_builds
from tagwatch.audit.base.seed import with_older_builds
from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.history import Interval
from tagwatch.audit.model.policy import Policy
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.snapshot import Document
from tagwatch.image.tag_table import TagTable
from tagwatch.ledger.read import Reader
from tagwatch.source.target import Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.ledger.write import Ledger
    from tagwatch.walk.ask import Reading

__all__ = [
    "StoredDocuments",
    "base_repositories",
    "recall_bases",
    "recall_past",
    "recall_repository",
    "store_bases",
    "unread_bases",
]


class StoredDocuments(Mapping[Digest, Document]):
    """Documents by digest, each read from the ledger when it is asked for first."""

    def __init__(self, ledger: Reader) -> None:
        self._ledger = ledger
        self._read: dict[Digest, Document | None] = {}

    def __getitem__(self, digest: Digest) -> Document:
        if digest not in self._read:
            self._read[digest] = self._ledger.documents([digest]).get(digest)
        document = self._read[digest]
        if document is None:
            raise KeyError(digest)
        return document

    def __iter__(self) -> Iterator[Digest]:
        return iter(digest for digest, document in self._read.items() if document is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def recall_repository(
    ledger: Reader, repository: Repository, reading: Reading | None, at: datetime
) -> Memory:
    """Everything known of one repository. `reading` None: it was not asked in this run (`at`)."""
    intervals = _by_tag(ledger.intervals(repository))
    known = ledger.known(repository)
    digests: dict[str, Digest | None] = {}
    if reading is not None:
        digests = dict.fromkeys(reading.names or ())
    digests |= known.tags
    failed = reading is not None and any(failure.tag is None for failure in reading.failures)
    listed_now = reading is not None and reading.lines is not None
    return Memory(
        repository=repository,
        at=at
        if reading is not None and not failed
        else max((past[-1].last_seen for past in intervals.values()), default=None),
        table=TagTable.of(digests),
        is_listed=(listed_now or known.full_at is not None) and not failed,
        intervals=intervals,
        change_of=lambda tag: ledger.newest_change(repository, tag),
        documents=StoredDocuments(ledger),
        absent=reading.absent if reading else frozenset(),
        pins=reading.pins if reading else {},
        failures=reading.failures if reading else (),
    )


def recall_past(ledger: Reader, memory: Memory) -> Memory:
    """The same with the versions and verdicts that the ledger was told of since: no tag is new."""
    return replace(memory, intervals=_by_tag(ledger.intervals(memory.repository)))


def base_repositories(policy: Policy, targets: Iterable[Target]) -> tuple[Repository, ...]:
    """The policy's bases in its order, then what the files build on: what may be a base here."""
    approved = [Repository.parse(base.reference) for base in policy.followed_bases]
    parents = {
        target.reference.repository
        for target in targets
        if target.kind == "from" and target.reference is not None
    }
    return tuple(dict.fromkeys([*approved, *sorted(parents)]))


def store_bases(ledger: Ledger, repository: Repository) -> None:
    """Remember every build that the repository's tags serve now, as far as it was read."""
    documents = StoredDocuments(ledger)
    ledger.put_base_builds(
        build
        for interval in ledger.intervals(repository)
        for build in base_builds(
            Reference(repository=repository, tag=interval.tag).canonical, interval, documents
        )
    )


def recall_bases(ledger: Reader, repositories: Iterable[Repository], policy: Policy) -> BaseIndex:
    """Every build ever stored of these repositories, in their order.

    What older tags of the policy's bases serve stands for what the followed tag served before.
    """
    names = {repository.name: place for place, repository in enumerate(repositories)}
    builds = [
        (names[name], build)
        for build in ledger.base_builds()
        if (name := build.reference.rpartition(":")[0]) in names
    ]
    ordered = [build for _, build in sorted(builds, key=lambda pair: pair[0])]
    return index_builds(with_older_builds(ordered, policy.bases))


def unread_bases(bases: BaseIndex, policy: Policy) -> tuple[str, ...]:
    """The policy's bases of which no build was ever read, in its order."""
    read = [Reference.parse(name) for name in bases.by_reference]
    return tuple(
        base.reference
        for base in policy.followed_bases
        if not any(base.names(reference) for reference in read)
    )


def _by_tag(intervals: Iterable[Interval]) -> dict[str, tuple[Interval, ...]]:
    return {tag: tuple(past) for tag, past in groupby(intervals, key=lambda item: item.tag)}
