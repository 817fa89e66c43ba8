"""The image is named without a tag or digest, so every build and every pull takes `latest`.

Of an image that the repository itself publishes, as its workflows or its name say, this is a note.
Also said of a tag that does not exist but is a pattern (`redis:6.2.x`): no tool pulls patterns.
Where nothing is known of its repository this is a warning for an official image, which has no tag
of such a name, and a note for any other.

Example: `FROM redis`: "redis has no tag, so it means latest: 8.2.1 today (sha256:aaaaaaaaaaaa)".

Risk: `latest` changes what is built or run whenever the publisher moves it, across major versions,
so that two machines run different software under the same file; a pattern fails at the next pull.
Remedy: write the tag that the name stands for now; the finding names it.
Source: hadolint DL3006; Trivy DS-0001; Docker documentation, "Building best practices".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tagwatch.audit.model.evidence import Status, is_readable
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import offer_tags
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
from tagwatch.image.reference import DOCKER_HUB

__all__ = ["RULE", "check"]

# Kustomize takes the tag from the manifest it transforms where the entry gives none.
_TAG_ELSEWHERE = frozenset({WATCH, "kustomize"})
_PATTERN = re.compile(r"(?:^|[._-])[xX](?:$|[._-])")


def check(subject: Subject) -> Iterator[Statement]:
    """Report a reference with neither tag nor digest, or with a pattern for a tag."""
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    if reference is None or reference.digest or target.kind in _TAG_ELSEWHERE:
        return
    if not may_be_pulled(subject):
        return
    resolution = evidence.resolution if evidence else None
    if resolution is not None and resolution.status is Status.NOT_FOUND:
        return  # `tag-deleted` says that there is no such image
    concrete = resolution.tag if resolution and resolution.status is Status.RESOLVED else None
    if reference.tag is None:
        means, own = now(subject), published_here(target)
        yield Statement(
            message=f"{name(target)} has no tag, so it means latest"
            + (f": {means}" if means else ""),
            remedy=OWN_REMEDY.format(own) if own else "write a version's tag",
            offers=offer_tags(target, concrete, writes=True),
            severity=Severity.NOTE if own else None,
            evidence={**facts(evidence), **({"published_by": own} if own else {})},
        )
    elif (
        concrete
        and resolution
        and _PATTERN.search(reference.tag)
        and reference.tag not in (concrete, *resolution.aliases)
    ):
        yield Statement(
            message=f"{name(target)} is a pattern, not a tag that can be pulled: "
            f"the newest tag it matches is {now(subject)}",
            remedy="write a version's tag",
            offers=offer_tags(target, concrete, writes=True),
            severity=Severity.ERROR,
            evidence=facts(evidence),
        )
    elif not is_readable(evidence) and _PATTERN.search(reference.tag):
        repository = reference.repository
        is_official = repository.name.startswith(f"{DOCKER_HUB}/library/")
        is_official = is_official or subject.knowledge.is_official(repository)
        yield Statement(
            message=f"{name(target)} reads as a pattern, and no tool pulls patterns: they take a "
            f"tag by its exact name",
            remedy="write a version's tag; `tagwatch resolve` names the newest that it matches",
            severity=None if is_official else Severity.NOTE,
            evidence=facts(evidence),
        )


RULE = Rule(
    **row("tag-missing"),
    title="image without tag or digest",
    fixable=True,
    check=check,
    again=now_again,
)
