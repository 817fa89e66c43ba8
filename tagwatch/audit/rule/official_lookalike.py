"""The name is one slip away from an official image's, or the same name by another owner.

A misspelt name is an error where it claims to be official, a warning elsewhere; the same name by
another owner (`bitnami/redis`) is often meant, and a note, and so is a like name that is its
owner's, too (`postgrest/postgrest`). `jenkins/jenkins`, official name and owner in one, is the
publisher's own repository and not reported, nor is anything by Docker itself (`docker/compose`).
Names shorter than five letters are not compared by spelling. What the policy's
`repositories.allow` names is trusted. Of 1,008 repositories in public projects, two are one slip
from an official name (2026-11-24): the two just named.

Example: `FROM ngnix:1`: "ngnix:1 looks like the official image nginx, and is not".

Risk: attackers publish images under names that people mistype.
Remedy: write the name that you mean; or allow the repository in the policy.
Source: NIST SP 800-190, 3.1.5; Sysdig, 1,652 malicious images on Docker Hub (2022); Liu et al.,
"Exploring the Unchartered Space of Container Registry Typosquatting", USENIX Security 2022.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import is_official_namespace
from tagwatch.audit.rule.interface import Offer, Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import offer_references
from tagwatch.audit.rule.phrase import name
from tagwatch.image.reference import DOCKER_HUB, Reference, Repository

__all__ = ["RULE", "check", "is_one_slip"]

_SHORTEST = 5
_DOCKER = "docker"  # Docker's own organisation on its Hub


def check(subject: Subject) -> Iterator[Statement]:
    """Report a Docker Hub repository that resembles an official one."""
    target, official = subject.target, subject.knowledge.official
    if target.reference is None or not official:
        return
    repository = target.reference.repository
    owner, _, own = repository.path.rpartition("/")
    if repository.registry != DOCKER_HUB or owner == _DOCKER or is_official_namespace(owner):
        return
    if subject.policy.repository_decision(repository).pattern:
        return
    is_claim, is_own = owner == "library", _letters(owner) == _letters(own)
    if own in official:
        if is_claim or is_own:
            return
        yield Statement(
            message=f"{name(target)} is {own} by {owner}, not the official image",
            remedy="use the official image where that is meant",
            offers=_offer(own, "write {} where the official image is meant"),
            severity=Severity.NOTE,
        )
        return
    near = next((one for one in sorted(official) if is_one_slip(own, one)), None)
    if near is not None:
        yield Statement(
            message=f"{name(target)} looks like the official image {near}, and is not",
            remedy="allow it in repositories.allow where it is meant",
            offers=_offer(near, "write {} where that is meant, or allow it in repositories.allow"),
            severity=None if is_claim else Severity.NOTE if is_own else Severity.WARNING,
            evidence={"official": near},
        )


def _offer(official: str, text: str) -> tuple[Offer, ...]:
    repository = Repository(registry=DOCKER_HUB, path=f"library/{official}")
    return offer_references([Reference(repository=repository)], text=text)


def _letters(text: str) -> str:
    """Return the name without its separators: `rocket.chat` is `rocketchat`."""
    return re.sub(r"[._-]", "", text)


def is_one_slip(one: str, other: str) -> bool:
    """Return True where one letter was left out, added, mistaken or swapped with its neighbour.

    >>> is_one_slip("ngnix", "nginx"), is_one_slip("node", "nods")
    (True, False)
    """
    if one == other or min(len(one), len(other)) < _SHORTEST or abs(len(one) - len(other)) > 1:
        return False
    first = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if first is None:
        return True
    if len(one) != len(other):
        longer, shorter = sorted((one, other), key=len, reverse=True)
        return longer[first + 1 :] == shorter[first:]
    rest = one[first + 1 :], other[first + 1 :]
    swapped = one[first : first + 2] == other[first : first + 2][::-1]
    return rest[0] == rest[1] or (swapped and rest[0][1:] == rest[1][1:])


RULE = Rule(
    **row("official-lookalike"),
    title="name that resembles an official image",
    check=check,
)
