"""The sentences about a result that all formats share: its verdict, its coverage, what was odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from tagwatch.audit.model.coverage import UNASKED, Coverage, Reason, Remembered
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.history import UNRECORDED
from tagwatch.audit.verdict.result import LAPSED, UNCHECKED, AuditResult, Since, is_outage
from tagwatch.publish.wording import age_text, count, date_text, one_line, said_by
from tagwatch.source.target import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.image.snapshot import Failure

__all__ = [
    "age_of_facts",
    "coverage_sentence",
    "failure_sentence",
    "remark_sentences",
    "since_sentence",
    "untold_failures",
    "untold_problems",
    "verdict_sentence",
]

_SHOWN_GONE = 5
_SHOWN_HOSTS = 2
_UNASKED = "the run was stopped before it asked for them"
_ANSWERS = {
    "denied": "refuses",
    "credential-error": "refuses",
    "rate-limited": "limits requests",
}


def verdict_sentence(result: AuditResult) -> str:
    """The one sentence to read: what to fix, what to look at, what was not checked.

    Says "nothing to fix" only where everything was read.
    """
    counts = result.counts()
    errors, warnings, notes = (
        counts[severity] for severity in (Severity.ERROR, Severity.WARNING, Severity.NOTE)
    )
    skipped = result.coverage.unresolved + result.coverage.unavailable
    parts = [
        count(errors, "thing") + " to fix" if errors else "",
        f"{warnings} to look at" if warnings else "",
        count(notes, "note") if notes else "",
        f"{skipped} not checked" if skipped else "",
        _built(result.coverage),
    ]
    said = ", ".join(part for part in parts if part)
    if errors or warnings:
        sentence = said
    elif not result.coverage.targets and result.coverage.built:
        sentence = "No image is pulled here by its name" + (f"; {said}" if said else "")
    elif not result.coverage.targets:
        sentence = "No image is named here" + (f"; {said}" if said else "")
    elif skipped and skipped == result.coverage.targets:
        sentence = f"No image was read, and by text alone there is nothing to fix; {said}"
    elif skipped or not result.complete:
        sentence = "Nothing to fix in what could be read" + (f"; {said}" if said else "")
    else:
        sentence = "Nothing to fix" + (f"; {said}" if said else "")
    return sentence if result.complete else f"{sentence} (incomplete)"


def _built(covered: Coverage) -> str:
    """How many names are of no image that is pulled, which nobody read."""
    return f"{covered.built} built or replaced here, not audited" if covered.built else ""


def untold_problems(result: AuditResult) -> tuple[Problem, ...]:
    """The problems of files that no finding tells: what was passed over on purpose."""
    told = {(one.location, one.message) for one in result.findings if one.rule == UNCHECKED}
    return tuple(one for one in result.problems if (one.location, one.message) not in told)


def untold_failures(result: AuditResult) -> tuple[Failure, ...]:
    """The failures that no finding about a registry or a repository tells.

    A watch's limit always has a finding of its own.
    """
    told = {
        (one.evidence["registry"], one.evidence.get("repository"))
        for one in result.findings
        if is_outage(one)
    }
    return tuple(
        one
        for one in result.failures
        if not one.is_limit
        and not {(one.repository.registry, None), (one.repository.registry, one.repository.name)}
        & told
    )


def since_sentence(since: Since | None, moved: str) -> str:
    """What is different from the run before, in numbers. `moved`: see `movement.tags_moved`."""
    if since is None:
        return "first run: nothing to compare with yet"
    lapsed = sum(LAPSED in finding.evidence for finding in since.fixed)
    fixed = len(since.fixed) - lapsed
    parts = [
        f"{len(since.new)} new" if since.new else "",
        f"{len(since.worse)} worse" if since.worse else "",
        f"{fixed} fixed" if fixed else "",
        f"{lapsed} no longer told" if lapsed else "",
        moved,
    ]
    return ", ".join(part for part in parts if part) or "nothing changed"


def coverage_sentence(result: AuditResult) -> str:
    """How many of the images were read now, since when others are remembered, and why."""
    covered = result.coverage
    told = [one for one in covered.reasons if one.reason is not Reason.FRESH]
    fresh = next((one for one in covered.reasons if one.reason is Reason.FRESH), None)
    parts = [
        *(_remembered(one, result) for one in told),
        f"{count(covered.unresolved, 'reference')} unresolved" if covered.unresolved else "",
        f"{covered.unavailable} unavailable" if covered.unavailable else "",
    ]
    if not any(one.reason is Reason.REFUSED for one in told):
        parts.append(_refusals(result))
    tail = [part for part in parts if part]
    return "; ".join([_read(covered, fresh, result.at), *tail])


def _read(covered: Coverage, fresh: Remembered | None, at: datetime) -> str:
    """How many images were read now; those that need not be asked again say when that was."""
    number = f"{covered.read} of {count(covered.targets, 'image reference')} read"
    if not covered.remembered:
        return number
    if fresh is None:
        return f"{number} now"
    when = f", read {age_text(at - fresh.since)}" if fresh.since is not None else ""
    if covered.read:
        return f"{number} now; {fresh.targets} remembered{when}"
    if fresh.targets == covered.targets:
        return count(covered.targets, "image reference") + (when or " remembered")
    return f"{fresh.targets} of {count(covered.targets, 'image reference')} remembered{when}"


def _remembered(one: Remembered, result: AuditResult) -> str:
    since = f" since {date_text(one.since)}" if one.since is not None else ""
    if one.reason is Reason.REFUSED:
        why = _who_refuses(result)
    else:
        why = "offline" if one.reason is Reason.OFFLINE else _UNASKED
    return f"{one.targets} remembered{since} ({why})"


def _who_refuses(result: AuditResult) -> str:
    """The registries that gave no answer, the worst first, and how."""
    failed = Counter(
        (one_line(failure.repository.registry, 80), _ANSWERS.get(failure.code, "fails"))
        for failure in result.refusals
        if failure.code not in UNASKED
    )
    named = [f"{host} {how}" for (host, how), _ in failed.most_common(_SHOWN_HOSTS)]
    more = len(failed) - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "") or "its registry failed"


def _refusals(result: AuditResult) -> str:
    reasons = Counter(
        one_line(f"{failure.repository.registry} {failure.code}", 120)
        for failure in result.refusals
    )
    return ", ".join(f"{name} ×{number}" for name, number in sorted(reasons.items()))  # noqa: RUF001  # a real multiplication sign


def failure_sentence(failure: Failure) -> str:
    """What could not be read, and why."""
    name = failure.repository.name + (f":{failure.tag}" if failure.tag else "")
    told = str(failure.status) in failure.message
    status = f" (HTTP {failure.status})" if failure.status and not told else ""
    return one_line(f"{name}: {failure.message}{status}", 400)


def remark_sentences(result: AuditResult) -> tuple[str, ...]:
    """Tags that are gone, and what was odd about answers; what many share is told once."""
    where: dict[tuple[str, str], list[str]] = {}
    for remark in result.remarks:
        key = (remark.repository.registry, remark.message)
        where.setdefault(key, []).append(remark.repository.name)
    return *_gone_sentences(result), *(
        one_line(f"{names[0] if len(names) == 1 else host}: {message}", 400)
        + (
            f" ({len(names)} repositories, {one_line(names[0], 200)} among them)"
            if names[1:]
            else ""
        )
        for (host, message), names in where.items()
    )


def age_of_facts(result: AuditResult, evidence: Evidence) -> str:
    """How old the facts are, where that is not plain: "read 3 days ago, from nightly"."""
    if evidence.at is None:
        return "never read"
    source = "" if evidence.source == "seen" else f", from {one_line(evidence.source, 80)}"
    is_now = evidence.at == result.at and evidence.origin != UNRECORDED
    origin = f", {said_by(evidence.origin)}" if evidence.origin and not is_now else ""
    return f"read {age_text(result.at - evidence.at)} ({date_text(evidence.at)}){source}{origin}"


def _gone_sentences(result: AuditResult) -> Iterator[str]:
    for repository, found in groupby(result.gone, key=lambda one: one.repository):
        tags = [one.tag for one in found]
        more = len(tags) - _SHOWN_GONE
        named = ", ".join(tags[:_SHOWN_GONE]) + (f" and {more} more" if more > 0 else "")
        are = "tags are" if len(tags) > 1 else "tag is"
        yield one_line(f"{repository.name}: {len(tags)} {are} there no more: {named}", 400)
