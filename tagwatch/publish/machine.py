"""JSON for programs: the contract of `schema_version` 1 (`docs/json.md`).

Every document is written out field by field and is never a dump of our own types, so that those
can change. Text is ASCII with escapes: nothing in it can move a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tagwatch.audit.model.base_match import BaseMatch, MatchedBase
from tagwatch.audit.model.coverage import Reading, State
from tagwatch.audit.model.evidence import Resolution, Status, is_readable
from tagwatch.audit.model.finding import Finding, Fix, causes_of, is_routine
from tagwatch.audit.model.history import Interval
from tagwatch.audit.verdict.result import LAPSED, AuditResult, Ignored, RepositoryChange
from tagwatch.image.digest import is_digest
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.snapshot import Failure, Quota, Remark
from tagwatch.publish.interface import BaseAnswer, PublishContext
from tagwatch.publish.wording import stamp
from tagwatch.source.target import Location, Problem, Target
from tagwatch.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from tagwatch.audit.verdict.outlook import End, Prospect, Prospects, Step
    from tagwatch.audit.verdict.pull_request import ImageChange, PullRequest, Side
    from tagwatch.audit.version.library_history import LibraryWord
    from tagwatch.audit.version.lifecycle import Lifecycle

    Document = dict[str, Any]

__all__ = [
    "SCHEMA_VERSION",
    "base_document",
    "dump",
    "histories_document",
    "history_document",
    "items",
    "news_parts",
    "parts",
    "prospects_document",
    "pull_request_document",
    "render",
    "resolutions_document",
    "result_document",
    "suffix",
    "targets_document",
]

SCHEMA_VERSION = 1
_READ = Reading(state=State.READ)
_UNAVAILABLE = Reading(state=State.UNAVAILABLE)
suffix = ".json"
_FEW = 100
"""So many items of a list are written before it is worth to load what writes them quickly."""
_compact = json.JSONEncoder(allow_nan=False).encode


def render(result: AuditResult, context: PublishContext) -> str:
    """See `Publisher.render`."""
    return "".join(parts(result, context))


def parts(result: AuditResult, context: PublishContext) -> Iterator[str]:  # noqa: ARG001  # see InParts.parts
    """See `InParts.parts`: lists, of which some are long, are made item by item."""
    return _written(_result(result))


def news_parts(result: AuditResult, context: PublishContext) -> Iterator[str]:
    """See `OfRuns.news_parts`: what the run told, in the form of a result."""
    from tagwatch.publish.quiet import news_alone

    news = context.news
    if news is None or news.is_first:
        return parts(result, context)
    return _written(
        {
            **_result(news_alone(result, news)),
            "fixed": map(_finding, news.since.fixed),
            "standing_as_of": stamp(news.before),
        }
    )


def _written(document: Document) -> Iterator[str]:
    """A document with lists that are made item by item."""
    before = "{\n"
    for name, value in document.items():
        yield f"{before}  {_text(name)}: "
        before = ",\n"
        if isinstance(value, Iterator):
            yield from items(value)
        else:
            yield _text(value, depth=2)
    yield "\n}\n"


def items(values: Iterator[Any], *, depth: int = 2) -> Iterator[str]:
    """A list that many spaces deep in a document, item by item."""
    before, text, margin = "[", _text, " " * depth
    for number, value in enumerate(values):
        if number == _FEW:
            text = _quick_text
        yield f"{before}\n{margin}  {text(value, depth=depth + 2)}"
        before = ","
    yield "[]" if before == "[" else f"\n{margin}]"


def dump(document: Mapping[str, Any] | list[Any]) -> str:
    """A document as text: fields in the contract's order, two spaces, a line end."""
    return _text(document) + "\n"


def _text(value: Any, *, depth: int = 0) -> str:
    """JSON, as it stands that many spaces deep in a document; no string of it has a line end."""
    return _placed(json.dumps(value, indent=2, allow_nan=False), value, depth)


