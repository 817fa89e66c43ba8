"""The registry was read, and the tag is not there: it was deleted, or it never existed.

A name that a list has and that answers 404 is not there either: nobody can pull it. A registry
that could not be read says nothing about its tags: that is `check-incomplete`. Where a digest
stands beside the tag and is still served, builds go on, and this is a warning.

Example: `FROM redis:6.2.24`: "redis:6.2.24 is gone since 2026-11-20; last served on 2026-11-19,
when it was 6.2.24".

Risk: the next build or the next node that pulls fails; or somebody else takes the name.
Remedy: move to a tag that exists: the newest of its line, the one that is typed almost alike
(`3.9-alpne`), or another tag or repository that serves the same digest. The finding names them, and
says when the tag was seen last and what it was.
Source: OCI distribution-spec, "Deleting tags"; Kubernetes `ErrImagePull`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.evidence import STILL_LISTED, Evidence, Status
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import offer_homes, offer_references
from tagwatch.audit.rule.phrase import day, facts, instead_of_gone, name

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a tag or pattern for which a readable registry has nothing."""
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    if evidence is None or reference is None or (reference.tag is None and reference.digest):
        return
    resolution = evidence.resolution
    is_absent = resolution.status is Status.NOT_FOUND and reference.digest is None
    if not is_absent and evidence.gone_since is None:
        return
    if subject.knowledge.deletion_of(reference.repository) is not None:
        return  # `image-retired` says that all of the repository is gone
    still_there = bool(reference.digest and evidence.pin and evidence.pin.exists)
    yield Statement(
        message=_message(subject) + ("; its digest is still served" if still_there else ""),
        remedy=_remedy(evidence),
        offers=(*offer_references(instead_of_gone(subject)), *offer_homes(evidence)),
        severity=Severity.WARNING if still_there else None,
        evidence=facts(evidence),
    )


def _remedy(evidence: Evidence) -> str:
    if _is_hidden(evidence):
        return "write an image that exists; or log in, as `tagwatch doctor` says"
    return "write a tag that exists"


def _is_hidden(evidence: Evidence) -> bool:
    """Return True where the registry says the same of what these credentials may not see."""
    return any(one.tag is None and one.code == "not-found" for one in evidence.failures)


def _message(subject: Subject) -> str:
    target, evidence = subject.target, subject.evidence
    assert evidence is not None
    if target.selector is not None:
        return f"no tag of {name(target)} matches {target.selector!r}"
    if evidence.gone_since is None:
        hidden = ", or is hidden from these credentials" if _is_hidden(evidence) else ""
        return f"{name(target)} does not exist{hidden}{_listed(evidence)}"
    seen = ""
    if evidence.history:
        last = evidence.history[-1]
        was = f", when it was {last.version}" if last.version not in (None, last.tag) else ""
        seen = f"; last served on {day(last.last_seen)}{was}"
    return f"{name(target)} is gone since {day(evidence.gone_since)}{seen}{_listed(evidence)}"


def _listed(evidence: Evidence) -> str:
    """Return what explains to whoever sees the name in a list why it cannot be pulled."""
    return f"; {STILL_LISTED}" if evidence.resolution.note == STILL_LISTED else ""


RULE = Rule(
    **row("tag-deleted"),
    title="tag that does not exist",
    check=check,
)
