"""A build step of the image recorded the value of a build argument or variable like a credential.

What the last ENV says is `secret-in-env`'s. Commands themselves are not searched. Only names are
told; the value stays in the image, where anybody who may pull it can read it.

Example: `FROM redis:6.2`: "a build step of redis:6.2 recorded the value of NPM_TOKEN".

Risk: whoever may pull the image reads the credential in its history.
Remedy: withdraw the credential; build with `RUN --mount=type=secret`.
Source: CIS Docker Benchmark 4.10; BuildKit check SecretsUsedInArgOrEnv; NIST SP 800-190, 4.1.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import name

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report the name of each credential that a build step of an audited platform recorded."""
    evidence = subject.evidence
    leaks = {leak for one in evidence.platforms for leak in one.step_secrets} if evidence else ()
    for leak in sorted(leaks):
        yield Statement(
            message=f"a build step of {name(subject.target)} recorded the value of {leak.name}",
            remedy="withdraw the credential, and build with RUN --mount=type=secret",
            severity=Severity.ERROR if leak.is_token else None,
            subject=leak.name,
            evidence={"name": leak.name},
        )


RULE = Rule(
    **row("secret-in-history"),
    title="credential in a build step",
    check=check,
)