def _quick_text(value: Any, *, depth: int = 0) -> str:
    """The same in a fifth of the time, by msgspec, which is slow to load."""
    from msgspec.json import format as indented

    text = _compact(value)
    if "\\ud" in text:  # what msgspec may refuse
        return _text(value, depth=depth)
    return _placed(indented(text, indent=2), value, depth)


def _placed(text: str, value: Any, depth: int) -> str:
    """The text of a value, without what harms a reader."""
    if "\\ud" in text:
        # perhaps half a surrogate pair, from a file of odd bytes: strict parsers refuse it
        raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        text = json.dumps(json.loads(raw), indent=2)
    if "##" in text:  # `##[…]` anywhere in a line is a command to some who run workflows
        text = text.replace("##", "#\\u0023")
    return text.replace("\n", "\n" + " " * depth) if depth else text


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
        "problems": map(_problem, result.problems),
        "failures": map(_failure, result.failures),
        "remarks": _remarks(result.remarks),
        "requests": {
            host: dict(sorted(kinds.items())) for host, kinds in sorted(result.requests.items())
        },
        "quotas": {host: _quota(quota) for host, quota in sorted(result.quotas.items())},
        "facts_from": result.facts_from or None,
    }


def resolutions_document(
    resolutions: Iterable[Resolution], remarks: Iterable[Remark] = ()
) -> Document:
    """What `resolve` answers, in the order asked; `remarks`: on what was read for it."""
    return _document(
        resolutions=[_resolution(resolution) for resolution in resolutions],
        remarks=_remarks(remarks),
    )


def _remarks(remarks: Iterable[Remark]) -> list[Document]:
    return [{"repository": one.repository.name, "message": one.message} for one in remarks]


def targets_document(targets: Iterable[Target]) -> Document:
    """What `extract` answers, in the order found."""
    return _document(targets=[_target(target) for target in targets])


def history_document(
    repository: Repository,
    intervals: Iterable[Interval],
    lifecycle: Lifecycle | None = None,
    *,
    origin: str = "",
    word: LibraryWord | None = None,
) -> Document:
    """What `history` answers of one repository, oldest first; `lifecycle`: of the one tag asked.

    `origin`: see `Evidence.origin`; `word`: whose word it is where no ledger holds it.
    """
    ordered = sorted(intervals, key=lambda interval: (interval.first_seen, interval.tag))
    return _document(
        repository=repository.name,
        intervals=[_interval(interval) for interval in ordered],
        lifecycle=lifecycle.value if lifecycle else None,
        **({"origin": origin} if origin else {}),
        **({"bundle": {"as_of": stamp(word.as_of), "commit": word.commit}} if word else {}),
    )


def histories_document(
    found: Iterable[tuple[Repository, Iterable[Interval]]],
    lifecycle: Lifecycle | None,
    origins: Mapping[Repository, str],
    words: Mapping[Repository, LibraryWord | None],
) -> Document:
    """What `history` answers: of one repository its document, of several a list of them.

    `origins` and `words`: see `history_document`.
    """
    documents = [
        history_document(*one, lifecycle, origin=origins[one[0]], word=words[one[0]])
        for one in found
    ]
    return documents[0] if len(documents) == 1 else _document(repositories=documents)


def prospects_document(found: Prospects, images: Iterable[Prospect]) -> Document:
    """What `outdated` answers; `images`: those of `found` that are listed, the rest is counted."""
    from tagwatch.audit.verdict.outlook import Outlook  # few ask for it

    return _document(
        at=stamp(found.at),
        level=found.level.value,
        complete=found.complete,
        counts={
            "images": len(found.images),
            "past_end_of_life": sum(one.is_over for one in found.images),
            **{
                one.value.replace("-", "_"): sum(image.outlook is one for image in found.images)
                for one in Outlook
            },
        },
        images=[_prospect(one) for one in images],
    )


