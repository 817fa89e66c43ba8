"""What is written of a reference that has variables: its registry and repository may be plain."""

from __future__ import annotations

import re

from tagwatch.audit.model.glob import match_registry
from tagwatch.audit.model.policy import Policy
from tagwatch.errors import InvalidReferenceError
from tagwatch.image.reference import Reference, Repository
from tagwatch.source.target import WRITTEN, Target

__all__ = ["of_refused_registry", "written_repository"]

_BEGINS = r"[$%{<]"
"""Where a variable begins in one of the formats."""


def written_repository(target: Target, policy: Policy) -> Repository | None:
    """Return the repository of a target without a reference; None where a variable names it.

    `quay.io/a/b:${TAG}` is of `quay.io/a/b`, whatever the tag is.
    """
    plain, rest = _plain(target)
    end = plain.rfind("/") + 1
    name = re.split(r"[:@]", plain[end:], maxsplit=1)[0]
    if not name or (rest and len(plain) == end + len(name)) or (not end and "/" in rest):
        return None  # the name goes on, or `registry:${PORT}/…`
    return _parsed(plain[:end] + name, policy)


def of_refused_registry(target: Target, policy: Policy) -> Repository | None:
    """Return a repository of the registry that is written, where the policy refuses all of that.

    It stands for what a variable names there.
    """
    first, slash, _ = _plain(target)[0].partition("/")
    known = _parsed(f"{first}/x", policy) if slash and _is_registry(first) else None
    return known if known is not None and _is_refused(known, policy) else None


def _is_refused(repository: Repository, policy: Policy) -> bool:
    access = policy.registries
    if any("/" not in one.match and match_registry(one.match, repository) for one in access.deny):
        return True
    hosts = [one.partition("/")[0] if _is_registry(one) else "docker.io" for one in access.allow]
    return bool(hosts) and not any(match_registry(host, repository) for host in hosts)


def _plain(target: Target) -> tuple[str, str]:
    """Return the text up to the first variable, and what comes after it; nothing if it is bad."""
    text = target.facts.get(WRITTEN, target.text)
    if target.reference is not None or target.invalid or "://" in text:
        return "", ""
    plain = re.split(_BEGINS, text, maxsplit=1)[0]
    return plain, text[len(plain) :]


def _is_registry(text: str) -> bool:
    """Return True where the first part of a name is a registry, as docker has it."""
    first = text.partition("/")[0]
    return "." in first or ":" in first or "*" in first or first == "localhost"


def _parsed(name: str, policy: Policy) -> Repository | None:
    if not _is_registry(name) or "/" not in name:
        home = policy.defaults.registry
        name = name if home == "docker.io" else f"{home}/{name}"
    try:
        return Reference.parse(name).repository
    except InvalidReferenceError:
        return None
