"""The name does not say its registry, so it is Docker Hub's: by convention, not by choice.

Off unless the policy turns it on.

Example: `FROM redis:6.2.24`: "redis:6.2.24 names no registry, and means Docker Hub".

Risk: an engine configured with other search registries pulls another image under the same name.
Remedy: write the registry: `docker.io/library/redis:7`.
Source: hadolint issue 446; containers registries.conf `unqualified-search-registries`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import offer_references
from tagwatch.audit.rule.phrase import WATCH, name
from tagwatch.source.target import names_registry

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a Docker Hub image whose text names no registry.

    Texts with variables are not judged: a variable may hold the registry.
    """
    target = subject.target
    if target.reference is None or target.kind == WATCH or names_registry(target):
        return
    yield Statement(
        message=f"{name(target)} names no registry, and means Docker Hub",
        offers=offer_references([target.reference], text="write {canonical}"),
    )


RULE = Rule(
    **row("registry-implicit"),
    title="name without a registry",
    check=check,
)