def _prospect(one: Prospect) -> Document:
    return {
        "name": one.name,
        "reference": _canonical(one.reference),
        "places": [_location(place) for place in one.places],
        "outlook": one.outlook.value,
        "outdated": one.is_outdated,
        "now": one.now,
        "digest": one.digest,
        "built_at": stamp(one.built_at),
        "read_at": stamp(one.read_at),
        "end_of_life": [_end(end) for end in one.ends],
        "newer": {step.level.value: _step(step) for step in one.steps},
        "why": one.why or None,
    }


def _step(step: Step) -> Document:
    kept = step.kept_back
    return {
        "tag": step.reference.tag if step.reference is not None else None,
        "between": [one.tag for one in step.between],
        "end_of_life": [_end(end) for end in step.ends],
        "kept_back": None
        if kept is None
        else {
            "tag": kept.tag,
            "reasons": dict(step.reasons),
            "old_enough_from": step.old_enough_from or None,
        },
    }


def _end(end: End) -> Document:
    return {
        "product": end.product,
        "line": end.line,
        "ends": end.on.isoformat() if end.on else None,
        "over": end.is_over,
        "sure": end.sure,
    }


def pull_request_document(told: PullRequest) -> Document:
    """What `pr` answers."""
    from tagwatch.publish.pull_request import pull_request_sentence

    return _document(
        at=stamp(told.at),
        range=told.named,
        base=told.base,
        head=told.head,
        summary=pull_request_sentence(told),
        complete=told.complete,
        changes=[_image_change(one, told.at) for one in told.changes],
        failures=[_failure(one) for one in told.failures],
        problems=[_problem(one) for one in told.problems],
    )


def _image_change(one: ImageChange, at: datetime) -> Document:
    from tagwatch.publish.pull_request import links_of

    age, change = one.age, one.change
    return {
        "kind": one.kind.value,
        "step": one.step or None,
        "before": _image_side(one.old),
        "after": _image_side(one.new),
        "places": [_location(place) for place in one.places],
        "verdict": change.verdict.value if change is not None else None,
        "reason": (change.reason if change is not None else one.why) or None,
        "age": None
        if age is None
        else {
            "since": stamp(age.since),
            "clock": age.clock,
            "known": age.is_known,
            "young": age.is_young(at),
            "old_enough_from": stamp(age.since + age.cooldown) if age.is_known else None,
        },
        "links": [{"title": link.title, "url": link.url} for link in links_of(one)],
        "findings": [_finding(finding) for finding in one.findings],
    }


def _image_side(side: Side | None) -> Document | None:
    if side is None:
        return None
    resolution = side.resolution
    return {
        "text": side.text,
        "reference": _canonical(side.reference),
        "tag": resolution.tag if resolution is not None else None,
        "version": resolution.version if resolution is not None else None,
        "digest": resolution.digest if resolution is not None else None,
        "built_at": stamp(side.built_at),
        "why": side.why or None,
    }


def base_document(answers: Iterable[BaseAnswer]) -> Document:
    """What `base` answers, image by image, platform by platform."""
    return _document(
        images=[
            {
                "input": answer.input,
                "reference": answer.reference,
                "platforms": [_base(match) for match in answer.matches],
            }
            for answer in answers
        ]
    )


def _document(**fields: Any) -> Document:
    return {"schema_version": SCHEMA_VERSION, **fields}


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
        yield {**_finding(finding), **({"cause": cause} if cause is not None else {})}


def _finding(finding: Finding) -> Document:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
        "location": _location(finding.location),
        "reference": _canonical(finding.reference),
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
                "location": _location(one.location),
                "reference": _canonical(one.reference),
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
        "finding": _finding(ignored.finding),
    }


def _location(location: Location) -> Document:
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
    for key in sorted({*result.evidence, *unread}) if unread else sorted(result.evidence):
        yield unread[key] if key in unread else _known(key, result)


