"""The JSON of `resolve`, `extract`, `history`, `base`, `outdated` and `pr` (`docs/json.md`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tagwatch.audit.model.base_match import BaseMatch, MatchedBase
from tagwatch.audit.model.evidence import Resolution
from tagwatch.audit.model.history import Interval
from tagwatch.image.digest import is_digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Remark
from tagwatch.publish.interface import BaseAnswer
from tagwatch.publish.machine import (
    SCHEMA_VERSION,
    canonical,
    failure_document,
    finding_document,
    location_document,
    problem_document,
    remark_documents,
    resolution_document,
)
from tagwatch.publish.wording import stamp
from tagwatch.source.target import Target

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from tagwatch.audit.verdict.outlook import End, Prospect, Prospects, Step
    from tagwatch.audit.verdict.pull_request import ImageChange, PullRequest, Side
    from tagwatch.audit.version.library_history import LibraryWord
    from tagwatch.audit.version.lifecycle import Lifecycle

    Document = dict[str, Any]

__all__ = [
    "base_document",
    "histories_document",
    "history_document",
    "prospects_document",
    "pull_request_document",
    "resolutions_document",
    "targets_document",
]


def resolutions_document(
    resolutions: Iterable[Resolution], remarks: Iterable[Remark] = ()
) -> Document:
    """What `resolve` answers, in the order asked; `remarks`: on what was read for it."""
    return _document(
        resolutions=[resolution_document(resolution) for resolution in resolutions],
        remarks=remark_documents(remarks),
    )


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
        "reference": canonical(one.reference),
        "places": [location_document(place) for place in one.places],
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
        failures=[failure_document(one) for one in told.failures],
        problems=[problem_document(one) for one in told.problems],
    )


def _image_change(one: ImageChange, at: datetime) -> Document:
    from tagwatch.publish.pull_request import links_of

    age, change = one.age, one.change
    return {
        "kind": one.kind.value,
        "step": one.step or None,
        "before": _image_side(one.old),
        "after": _image_side(one.new),
        "places": [location_document(place) for place in one.places],
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
        "findings": [finding_document(finding) for finding in one.findings],
    }


def _image_side(side: Side | None) -> Document | None:
    if side is None:
        return None
    resolution = side.resolution
    return {
        "text": side.text,
        "reference": canonical(side.reference),
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


def _target(target: Target) -> Document:
    reference, location = target.reference, target.location
    document: Document = {
        "path": location.path,
        "line": location.line,
        "column": location.column,
        "end_column": location.end_column,
        "text": target.text,
        "kind": target.kind,
        "reference": canonical(reference),
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
