"""What is news: the findings of a run against those that stood before it.

What was not read neither goes nor comes: a finding of a repository or file that this run could not
read stands as it did, and is told as fixed by the run that can read its place again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from tagwatch.audit.model.finding import Finding
from tagwatch.audit.verdict.result import (
    LAPSED,
    UNCHECKED,
    AuditResult,
    RepositoryChange,
    Since,
    is_outage,
)
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Gone
from tagwatch.source.target import parts_of
from tagwatch.value import dataclass, replace

__all__ = [
    "News",
    "RunScope",
    "differences",
    "in_scope",
    "news_of",
    "repository_of",
]

_TOLD_FOR = timedelta(days=30)
_CUT = "cut-off"
"""The code of a listing that was cut short: what was known below its prefix is asked anyway."""

RunScope = AbstractSet[Repository] | None
"""The repositories that a run is about; None: all there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one run tells, and no run before it did."""

    before: datetime | None = None
    """When the run began that the news are since; None: this is the first one."""
    since: Since
    """The findings that came, grew worse and went, and those that stand as they stood."""
    changes: tuple[RepositoryChange, ...] = ()
    """The tags that moved."""
    gone: tuple[Gone, ...] = ()
    """The tags that were deleted."""
    explained: tuple[RepositoryChange, ...] = ()
    """Moves that an earlier run told of without a verdict, and that have one now."""
    reworded: tuple[Finding, ...] = ()
    """Findings that stood before, and say something else now."""
    restated: tuple[Finding, ...] = ()
    """These, and others of which something else than the dates of the evidence differs."""

    @property
    def is_first(self) -> bool:
        """True where there is nothing to compare with yet."""
        return self.before is None


def news_of(
    result: AuditResult,
    standing: Iterable[Finding],
    *,
    before: datetime | None,
    scope: RunScope = None,
) -> News:
    """Return what `result` has to tell where these findings stood before it."""
    since, reworded, restated = _differences(standing, result, scope)
    return News(
        before=before,
        since=since,
        reworded=reworded,
        restated=restated,
        changes=result.changes,
        gone=result.gone,
        explained=result.explained,
    )


def differences(
    standing: Iterable[Finding], result: AuditResult, *, scope: RunScope = None
) -> Since:
    """Return what came, grew worse, went and stayed in the scope, matched by fingerprint."""
    return _differences(standing, result, scope)[0]


def _differences(
    standing: Iterable[Finding], result: AuditResult, scope: RunScope
) -> tuple[Since, tuple[Finding, ...], tuple[Finding, ...]]:
    """Return them, the findings that stand and say something else now, and that differ at all.

    Of what stands on, only what differs is kept: there may be as many findings as tags.
    """
    now = {finding.fingerprint: finding for finding in result.findings}
    stood: set[str] = set()
    risen: set[str] = set()
    said_else: set[str] = set()
    other: set[str] = set()
    gone: list[Finding] = []
    for old in standing:
        finding = now.get(old.fingerprint)
        if finding is None:
            gone += [old] if in_scope(old, scope) else []
            continue
        stood.add(finding.fingerprint)
        if finding.severity.rank > old.severity.rank and in_scope(finding, scope):
            risen.add(finding.fingerprint)
        if finding.message != old.message:
            said_else.add(finding.fingerprint)
        if _is_other(finding, old):
            other.add(finding.fingerprint)
    new: list[Finding] = []
    worse: list[Finding] = []
    same: list[Finding] = []
    for finding in result.findings:
        if finding.fingerprint not in stood:
            if in_scope(finding, scope):
                new.append(finding)
        elif finding.fingerprint in risen:
            worse.append(finding)
        else:
            same.append(finding)
    unread = _unread(result)
    fixed = [
        old
        for old in gone
        if (
            not _still_stands(old, result)
            if is_outage(old)
            else not {repository_of(old), *_with_folders(old.location.path)} & unread
        )
    ]
    unlisted = _unlisted(fixed, result)
    fixed = [_as_gone(old, result) for old in fixed if old.fingerprint not in unlisted]
    since = Since(new=tuple(new), worse=tuple(worse), fixed=tuple(fixed), same=tuple(same))
    stood_on = (*same, *worse)
    reworded = tuple(one for one in stood_on if one.fingerprint in said_else)
    return since, reworded, tuple(one for one in stood_on if one.fingerprint in other)


def _as_gone(old: Finding, result: AuditResult) -> Finding:
    """Return a finding that went, with the fact `lapsed` where time alone took it away.

    A move is told for some weeks. That its tag serves the same still is nobody's mending.
    """
    after, moved_at = old.evidence.get("after"), old.evidence.get("moved_at")
    if after is None or moved_at is None or old.reference is None:
        return old
    tag = old.reference.tag
    known = result.evidence.get(old.reference.canonical) if tag is not None else None
    if known is None:  # a watched pattern, or an image that no file names any more
        moment = _moment(moved_at)
        is_served = moment is not None and result.at - moment > _TOLD_FOR
    else:
        last = known.history[-1] if known.history else None
        is_served = last is not None and last.digest == after and not last.ended
        is_served = is_served and _is_written(old, result)
    return replace(old, evidence={**old.evidence, LAPSED: "true"}) if is_served else old


def _moment(text: str) -> datetime | None:
    """Return a time that a rule said, if it is one: a rule that somebody brought may say any."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _is_written(old: Finding, result: AuditResult) -> bool:
    """Return True where its file names the image so still; where it is mended, another one may."""
    path, reference = old.location.path, old.reference
    assert reference is not None
    for part in parts_of(result.targets):
        place = getattr(part, "location", None)
        if place is not None:  # of an entry of the watch list: no target is made
            found = place.path == path and reference.canonical in getattr(part, "keys", ())
        else:
            found = any(one.location.path == path and one.reference == reference for one in part)
        if found:
            return True
    return False


