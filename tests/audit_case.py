"""Small audits made by hand: targets, evidence and the judgement of one file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tagwatch.audit.judge import judge
from tagwatch.audit.model.evidence import Basis, Evidence, Resolution, Status, evidence_key
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy, RuleSettings
from tagwatch.audit.verdict.baseline import Baseline
from tagwatch.audit.verdict.result import AuditResult, Case
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Reference
from tagwatch.source.target import Extraction, Field, Instruction, Location, Span, Target

__all__ = ["AT", "audit", "digest", "evidence", "instruction", "only", "said", "seen", "target"]
__all__ += ["unread"]

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def digest(letter: str) -> Digest:
    """A digest of one letter, a to f or a number."""
    return Digest("sha256:" + letter * 64)


def place(path: str = "Dockerfile", line: int = 1) -> Location:
    return Location(path=path, line=line, column=6, end_line=line, end_column=20)


def target(text: str, *, line: int = 1, path: str = "Dockerfile", **more: Any) -> Target:
    """A `FROM text` whose whole reference can be edited."""
    location = place(path, line)
    span = Span(path=path, start=5, end=5 + len(text.encode()))
    values: dict[str, Any] = {
        "text": text,
        "location": location,
        "kind": "from",
        "reference": Reference.parse(text),
        "fields": (Field(name="reference", text=text, span=span, location=location),),
    }
    return Target(**{**values, **more})


def evidence(
    one: Target,
    tag: str | None = None,
    *,
    status: Status = Status.RESOLVED,
    aliases: tuple[str, ...] = (),
    resolution: Mapping[str, Any] | None = None,
    **more: Any,
) -> Evidence:
    """What is known of `one`: it is `tag` today. `resolution` and `more` set further fields."""
    assert one.reference is not None
    own = one.reference.effective_tag
    concrete = tag or own
    values: dict[str, Any] = {
        "input": one.text,
        "status": status,
        "reference": replace(one.reference, tag=concrete),
        "tag": concrete if status is Status.RESOLVED else None,
        "version": concrete if status is Status.RESOLVED else None,
        "digest": digest("a") if status in (Status.RESOLVED, Status.NO_VERSION) else None,
        "aliases": aliases or tuple(sorted({t for t in (own, concrete) if t})),
        "basis": Basis.ALIAS,
    }
    key = evidence_key(one)
    assert key is not None
    return Evidence(key=key, resolution=Resolution(**{**values, **(resolution or {})}), **more)


def seen(one: Target, tag: str | None = None, **more: Any) -> Evidence:
    """What is known of `one` where this run read all of it."""
    return evidence(one, tag, **{"at": AT, "documents_read": True, **more})


def unread(one: Target, **more: Any) -> Evidence:
    """What is known of `one` when its registry could not be read."""
    return evidence(one, status=Status.UNAVAILABLE, **more)


def instruction(
    name: str, *arguments: str, stage: int = 0, line: int = 1, **more: Any
) -> Instruction:
    """A Dockerfile instruction."""
    return Instruction(
        name=name, arguments=arguments, location=place(line=line), stage=stage, **more
    )


def audit(
    targets: Sequence[Target],
    facts: Iterable[Evidence] = (),
    policy: Policy | None = None,
    *,
    knowledge: Knowledge | None = None,
    baseline: Baseline | None = None,
    extraction: Mapping[str, Any] | None = None,
    **case: Any,
) -> AuditResult:
    """Judge one file's targets; `extraction` and `case` set further fields of either."""
    path = targets[0].location.path if targets else "Dockerfile"
    values = {"at": AT, "evidence": {fact.key: fact for fact in facts}, **case}
    return judge(
        Case(
            files=[(path, Extraction(targets=tuple(targets), **(extraction or {})))],
            **values,
        ),
        policy or Policy(),
        knowledge or Knowledge(),
        baseline=baseline,
    )


def said(result: AuditResult, rule: str) -> list[Finding]:
    """The findings of one rule."""
    return [finding for finding in result.findings if finding.rule == rule]


def only(rule: str, severity: Severity | None = None, **options: Any) -> dict[str, RuleSettings]:
    """Policy settings for one rule."""
    return {rule: RuleSettings(severity=severity, options=options)}
