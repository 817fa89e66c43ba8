"""What official tags were: the versions of a library file, folded into intervals."""

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
from tagwatch.image.tag import Kind, Tag, is_step_back, parse_tag, version_key
from tagwatch.image.tag_table import TagTable
from tagwatch.image.vocabulary import PLAIN, Vocabulary
from tagwatch.source.library import LibraryBuild, served_builds

__all__ = ["library_intervals"]


def library_intervals(
    versions: Iterable[tuple[datetime, Iterable[LibraryBuild]]], *, head_at: datetime
) -> tuple[Interval, ...]:
    """The intervals of every tag that a library file ever named, by tag and oldest first.

    `versions` are the file's, oldest first, each with the date of its commit; no builds where the
    file was not there. `head_at`: until then the last version holds. The digest is the build's
    name, the version what the tag's aliases said at the interval's beginning. Cost: linear in the
    tags of all versions.
    """
    past: dict[str, list[Interval]] = {}
    held: dict[str, _Held] = {}
    served: Mapping[str, str] = {}
    names = _Names()
    last_at: datetime | None = None
    for committed_at, builds in versions:
        at = committed_at if last_at is None else max(committed_at, last_at)
        before, served, last_at = served, served_builds(builds), at
        moved = [tag for tag in {**before, **served} if before.get(tag) != served.get(tag)]
        for tag in moved:
            intervals = past.setdefault(tag, [])
            if tag in before and (ended := held.pop(tag)).first_seen < at:
                intervals.append(_interval(tag, before[tag], ended, intervals, at, ended=True))
        for tag, version in names.versions(served, [tag for tag in moved if tag in served]):
            held[tag] = _Held(at, version)
    for tag, begun in held.items():
        until = max(head_at, begun.first_seen)
        past[tag].append(_interval(tag, served[tag], begun, past[tag], until, ended=False))
    return tuple(interval for tag in sorted(past) for interval in past[tag])


class _Held(NamedTuple):
    """What is kept of an interval until its end is known; there are as many as tags."""

    first_seen: datetime
    version: str | None


class _Names:
    """Tags read with the words of their day. Few commits change these: what was read is kept."""

    def __init__(self) -> None:
        self._listed: frozenset[str] = frozenset()
        self._vocabulary = PLAIN
        self._read: dict[Vocabulary, dict[str, Tag]] = {}
        self._tags: dict[str, Tag] = {}

    def versions(
        self, served: Mapping[str, str], tags: Collection[str]
    ) -> Iterator[tuple[str, str | None]]:
        """The version of each of `tags`, as `resolve.version_of` would name it."""
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
    """True where a pre-release and a final name one image: the other tags tell what it is."""
    return len({tag.pre is None for tag in group if tag.kind is Kind.VERSION}) > 1


def _heaviest(group: Sequence[Tag]) -> Sequence[Tag]:
    """The version tags of a group that give the most numbers: no other can be its concrete tag."""
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
    """Up or down where both versions are known; a library file does not say what else changed."""
    if is_step_back(before, after):
        return Verdict.DOWNGRADED.value
    is_up = before is not None and after is not None and version_key(before) < version_key(after)
    return (Verdict.UPGRADED if is_up else Verdict.UNKNOWN).value
