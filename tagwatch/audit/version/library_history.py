"""The past of official tags: intervals, made from the versions of a library file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Interval, Seen
from tagwatch.audit.version.candidate import most_specific
from tagwatch.audit.version.resolve import version_of
from tagwatch.image.digest import Digest
from tagwatch.image.order import is_step_back, version_key
from tagwatch.image.tag import Kind, Tag, parse_tag
from tagwatch.image.tag_table import TagTable
from tagwatch.image.vocabulary import PLAIN, Vocabulary
from tagwatch.source.library import LibraryBuild, served_builds
from tagwatch.value import dataclass

__all__ = ["LibraryWord", "library_intervals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryWord:
    """Whose word intervals are that no ledger holds: the publisher's files, as of a commit."""

    as_of: datetime
    """The date of the commit: nothing is known of after."""
    commit: str


def library_intervals(
    versions: Iterable[tuple[datetime, Iterable[LibraryBuild]]],
    *,
    head_at: datetime,
    only: str | None = None,
) -> tuple[Interval, ...]:
    """Return the intervals of every tag that a library file ever named, by tag and oldest first.

    `versions` are those of the file, oldest first, each with the date of its commit; it has no
    builds where the file did not exist. The last version holds until `head_at`. The digest of an
    interval is the build's name, its version is what the tag's aliases said when it began. `only`:
    the intervals of one tag. Cost: linear in the tags of all versions.
    """
    past: dict[str, list[Interval]] = {}
    held: dict[str, _Held] = {}
    served: Mapping[str, str] = {}
    names = _Names()
    last_at: datetime | None = None
    for committed_at, builds in versions:
        # commit dates may step back along the history, intervals must not
        at = committed_at if last_at is None else max(committed_at, last_at)
        before, served, last_at = served, served_builds(builds), at
        tags = {**before, **served} if only is None else (only,)
        moved = [tag for tag in tags if before.get(tag) != served.get(tag)]
        for tag in moved:
            intervals = past.setdefault(tag, [])
            # two commits of one date leave no time in between, so no interval either
            if tag in before and (ended := held.pop(tag)).first_seen < at:
                intervals.append(_interval(tag, before[tag], ended, intervals, at, ended=True))
        for tag, version in names.versions(served, [tag for tag in moved if tag in served]):
            held[tag] = _Held(at, version)
    for tag, begun in held.items():
        until = max(head_at, begun.first_seen)
        past[tag].append(_interval(tag, served[tag], begun, past[tag], until, ended=False))
    return tuple(interval for tag in sorted(past) for interval in past[tag])


class _Held(NamedTuple):
    """The beginning of an interval, kept until its end is known; a tuple, as each tag has one."""

    first_seen: datetime
    version: str | None


class _Names:
    """Tags, read with the vocabulary of their day.

    Few commits change the vocabulary, so what was read with one is kept.
    """

    def __init__(self) -> None:
        self._listed: frozenset[str] = frozenset()
        self._vocabulary = PLAIN
        self._read: dict[Vocabulary, dict[str, Tag]] = {}
        self._tags: dict[str, Tag] = {}

    def versions(
        self, served: Mapping[str, str], tags: Collection[str]
    ) -> Iterator[tuple[str, str | None]]:
        """Yield each of `tags` with its version, as `resolve.version_of` would name it."""
        if not tags:
            return
        self._learn(frozenset(served))
        groups: dict[str, list[Tag]] = {served[tag]: [] for tag in tags}
        for tag, name in served.items():
            if name in groups:
                groups[name].append(self._tag(tag))
        heaviest = {name: _heaviest(group) for name, group in groups.items()}
        table: TagTable | None = None
        for tag in tags:
            # only such a group needs the other tags: a table of all of them is slow to make
            if _is_staged(groups[served[tag]]):
                table = table or TagTable.of({text: Digest(name) for text, name in served.items()})
                yield tag, version_of(tag, table)
            else:
                concrete = most_specific(self._tag(tag), heaviest[served[tag]], Kind.VERSION)
                yield tag, concrete.version if concrete else None

    def _learn(self, listed: frozenset[str]) -> None:
        if listed != self._listed:
            self._listed, self._vocabulary = listed, Vocabulary.learn(listed)
            self._tags = self._read.setdefault(self._vocabulary, {})

    def _tag(self, text: str) -> Tag:
        if text not in self._tags:
            self._tags[text] = parse_tag(text, self._vocabulary)
        return self._tags[text]


def _is_staged(group: Sequence[Tag]) -> bool:
    """Return True where an image has names of a pre-release and of a final version.

    Which of them it is, only the other tags show.
    """
    return len({tag.pre is None for tag in group if tag.kind is Kind.VERSION}) > 1


def _heaviest(group: Sequence[Tag]) -> Sequence[Tag]:
    """Return the version tags of a group with the most numbers: one of them is the concrete tag."""
    weights = [tag.weight if tag.kind is Kind.VERSION else 0 for tag in group]
    most = max(weights)
    return [tag for tag, weight in zip(group, weights, strict=True) if weight == most > 0]


def _interval(
    tag: str, name: str, held: _Held, past: Sequence[Interval], until: datetime, *, ended: bool
) -> Interval:
    return Interval(
        tag=tag,
        digest=Digest(name),
        first_seen=held.first_seen,
        last_seen=until,
        ended=ended,
        ended_at=until if ended else None,
        version=held.version,
        verdict=_verdict(past[-1].version, held.version) if past else None,
        kind=Seen.COMMITTED,
    )


@lru_cache(maxsize=4096)
def _verdict(before: str | None, after: str | None) -> str:
    """Return upgraded or downgraded where the two versions show it, else unknown.

    A library file does not say what else changed.
    """
    if is_step_back(before, after):
        return Verdict.DOWNGRADED.value
    is_up = before is not None and after is not None and version_key(before) < version_key(after)
    return (Verdict.UPGRADED if is_up else Verdict.UNKNOWN).value
