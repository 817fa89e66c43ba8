"""JSON for programs: results, by the contract of `schema_version` 1 (`docs/json.md`).

Every document is written out field by field and is never a dump of our own types, so that those
can change. `answer_document` has what other commands answer, `json_text` writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tagwatch.audit.model.coverage import Reading, State
from tagwatch.audit.model.evidence import Resolution, SelectedEvidence, Status, in_order
from tagwatch.audit.model.finding import Finding, causes_of, is_routine
from tagwatch.audit.verdict.result import LAPSED, AuditResult, Ignored, RepositoryChange
from tagwatch.image.reference import Reference
from tagwatch.image.snapshot import Failure, Quota, Remark
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.json_text import written
from tagwatch.publish.wording import stamp
from tagwatch.source.target import Location, Problem
from tagwatch.source.text.edit import Fix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from tagwatch.audit.model.evidence import Evidence
    from tagwatch.audit.model.outline import Outline

    Document = dict[str, Any]

__all__ = [
    "SCHEMA_VERSION",
    "canonical",
    "failure_document",
    "finding_document",
    "location_document",
    "news_parts",
    "outline_of",
    "parts",
    "problem_document",
    "remark_documents",
    "render",
    "resolution_document",
    "result_document",
    "suffix",
]

SCHEMA_VERSION = 1
_READ = Reading(state=State.READ)
_UNAVAILABLE = Reading(state=State.UNAVAILABLE)
suffix = ".json"


def render(result: AuditResult, context: PublishContext) -> str:
    """See `Publisher.render`."""
    return "".join(parts(result, context))


def parts(result: AuditResult, context: PublishContext) -> Iterator[str]:  # noqa: ARG001  # see InParts.parts
    """See `InParts.parts`: lists, of which some are long, are made item by item."""
    return written(_result(result))


def news_parts(result: AuditResult, context: PublishContext) -> Iterator[str]:
    """See `OfRuns.news_parts`: what the run told, in the form of a result."""
    from tagwatch.publish.quiet import news_alone

    news = context.news
    if news is None or news.is_first:
        return parts(result, context)
    return written(
        {
            **_result(news_alone(result, news)),
            "fixed": map(finding_document, news.since.fixed),
            "standing_as_of": stamp(news.before),
        }
    )


def result_document(result: AuditResult) -> Document:
    """What `check` and `scan` answer."""
    return {
        name: list(value) if isinstance(value, Iterator) else value
        for name, value in _result(result).items()
    }


def _result(result: AuditResult) -> Document:
    """The same; the items of its lists are made one by one."""
    return {
        "schema_version": SCHEMA_VERSION,
        "at": stamp(result.at),
        "complete": result.complete,
        "coverage": {
            "targets": result.coverage.targets,
            "read": result.coverage.read,
            "unresolved": result.coverage.unresolved,
            "unavailable": result.coverage.unavailable,
            "remembered": result.coverage.remembered,
            "built": result.coverage.built,
            "reasons": [
                {"reason": one.reason.value, "targets": one.targets, "since": stamp(one.since)}
                for one in result.coverage.reasons
            ],
        },
        "findings": _findings(result.findings),
        "ignored": map(_ignored, result.ignored),
        "resolutions": _images(result),
        "changes": map(_change, result.changes),
        "gone": [
            {"repository": one.repository.name, "tag": one.tag, "digest": one.digest}
            for one in result.gone
        ],
        **({"explained": map(_change, result.explained)} if result.explained else {}),
        **({"kept_back": _kept_back(result)} if result.kept_back else {}),
        "problems": map(problem_document, result.problems),
        "failures": map(failure_document, result.failures),
        "remarks": remark_documents(result.remarks),
        "requests": {
            host: dict(sorted(kinds.items())) for host, kinds in sorted(result.requests.items())
        },
        "quotas": {host: _quota(quota) for host, quota in sorted(result.quotas.items())},
        "facts_from": result.facts_from or None,
    }


def remark_documents(remarks: Iterable[Remark]) -> list[Document]:
    return [{"repository": one.repository.name, "message": one.message} for one in remarks]


def _quota(quota: Quota) -> Document:
    return {
        "limit": quota.limit,
        "remaining": quota.remaining,
        "window_seconds": quota.window_seconds,
    }


_WHY_LESS = ("sample", "elsewhere", "published_by")
"""What makes a finding less severe in its file than elsewhere."""


def _findings(findings: Sequence[Finding]) -> Iterator[Document]:
    """Each finding; a further place of a cause names the finding that is told of it."""
    first = {
        place.fingerprint: places[0].fingerprint
        for places in causes_of(findings)
        for place in places[1:]
    }
    for finding in findings:
        cause = first.get(finding.fingerprint)
        yield {**finding_document(finding), **({"cause": cause} if cause is not None else {})}


def finding_document(finding: Finding) -> Document:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
        "location": location_document(finding.location),
        "reference": canonical(finding.reference),
        "fix": _fix(finding.fix),
        "fingerprint": finding.fingerprint,
        **{name: finding.evidence[name] for name in _WHY_LESS if name in finding.evidence},
        **({"brief": True} if is_routine(finding) else {}),
        **({"lapsed": True} if LAPSED in finding.evidence else {}),
    }


def _kept_back(result: AuditResult) -> Document:
    return {
        "count": len(result.kept_back),
        "places": [
            {
                "location": location_document(one.location),
                "reference": canonical(one.reference),
                "candidates": [
                    {"reference": reference, "reasons": dict(sorted(reasons.items()))}
                    for reference, reasons in one.refused
                ],
            }
            for one in result.kept_back
        ],
    }


def _ignored(ignored: Ignored) -> Document:
    return {
        "by": ignored.by,
        "reason": ignored.reason,
        "owner": ignored.owner,
        "until": ignored.until,
        "finding": finding_document(ignored.finding),
    }


def location_document(location: Location) -> Document:
    return {
        "path": location.path,
        "line": location.line,
        "column": location.column,
        "end_line": location.end_line,
        "end_column": location.end_column,
    }


def _fix(fix: Fix | None) -> Document | None:
    if fix is None:
        return None
    return {
        "path": fix.path,
        "start": fix.start,
        "end": fix.end,
        "replacement": fix.replacement,
        "description": fix.description,
    }


def _images(result: AuditResult) -> Iterator[Document]:
    """The resolution of each image, also of one that is used and of which nothing was ever read."""
    unread: dict[str, Document] = {}
    if result.coverage.unavailable:
        from tagwatch.publish.used import used_images

        unread = {
            key: _unread(one.text, one.reference)
            for key, one in used_images(result)
            if one.evidence is None
        }
    for key in sorted({*result.evidence, *unread}) if unread else in_order(result.evidence):
        yield (
            unread[key]
            if key in unread
            else _known(outline_of(result.evidence, key), result.readings.get(key))
        )


def _unread(text: str, reference: Reference) -> Document:
    """What is known of an image by its name alone."""
    resolution = Resolution(
        input=text,
        status=Status.UNAVAILABLE,
        reference=reference if reference.digest is not None else None,
        digest=reference.digest,
    )
    return {**resolution_document(resolution), "state": State.UNAVAILABLE.value, "reason": None}


def outline_of(evidence: Mapping[str, Evidence], key: str) -> Evidence | Outline:
    """Return what a list says of the evidence of a key; what has its text reads no more of it."""
    while isinstance(evidence, SelectedEvidence) and key not in evidence.adapted:
        evidence = evidence.source
    outline: Callable[[str], Evidence | Outline] | None = getattr(evidence, "outline", None)
    return evidence[key] if outline is None else outline(key)


def _known(evidence: Evidence | Outline, reading: Reading | None) -> Document:
    """A resolution of a run, with how its image is known."""
    if reading is None:
        was_read = evidence.resolution.status is not Status.UNAVAILABLE
        reading = _READ if was_read else _UNAVAILABLE
    is_remembered = reading.state is State.REMEMBERED
    document = _resolution(
        evidence.resolution,
        read_at=reading.since if is_remembered else evidence.at,
        origin=evidence.origin if is_remembered else "",
    )
    document["state"] = reading.state.value
    document["reason"] = reading.reason.value if reading.reason is not None else None
    return document


def resolution_document(resolution: Resolution) -> Document:
    return _resolution(resolution, read_at=resolution.read_at, origin=resolution.origin)


def _resolution(resolution: Resolution, *, read_at: datetime | None, origin: str) -> Document:
    """The same; when it was read, and whose word it is, is told of a run in another way."""
    newer = resolution.newer
    document: Document = {
        "input": resolution.input,
        "reference": canonical(resolution.reference),
        "status": resolution.status.value,
        "tag": resolution.tag,
        "version": resolution.version,
        "digest": resolution.digest,
        "aliases": list(resolution.aliases),
        "basis": resolution.basis.value,
        "newer": {"patch": newer.patch, "minor": newer.minor, "major": newer.major},
        "supported": resolution.supported,
        "read_at": stamp(read_at),
    }
    if origin:
        document["origin"] = origin
    if resolution.more_aliases:
        document["more_aliases"] = resolution.more_aliases
    if resolution.nearest:
        document["nearest"] = list(resolution.nearest)
    if newer.not_comparable:
        document["newer"]["not_comparable"] = newer.not_comparable
    if resolution.note:
        document["note"] = resolution.note
    return document


def _change(moved: RepositoryChange) -> Document:
    from tagwatch.publish.diff_document import diff_document

    change = moved.change
    return {
        "repository": moved.repository.name,
        "tag": change.tag,
        "before": change.before,
        "after": change.after,
        "at": stamp(change.at),
        "verdict": change.verdict.value,
        "reason": change.reason,
        "signs": list(change.signs),
        "lost_base": change.lost_base or None,
        "platforms": list(change.platforms),
        "version_before": change.version_before,
        "version_after": change.version_after,
        "diff": diff_document(change),
    }


def problem_document(problem: Problem) -> Document:
    return {
        "message": problem.message,
        "location": location_document(problem.location),
        "hint": problem.hint,
        "skipped": problem.skipped,
    }


def failure_document(failure: Failure) -> Document:
    return {
        "repository": failure.repository.name,
        "tag": failure.tag,
        "status": failure.status,
        "code": failure.code,
        "message": failure.message,
        "hint": failure.hint,
    }


def canonical(reference: Reference | None) -> str | None:
    return reference.canonical if reference is not None else None
