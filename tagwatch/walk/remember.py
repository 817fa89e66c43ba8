"""Remember what a round derives from its answers: builds of bases, versions, evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from tagwatch.audit.base.build import base_builds, claimed_builds
from tagwatch.audit.base.seed import Wish
from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.evidence import Evidence, Resolution
from tagwatch.audit.model.history import UNRECORDED
from tagwatch.audit.version.resolve import version_of
from tagwatch.image.order import says_less
from tagwatch.image.reference import Reference, Repository
from tagwatch.ledger.record import Judged
from tagwatch.ledger.write import Ledger
from tagwatch.value import dataclass, field, replace
from tagwatch.walk.recall import StoredDocuments

__all__ = [
    "EvidenceStore",
    "claimed_version",
    "remember_bases",
    "remember_claimed",
    "remember_versions",
    "with_claim",
]

_AT_ONCE = 500
"""How much evidence is stored in one transaction, to share the wait for the disk. What a crash
loses can be made again."""


def remember_bases(ledger: Ledger, repositories: Iterable[Repository]) -> None:
    """Store every build that tags of these repositories served, as far as it was read."""
    documents = StoredDocuments(ledger)
    for repository in repositories:
        if ledger.origin(repository) == UNRECORDED:
            continue  # nobody said it: it is adopted when the repository is read
        ledger.put_base_builds(
            build
            for interval in ledger.intervals(repository)
            for build in base_builds(
                Reference(repository=repository, tag=interval.tag).canonical, interval, documents
            )
        )


def remember_claimed(ledger: Ledger, wished: Iterable[Wish]) -> None:
    """Store the builds that claims name by digest, as far as they were read.

    `remember_bases` stores those of tags.
    """
    documents = StoredDocuments(ledger)
    for wish in wished:
        if wish.digest is not None:
            builds = claimed_builds(wish.reference.canonical, wish.digest, documents)
            ledger.put_base_builds(builds)


def remember_versions(ledger: Ledger, memory: Memory) -> bool:
    """Store the version of every tag that shares its digest with a tag that names a version.

    Return False where the ledger knew them all.
    """
    named = (
        (tag, version_of(tag, memory.table))
        for tag, digest in memory.table.digests.items()
        if digest is not None
    )
    versions = {tag: text for tag, text in named if text and _is_news(memory, tag, text)}
    if versions:
        ledger.set_versions(memory.repository, versions)
    return bool(versions)


def claimed_version(memory: Memory, resolution: Resolution) -> Mapping[str, str]:
    """Return the resolved tag with the version that its image states, where that is news.

    An image states it by a label, a variable or the like. Empty where the version comes from a tag.
    """
    tag = resolution.reference.tag if resolution.reference else None
    version = resolution.version
    is_claim = version is not None and version == resolution.name != resolution.tag
    is_current = tag is not None and memory.table.digests.get(tag) == resolution.digest
    if tag and version and is_claim and is_current and _is_news(memory, tag, version):
        return {tag: version}
    return {}


def with_claim(evidence: Evidence, claimed: Mapping[str, str]) -> Evidence:
    """Return evidence that tells the version which `claimed_version` found, as the ledger will."""
    if not (claimed and evidence.history and evidence.history[-1].tag in claimed):
        return evidence
    *before, now = evidence.history
    return replace(evidence, history=(*before, replace(now, version=claimed[now.tag])))


def _is_news(memory: Memory, tag: str, version: str) -> bool:
    past = memory.intervals.get(tag)
    stored = past[-1].version if past else None
    # a less exact version never replaces the one that is stored
    return version != stored and not (stored and says_less(version, stored))


@dataclass(slots=True, kw_only=True)
class EvidenceStore:
    """Evidence on its way to the ledger, some hundreds in one transaction."""

    ledger: Ledger
    at: datetime
    new: list[Evidence] = field(default_factory=list)
    made_from: dict[str, bytes] = field(default_factory=dict)
    """By key, the hashes of `new` evidence; see `Gathered.made_from`."""
    unchanged: list[str] = field(default_factory=list)
    """The keys of stored evidence that holds until `at`."""
    project: str = ""
    """Whose repositories `judged` and `still` are."""
    judged: list[Judged] = field(default_factory=list)
    """Repositories of which all evidence was made, or looked at."""
    still: list[Judged] = field(default_factory=list)
    """Repositories of which nothing is new."""

    def put(self, evidence: Evidence, *, made_from: bytes | None, is_unchanged: bool) -> None:
        """Add evidence, which the next `flush` stores, or this call where so much waits.

        One repository may have more tags than memory has room for what is known of each.
        `is_unchanged`: it is stored already, and only the time until which it holds moves on.
        """
        if is_unchanged:
            self.unchanged.append(evidence.key)
        else:
            self.new.append(evidence)
            if made_from is not None:
                self.made_from[evidence.key] = made_from
            if len(self.new) >= _AT_ONCE:
                self._store_new()

    def _store_new(self) -> None:
        self.ledger.put_evidence(self.new, self.made_from)
        self.new.clear()
        self.made_from.clear()

    def flush(self, *, at_least: int = 1) -> None:
        """Store what waits, where that is `at_least` so much."""
        if len(self.new) + len(self.unchanged) + len(self.judged + self.still) < at_least:
            return
        if self.new:
            self._store_new()
        told = {key for one in self.judged for key in one.keys}
        touched = [key for key in self.unchanged if key not in told]
        if touched:
            self.ledger.touch_evidence(touched, self.at)
        if self.judged or self.still:
            self.ledger.put_judged(self.project, self.judged, self.still, self.at)
        for waiting in (self.unchanged, self.judged, self.still):
            waiting.clear()

    def flush_if_full(self) -> None:
        """Store what waits, where that is enough for a transaction."""
        self.flush(at_least=_AT_ONCE)
