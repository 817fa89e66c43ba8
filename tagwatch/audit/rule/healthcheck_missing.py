"""What the Dockerfile builds has no HEALTHCHECK, and takes none over from its base.

Off unless the policy gives it a severity: Kubernetes has probes of its own, and images in OCI
format may lose the check. `HEALTHCHECK NONE` is a decision, and is not reported. Where the base's
config is not known, nothing is said.

Example: `FROM redis:6.2.24`: "the image has no HEALTHCHECK: none is set here, nor in redis:6.2.24".

Risk: an engine takes a program that hangs for one that works.
Remedy: add a HEALTHCHECK that asks the program something.
Source: CIS Docker Benchmark 4.6; hadolint DL3057; Trivy DS-0026.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.evidence import evidence_key
from tagwatch.audit.rule.interface import FileSubject, Rule, RuleScope, Statement, row
from tagwatch.audit.rule.phrase import name
from tagwatch.audit.rule.stage import effective, final_stage, target_of

__all__ = ["RULE", "check"]


def check(subject: FileSubject) -> Iterator[Statement]:
    """Report the last stage, where neither it nor its base has a HEALTHCHECK."""
    last = final_stage(subject.instructions)
    if last is None or effective(subject.instructions, "HEALTHCHECK", last) is not None:
        return
    target = target_of(last, subject)
    evidence = subject.evidence.get(evidence_key(target) or "") if target is not None else None
    if target is None or evidence is None or not evidence.platforms:
        return
    if all(facts.has_healthcheck is False for facts in evidence.platforms):
        yield Statement(
            message=f"the image has no HEALTHCHECK: none is set here, nor in {name(target)}",
            remedy="add a HEALTHCHECK that asks the program something",
            target=target,
        )


RULE = Rule(
    **row("healthcheck-missing"),
    title="image without HEALTHCHECK",
    scope=RuleScope.FILE,
    check=check,
)
