"""The image is named with the tag `latest`.

A digest beside the tag makes it exact; such a reference is not reported. Of an image that the
repository itself publishes, as its workflows or its name say, this is a note.

Example: `FROM redis:latest`: "redis:latest moves across versions without notice: it is 8.2.1 today
(sha256:aaaaaaaaaaaa)".

Risk: `latest` moves across major versions without notice; nobody can say afterwards what ran.
Remedy: write the tag that `latest` stands for now, or pin the digest where the publisher has no
other tag.
Source: hadolint DL3007; Dockle DKL-DI-0006; Trivy DS-0001.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.evidence import Status
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import builds, offer_builds, offer_tags
from tagwatch.audit.rule.phrase import (
    OWN_REMEDY,
    WATCH,
    facts,
    may_be_pulled,
    name,
    now,
    now_again,
    published_here,
)

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a reference with the tag `latest` and no digest."""
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    if reference is None or target.kind == WATCH or reference.tag != "latest" or reference.digest:
        return
    if not may_be_pulled(subject):
        return
    means = now(subject)
    resolution = evidence.resolution if evidence else None
    tag = resolution.tag if resolution and resolution.status is Status.RESOLVED else None
    digest = resolution.digest if resolution else None
    if tag is not None and tag != "latest":
        offers = offer_tags(target, tag, writes=True)
    elif evidence is not None and digest is not None:
        offers = offer_builds(target, "latest", (digest, *builds(evidence)), writes=True)
    else:
        offers = ()
    told = f"{name(target)} moves across versions without notice"
    own = published_here(target)
    yield Statement(
        message=told + (f": it is {means}" if means else ""),
        remedy=OWN_REMEDY.format(own) if own else "write a version's tag",
        offers=offers,
        severity=Severity.NOTE if own else None,
        evidence={**facts(evidence), **({"published_by": own} if own else {})},
    )


RULE = Rule(
    **row("tag-latest"),
    title="image with the tag latest",
    fixable=True,
    check=check,
    again=now_again,
)
