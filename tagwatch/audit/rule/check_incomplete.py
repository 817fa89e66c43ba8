"""Something could not be read, so nothing is known of it: a registry, a repository, a file.

Always on. A registry that refuses, limits or fails never reads as "clean" or "tag deleted". How
it ends the run is the policy's `on_unavailable` (fail, warn, pass); a file that cannot be
understood is an error in any case.

Example: `FROM redis:6.2.24`: "redis:6.2.24 was not checked: nothing is stored of it".

Risk: a run that looks clean because it looked at nothing.
Remedy: what the finding says: log in, wait for the quota, run online once, correct the file.
Source: OCI distribution-spec, error codes; Docker Scout "No data".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tagwatch.audit.model.evidence import Evidence, is_readable
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Rule, RuleScope, RunSubject, Statement, row
from tagwatch.audit.rule.phrase import name
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failure
from tagwatch.source.target import Location, Target

__all__ = ["RULE", "check"]


def check(subject: RunSubject) -> Iterator[Statement]:
    """Report targets with missing or incomplete evidence, unread files and failed repositories."""
    severity = Severity.NOTE if subject.policy.on_unavailable == "pass" else None
    told = set()
    failures: dict[Repository, list[Failure]] = {}
    for failed in subject.failures:
        failures.setdefault(failed.repository, []).append(failed)
    for target, evidence in subject.unchecked:
        failure = _failure(target, evidence, failures)
        if failure is not None:
            told.add(failure.repository)
        yield _unchecked(target, evidence, failure, severity)
    for problem in subject.problems:
        if not problem.skipped:
            yield Statement(
                message=problem.message,
                remedy=problem.hint,
                severity=Severity.ERROR,
                location=problem.location,
                subject=problem.message,
                unknown=True,
            )
    places = _places(subject.targets) if subject.failures else {}
    for failure in subject.failures:
        if failure.repository not in told:
            told.add(failure.repository)
            yield Statement(
                message=f"{failure.repository.name} was not read: {failure.message}",
                remedy=failure.hint,
                severity=severity,
                location=places.get(failure.repository) or subject.watched.get(failure.repository),
                subject=failure.repository.name,
                evidence={"code": failure.code},
                unknown=True,
            )


def _unchecked(
    target: Target, evidence: Evidence | None, failure: Failure | None, severity: Severity | None
) -> Statement:
    in_part = is_readable(evidence)
    if failure is not None:
        why, hint = failure.message, failure.hint
    elif evidence is not None and evidence.resolution.note:
        why, hint = evidence.resolution.note, ""
    else:
        why, hint = "nothing is stored of it", "run once without --offline"
    return Statement(
        message=f"{name(target)} was {'checked only in part' if in_part else 'not checked'}: {why}",
        remedy=hint,
        severity=Severity.NOTE if in_part else severity,
        evidence={"code": failure.code} if failure else {},
        target=target,
        unknown=True,
    )


def _places(targets: Iterable[Target]) -> Mapping[Repository, Location]:
    """Return where each repository is named first."""
    found: dict[Repository, Location] = {}
    for target in targets:
        if target.reference is not None:
            found.setdefault(target.reference.repository, target.location)
    return found


def _failure(
    target: Target, evidence: Evidence | None, failures: Mapping[Repository, Sequence[Failure]]
) -> Failure | None:
    """Return the failure that is closest to the target: of its tag, else of its repository."""
    assert target.reference is not None
    repository = target.reference.repository
    own = evidence.failures if evidence is not None else ()
    mine = [one for one in own if one.repository == repository]
    mine += failures.get(repository, ())
    exact = [one for one in mine if one.tag == target.reference.effective_tag]
    return next(iter((*exact, *(one for one in mine if one.tag is None), *mine)), None)


RULE = Rule(
    **row("check-incomplete"),
    title="something could not be checked",
    scope=RuleScope.RUN,
    always_on=True,
    check=check,
)