def _is_other(finding: Finding, old: Finding) -> bool:
    """Return True where more differs than the evidence, which has the dates of its night."""
    names = (name for name in Finding.__slots__ if name != "evidence")
    return any(getattr(finding, name) != getattr(old, name) for name in names)


def in_scope(finding: Finding, scope: RunScope) -> bool:
    """Return True where a run of this scope may speak of the finding.

    A finding of no image belongs to the whole.
    """
    return scope is None or repository_of(finding) in scope


def repository_of(finding: Finding) -> Repository | None:
    """Return the repository that a finding is about; None where it is about a file or the run."""
    return finding.reference.repository if finding.reference is not None else None


def _unread(result: AuditResult) -> set[object]:
    """Return the repositories and paths that were not read: nothing there counts as fixed."""
    told = {repository_of(one) for one in result.findings if one.rule == UNCHECKED}
    failed = {failure.repository for failure in result.refusals}
    paths = {problem.location.path for problem in result.problems if not problem.skipped}
    found: set[object] = {*told, *failed, *paths}
    return found - {None}


def _with_folders(path: str) -> Iterator[str]:
    """Yield a path and those of its folders: one may be a repository that could not be read."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _still_stands(outage: Finding, result: AuditResult) -> bool:
    """Return True where this run cannot say that an earlier outage is over.

    Another finding tells of it now (one of the whole registry in place of one of a repository), or
    nobody asked.
    """
    repository, host = outage.evidence.get("repository"), outage.evidence["registry"]
    if repository is not None:
        return any(one.repository.name == repository for one in result.refusals)
    told = any(
        one.evidence["registry"] == host and "repository" not in one.evidence
        for one in result.findings
        if is_outage(one)
    )
    return told or any(
        one.code == "stopped" and one.repository.registry == host for one in result.failures
    )


def _unlisted(gone: Iterable[Finding], result: AuditResult) -> frozenset[str]:
    """Return the fingerprints of findings below a prefix whose listing failed.

    Nobody asked for these repositories, except where a target of this run names one.
    """
    failed = [one.repository for one in result.refusals if one.tag is None and one.code != _CUT]
    below = [
        finding
        for finding in gone
        if (home := repository_of(finding)) is not None
        and any(_is_below(home, prefix) for prefix in failed)
    ]
    if not below:
        return frozenset()
    named = {
        (target.reference.repository, target.location.path)
        for target in result.targets
        if target.reference is not None
    }
    return frozenset(
        one.fingerprint for one in below if (repository_of(one), one.location.path) not in named
    )


def _is_below(repository: Repository, prefix: Repository) -> bool:
    """Return True where the failure of a prefix, named as a repository, may be about this one."""
    if repository.registry != prefix.registry:
        return False
    return prefix.path == "*" or repository.path.startswith(f"{prefix.path}/")