def _unread(text: str, reference: Reference) -> Document:
    """What is known of an image by its name alone."""
    resolution = Resolution(
        input=text,
        status=Status.UNAVAILABLE,
        reference=reference if reference.digest is not None else None,
        digest=reference.digest,
    )
    return {**_resolution(resolution), "state": State.UNAVAILABLE.value, "reason": None}


def _known(key: str, result: AuditResult) -> Document:
    """A resolution of a run, with how its image is known."""
    evidence = result.evidence[key]
    reading = result.readings.get(key) or (_READ if is_readable(evidence) else _UNAVAILABLE)
    is_remembered = reading.state is State.REMEMBERED
    read_at = reading.since if is_remembered else evidence.at
    origin = evidence.origin if is_remembered else ""
    return {
        **_resolution(replace(evidence.resolution, read_at=read_at, origin=origin)),
        "state": reading.state.value,
        "reason": reading.reason.value if reading.reason is not None else None,
    }


def _resolution(resolution: Resolution) -> Document:
    newer = resolution.newer
    document: Document = {
        "input": resolution.input,
        "reference": _canonical(resolution.reference),
        "status": resolution.status.value,
        "tag": resolution.tag,
        "version": resolution.version,
        "digest": resolution.digest,
        "aliases": list(resolution.aliases),
        "basis": resolution.basis.value,
        "newer": {"patch": newer.patch, "minor": newer.minor, "major": newer.major},
        "supported": resolution.supported,
        "read_at": stamp(resolution.read_at),
    }
    if resolution.origin:
        document["origin"] = resolution.origin
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


def _problem(problem: Problem) -> Document:
    return {
        "message": problem.message,
        "location": _location(problem.location),
        "hint": problem.hint,
        "skipped": problem.skipped,
    }


def _failure(failure: Failure) -> Document:
    return {
        "repository": failure.repository.name,
        "tag": failure.tag,
        "status": failure.status,
        "code": failure.code,
        "message": failure.message,
        "hint": failure.hint,
    }


def _target(target: Target) -> Document:
    reference, location = target.reference, target.location
    document: Document = {
        "path": location.path,
        "line": location.line,
        "column": location.column,
        "end_column": location.end_column,
        "text": target.text,
        "kind": target.kind,
        "reference": _canonical(reference),
        "repository": reference.repository.name if reference else None,
        "tag": reference.tag if reference else None,
        "digest": reference.digest if reference else None,
        "stage": target.stage,
        "platform": target.platform,
        "missing": list(target.missing),
    }
    if target.onbuild:
        document["onbuild"] = True
    if target.invalid:
        document["invalid"] = target.invalid
    return document


def _interval(interval: Interval) -> Document:
    return {
        "tag": interval.tag,
        "digest": interval.digest if is_digest(interval.digest) else None,
        "version": interval.version,
        "first_seen": stamp(interval.first_seen),
        "last_seen": stamp(interval.last_seen),
        "ended": interval.ended,
        "verdict": interval.verdict,
        "kind": interval.kind.value,
        "reason": interval.reason,
    }


def _base(match: BaseMatch) -> Document:
    base, current = match.base, match.current
    return {
        "platform": match.platform,
        "verdict": match.verdict.value,
        "base": None
        if base is None
        else {
            "reference": base.reference,
            **_named(base),
            "first_seen": stamp(base.first_seen),
            "last_seen": stamp(base.last_seen),
        },
        "current": None if current is None else _named(current),
        "layers": {
            "matched": match.layers_matched,
            "replaced": match.layers_replaced,
            "added": match.layers_added,
        },
        "ancestry": list(match.ancestry),
        "claims": list(match.claims),
        "sentence": match.sentence,
    }


def _named(base: MatchedBase) -> Document:
    return {"tag": base.tag, "version": base.version, "digest": base.digest}


def _canonical(reference: Reference | None) -> str | None:
    return reference.canonical if reference is not None else None
