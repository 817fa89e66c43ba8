"""What official tags were: the versions of a library file, folded into intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from tagwatch.audit.change import Verdict
from tagwatch.audit.history import Interval, Seen
from tagwatch.audit.resolve import resolve_tag
from tagwatch.image.digest import Digest
from tagwatch.image.tag import version_key
from tagwatch.image.tag_table import TagTable
from tagwatch.source.library import LibraryBuild, served_builds
from tagwatch.value import replace

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
    served: Mapping[str, str] = {}
    last_at: datetime | None = None
    for committed_at, builds in versions:
        at = committed_at if last_at is None else max(committed_at, last_at)
        before, served, last_at = served, served_builds(builds), at
        moved = [tag for tag in {**before, **served} if before.get(tag) != served.get(tag)]
        table = TagTable.of({tag: Digest(name) for tag, name in served.items()}) if moved else None
        for tag in moved:
            intervals = past.setdefault(tag, [])
            if tag in before:
                _end(intervals, at)
            if tag in served and table is not None:
                version = resolve_tag(tag, table).version
                intervals.append(_begun(tag, served[tag], at, version, intervals))
    return tuple(
        interval
        if interval.ended
        else replace(interval, last_seen=max(head_at, interval.last_seen))
        for tag in sorted(past)
        for interval in past[tag]
    )


def _end(intervals: list[Interval], at: datetime) -> None:
    if intervals[-1].first_seen == at:
        intervals.pop()
    else:
        intervals[-1] = replace(intervals[-1], last_seen=at, ended=True, ended_at=at)


def _begun(
    tag: str, name: str, at: datetime, version: str | None, past: list[Interval]
) -> Interval:
    return Interval(
        tag=tag,
        digest=Digest(name),
        first_seen=at,
        last_seen=at,
        version=version,
        verdict=_verdict(past[-1].version, version) if past else None,
        kind=Seen.COMMITTED,
    )


def _verdict(before: str | None, after: str | None) -> str:
    """Up or down where both versions are known; a library file does not say what else changed."""
    if before is None or after is None or before == after:
        return Verdict.UNKNOWN.value
    up = version_key(before) < version_key(after)
    return (Verdict.UPGRADED if up else Verdict.DOWNGRADED).value
