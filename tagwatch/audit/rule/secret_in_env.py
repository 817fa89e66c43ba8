"""A variable of the image's environment looks like a credential: in a Dockerfile, or in the image.

A name counts only where its value may be one; signing keys, checksums and paths of files do not.
A value with the form of a known token, or an address with a password in it, is an error whatever
its name. Of a Dockerfile the stages that make the final image are judged: an ENV, also one that
takes over a build argument, and a build argument with a default. The value is never told.

Example: `ENV NPM_TOKEN=…`: "ENV NPM_TOKEN puts what looks like a credential into the image".

Risk: whoever may pull the image reads it, and so does every process in the container.
Remedy: give it at run time; build with `RUN --mount=type=secret`; withdraw what was published.
Source: BuildKit check SecretsUsedInArgOrEnv; CIS Docker Benchmark 4.10; NIST SP 800-190, 4.1.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tagwatch.audit.fact.secret import leak_of
from tagwatch.audit.model.evidence import Evidence, Leak, evidence_key
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import FileSubject, Rule, RuleScope, Statement, row
from tagwatch.audit.rule.phrase import name
from tagwatch.audit.rule.stage import final_stage, inherited_stages
from tagwatch.source.target import Instruction, Target

__all__ = ["RULE", "check"]

_VARIABLE = re.compile(r"\$(?:\w+|\{\w+\})")
_ANY = "whatever is given"
_REMEDY = "give it at run time, or to the build with RUN --mount=type=secret"


def check(subject: FileSubject) -> Iterator[Statement]:
    """Report the credentials that the file sets, then those that the images it names carry."""
    last = final_stage(subject.instructions)
    shipped = inherited_stages(subject.instructions, last) if last is not None else ()
    for one in subject.instructions:
        if one.name in ("ENV", "ARG") and one.stage in shipped:
            yield from _written(one)
    for target in subject.targets:
        evidence = subject.evidence.get(evidence_key(target) or "")
        if evidence is not None and "built" not in target.facts:
            yield from _carried(target, evidence)


def _written(one: Instruction) -> Iterator[Statement]:
    key, value = one.arguments
    from_argument = one.name == "ENV" and _VARIABLE.fullmatch(value) is not None
    leak = leak_of(key, _ANY if from_argument else value)
    if leak is not None:
        place = "the image" if one.name == "ENV" else "the image's history"
        message = f"{one.name} {leak.name} puts what looks like a credential into {place}"
        yield _statement(leak, message, one=one)


def _carried(target: Target, evidence: Evidence) -> Iterator[Statement]:
    for leak in sorted({leak for one in evidence.platforms for leak in one.secrets}):
        yield _statement(
            leak,
            f"{name(target)} carries what looks like a credential in its environment: {leak.name}",
            target=target,
        )


def _statement(
    leak: Leak, message: str, *, one: Instruction | None = None, target: Target | None = None
) -> Statement:
    return Statement(
        message=message,
        remedy=_REMEDY,
        severity=Severity.ERROR if leak.is_token else None,
        subject=leak.name,
        evidence={"name": leak.name},
        target=target,
        location=one.location if one else None,
    )


RULE = Rule(
    **row("secret-in-env"),
    title="credential in the environment",
    scope=RuleScope.FILE,
    check=check,
)
