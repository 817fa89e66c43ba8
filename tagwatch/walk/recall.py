"""Recall what the ledger knows, as the values that the judgement takes. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import replace as standard_replace  # `Memory` is a standard dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from tagwatch.audit.base.build import base_builds
from tagwatch.audit.base.index import BaseIndex, index_builds
from tagwatch.audit.base.seed import with_older_builds
from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.history import Interval, Seen
from tagwatch.audit.model.policy import Policy
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.snapshot import Document
from tagwatch.image.tag_table import TagTable
from tagwatch.ledger.read import Reader
from tagwatch.source.target import Target
from tagwatch.value import dataclass, field, replace

if TYPE_CHECKING:
    from tagwatch.walk.ask import RepositoryAnswer

__all__ = [
    "KnownBases",
    "StoredDocuments",
    "TooEarlyError",
    "base_repositories",
    "recall_bases",
    "recall_offline",
    "recall_past",
    "recall_repository",
]

_AT_HAND = 500
"""So many documents are in memory together: some 2 MB."""
_NOT_FOUND = 404
_MOST_ELSEWHERE = 5
"""How many places are told that serve an image which is gone here."""


class TooEarlyError(Exception):
    """What every repository is needed for was asked before all of them were read."""


class StoredDocuments(Mapping[Digest, Document]):
    """Documents by digest, each read from the ledger when it is asked for.

    The last ones are at hand, which images of one repository share. Length and iteration know only
    those: a repository may have tens of thousands.
    """

    def __init__(self, ledger: Reader) -> None:
        self._ledger = ledger
        self._read: dict[Digest, Document | None] = {}

    def __getitem__(self, digest: Digest) -> Document:
        if digest not in self._read:
            if len(self._read) >= _AT_HAND:
                del self._read[next(iter(self._read))]  # the one that was read first
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
    ledger: Reader, repository: Repository, answer: RepositoryAnswer | None, at: datetime
) -> Memory:
    """Return the memory of one repository.

    `answer`: what its registry said at `at`; None: it was not asked in this run.
    """
    intervals = _by_tag(ledger.intervals(repository))
    known = ledger.known(repository)
    digests: dict[str, Digest | None] = dict.fromkeys(known.listed)
    if answer is not None:
        digests |= dict.fromkeys(answer.names or ())
    # What a list names and answers 404 when it is asked cannot be pulled: it is not there.
    dangling = {tag for tag, status in known.failing.items() if status == _NOT_FOUND}
    if answer is not None:
        dangling |= answer.absent
    dangling &= digests.keys() - known.tags.keys()
    for tag in dangling:
        del digests[tag]
    digests |= known.tags  # last: a name that is only listed must not hide a digest that was seen
    # A failure without a tag is the repository's: then this run did not read it.
    failed = answer is not None and any(failure.tag is None for failure in answer.failures)
    listed_now = answer is not None and answer.lines is not None
    return Memory(
        repository=repository,
        at=at
        if answer is not None and not failed
        else max((past[-1].last_seen for past in intervals.values()), default=None),
        table=TagTable.of(digests),
        is_listed=(listed_now or known.full_at is not None) and not failed,
        intervals=intervals,
        change_of=lambda tag: ledger.newest_change(repository, tag),
        changes_of=lambda tag: ledger.changes(repository, tag),
        documents=StoredDocuments(ledger),
        absent=answer.absent if answer else frozenset(),
        dangling=frozenset(dangling),
        pins=answer.pins if answer else {},
        failures=answer.failures if answer else (),
        origin=ledger.origin(repository),
        known_since=known.whole_since,
        new_tags=known.new_tags,
    )


def recall_past(ledger: Reader, memory: Memory) -> Memory:
    """Return `memory` with the versions and verdicts stored since it was recalled; tags stay."""
    return standard_replace(memory, intervals=_by_tag(ledger.intervals(memory.repository)))


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBases:
    """The builds of bases that images are matched against."""

    repositories: tuple[Repository, ...] = ()
    """What may be a base here: the policy's bases in its order, then what files build on."""
    index: BaseIndex = field(default_factory=BaseIndex)
    unread: tuple[str, ...] = ()
    """The policy's bases of which no build was ever read, in its order."""
    others: Callable[[], BaseIndex] = BaseIndex
    """Returns what every other known tag serves now; it is read at the first call."""
    is_early: bool = False
    """True while other repositories are still read: `others` then raises `TooEarlyError`."""

    def before_others(self) -> KnownBases:
        """Return the same while other repositories are still read."""
        return replace(self, others=_too_early, is_early=True)


