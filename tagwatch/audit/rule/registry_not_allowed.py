"""The image comes from a registry that the policy does not allow, or denies.

Every way to name an image counts: `FROM`, `COPY --from`, `RUN --mount=from=`, compose, Kubernetes.
So does a registry that is written before a variable: `quay.io/a/b:${TAG}`.

Example: `FROM quay.io/a/b:1`: "quay.io/a/b:1 comes from quay.io, which is not among the allowed
registries".

Risk: software of a publisher nobody vetted, from a place nobody watches.
Remedy: use the same image from an allowed registry; the finding lists them.
Source: hadolint DL3026 (and its issues 1108, 1216: other ways in); CIS Docker Benchmark 4.2;
NIST SP 800-190, 4.2.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import listed, name
from tagwatch.source.target import is_certainly_built

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a reference whose registry the policy refuses."""
    target, policy = subject.target, subject.policy
    if is_certainly_built(target):
        return
    repository = target.reference.repository if target.reference is not None else None
    if repository is None:
        from tagwatch.audit.rule.written import of_refused_registry, written_repository

        repository = written_repository(target, policy) or of_refused_registry(target, policy)
        if repository is None:
            return
    decision = policy.registry_decision(repository)
    if decision.allowed:
        return
    registry = repository.registry
    evidence = {"registry": registry}
    if decision.pattern:
        reason = f": {decision.reason}" if decision.reason else ""
        why = f": the policy denies {decision.pattern}{reason}"
        remedy = "use another image"
        evidence["pattern"] = decision.pattern
    else:
        why = ", which is not among the allowed registries"
        remedy = f"take it from one of: {listed(policy.registries.allow)}"
    yield Statement(
        message=f"{name(target)} comes from {registry}{why}", remedy=remedy, evidence=evidence
    )


RULE = Rule(
    **row("registry-not-allowed"),
    title="registry outside the allowed list",
    judges_built=True,
    check=check,
)
