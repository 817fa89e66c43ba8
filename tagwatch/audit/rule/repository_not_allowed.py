"""The image's repository is not among those that the policy allows, or is denied.

Docker Hub's namespaces of one architecture (`arm64v8/redis`) are allowed where the official image
is. What is written before a variable counts (`someone/redis:${TAG}`). Where the registry itself is
refused, only `registry-not-allowed` speaks.

Example: `FROM someone/redis:7`: "someone/redis:7 may not be used: docker.io/someone/redis is not
among the allowed repositories".

Risk: software of a publisher nobody vetted.
Remedy: use an allowed repository; the finding lists the patterns.
Source: hadolint issue 357; Docker Scout policy "Approved Base Images"; NIST SP 800-190, 4.2.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import listed, name
from tagwatch.source.target import is_certainly_built

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a reference whose repository the policy refuses, but not its registry."""
    target, policy = subject.target, subject.policy
    if is_certainly_built(target):
        return
    repository = target.reference.repository if target.reference is not None else None
    if repository is None:
        from tagwatch.audit.rule.written import written_repository

        repository = written_repository(target, policy)
        if repository is None:
            return
    decision = policy.repository_decision(repository)
    if decision.allowed or not policy.registry_decision(repository).allowed:
        return
    if decision.pattern:
        why = f"the policy denies {decision.pattern}" + (
            f": {decision.reason}" if decision.reason else ""
        )
    else:
        why = f"{repository.name} is not among the allowed repositories"
    allowed = listed(policy.repositories.allow)
    yield Statement(
        message=f"{name(target)} may not be used: {why}",
        remedy=f"use one of: {allowed}" if allowed else "use another repository",
        evidence={"repository": repository.name},
    )


RULE = Rule(
    **row("repository-not-allowed"),
    title="repository outside the allowed list",
    judges_built=True,
    check=check,
)