def _too_early() -> BaseIndex:
    raise TooEarlyError


def recall_offline(ledger: Reader, repository: Repository, at: datetime) -> Memory:
    """Return all that is known of a repository that nobody may ask now.

    A tag that we saw go counts as absent, as if its registry had just said so. Where only others
    tell of its end (a publisher that builds it no more), it may be served still.
    """
    memory = recall_repository(ledger, repository, None, at)
    gone = frozenset(tag for tag, past in memory.intervals.items() if _was_seen_to_go(past))
    return standard_replace(memory, absent=gone)


def _was_seen_to_go(past: Iterable[Interval]) -> bool:
    """Return True where the last interval that we saw ourselves has ended."""
    ends = [interval.ended for interval in past if interval.kind is Seen.SEEN]
    return bool(ends) and ends[-1]


def recall_elsewhere(ledger: Reader, memory: Memory, digest: Digest) -> tuple[Reference, ...]:
    """Return a few tags that serve `digest` as far as is known: here, then in other repositories.

    Those whose name ends like this one's come first: `bitnamilegacy/redis` for `bitnami/redis`. The
    ledger reads other repositories only where they hold the digest, and few of them.
    """
    own = memory.repository
    found = [Reference(repository=own, tag=tag.text) for tag in memory.table.groups.get(digest, ())]
    others = [home for home in ledger.repositories_of_digest(digest) if home != own]
    last = own.path.rpartition("/")[2]
    others.sort(key=lambda home: home.path.rpartition("/")[2] != last)
    for home in others[:_MOST_ELSEWHERE]:
        held = ledger.tags_of_digest(digest, home)
        found += [
            Reference(repository=home, tag=interval.tag)
            for _, interval in held
            if not interval.ended and interval.kind is not Seen.COMMITTED
        ]
    return tuple(dict.fromkeys(found))[:_MOST_ELSEWHERE]


def base_repositories(policy: Policy, targets: Iterable[Target]) -> tuple[Repository, ...]:
    """Return what may be a base here; see `KnownBases.repositories`."""
    approved = [Repository.parse(base.reference) for base in policy.followed_bases]
    parents = {
        target.reference.repository
        for target in targets
        if target.kind == "from" and target.reference is not None
    }
    return tuple(dict.fromkeys([*approved, *sorted(parents)]))


def recall_bases(ledger: Reader, policy: Policy, targets: Iterable[Target] = ()) -> KnownBases:
    """Return every build ever stored of the bases, in the order of their repositories.

    Builds that older tags of the policy's bases serve count as earlier builds of the followed tag.
    """
    repositories = base_repositories(policy, targets)
    places = {repository.name: place for place, repository in enumerate(repositories)}
    builds = [
        (places[name], build)
        for build in ledger.base_builds()
        if (name := build.reference.rpartition(":")[0]) in places
    ]
    ordered = [build for _, build in sorted(builds, key=lambda pair: pair[0])]
    index = index_builds(with_older_builds(ordered, policy.bases))
    read = [Reference.parse(name) for name in index.by_reference]
    unread = tuple(
        base.reference
        for base in policy.followed_bases
        if not any(base.names(reference) for reference in read)
    )
    return KnownBases(
        repositories=repositories,
        index=index,
        unread=unread,
        others=cache(lambda: _recall_others(ledger, repositories)),
    )


def _recall_others(ledger: Reader, bases: Container[Repository]) -> BaseIndex:
    """Return what tags of all other repositories serve now, as far as it was read."""
    documents = StoredDocuments(ledger)
    return index_builds(
        build
        for repository in ledger.repositories()
        if repository not in bases and (read := ledger.stored_documents(repository))
        for interval in ledger.intervals(repository)
        if not interval.ended and interval.digest in read
        for build in base_builds(
            Reference(repository=repository, tag=interval.tag).canonical, interval, documents
        )
    )


def _by_tag(intervals: Iterable[Interval]) -> dict[str, tuple[Interval, ...]]:
    return {tag: tuple(past) for tag, past in groupby(intervals, key=lambda item: item.tag)}
