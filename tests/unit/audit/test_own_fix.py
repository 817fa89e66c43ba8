"""Fixes that rules of other packages bring: they write nothing that the hand would not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tagwatch.audit.judge import judge
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.history import Change
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.rule.interface import Rule, RuleScope, Statement
from tagwatch.audit.verdict.fixing import Strategy
from tagwatch.audit.verdict.result import AuditResult, Case
from tagwatch.source.dockerfile import extract
from tagwatch.source.target import SourceContext
from tagwatch.source.text.edit import Fix, apply
from tests.audit_case import AT, digest, seen, target

BEFORE = "FROM redis:6.2.1\nFROM redis:6.2.2\nUSER 0\n"
_EDITS: list[Fix] = []


def _brought(scope: RuleScope) -> Rule:
    def check(subject: Any) -> Iterator[Statement]:
        own = getattr(subject, "target", None)
        if own is None or own.text == "redis:6.2.1":
            for edit in _EDITS:
                yield Statement(message="ours", remedy="do so", fix=edit, target=own)

    return Rule(
        id=f"fixer-{scope.value}",
        title="write what it likes",
        severity=Severity.WARNING,
        reads=frozenset(),
        scope=scope,
        fixable=True,
        check=check,
    )


OF_TARGET, OF_FILE, OF_RUN = (_brought(scope) for scope in RuleScope)
PLUGINS = dict(zip(RuleScope, ("OF_TARGET", "OF_FILE", "OF_RUN"), strict=True))


def edit(old: str, new: str) -> Fix:
    start = BEFORE.index(old)
    return Fix(
        path="Dockerfile", start=start, end=start + len(old), replacement=new, description="ours"
    )


def known(tag: str, *, swapped: bool = False) -> Any:
    move = Change(
        tag=tag, before=digest("b"), after=digest("a"), at=AT, verdict=Verdict.REPLACED
    )  # fmt: skip
    return seen(target(f"redis:{tag}"), change=move if swapped else None)


def mended(scope: RuleScope, fix: Fix) -> AuditResult:
    _EDITS[:] = [fix]
    files = [("Dockerfile", extract(BEFORE.encode(), "Dockerfile", SourceContext()))]
    stands = {one.key: one for one in (known("6.2.1"), known("6.2.2"))}
    beside = {one.key: one for one in (known("6.2.3"), known("6.2.4", swapped=True))}
    name = f"fixer-{scope.value}"
    return judge(
        Case(at=AT, files=files, evidence=stands, beside=beside),
        Policy(plugins={name: f"{__name__}:{PLUGINS[scope]}"}),
        Knowledge(),
        strategy=Strategy.FINDINGS,
    )


@pytest.mark.parametrize("scope", RuleScope)
@pytest.mark.parametrize(
    ("fix", "why"),
    [
        (edit("redis:6.2.1", "redis:6.2.3"), ""),
        (edit("6.2.1", "6.2.3"), ""),
        (edit("USER 0", "USER app"), ""),
        (edit("6.2.1", "6.2.4"), "tag-replaced"),
        (edit("redis:6.2.2", "redis:6.2.4"), "tag-replaced"),
        (edit("6.2.1", f"6.2.1@{digest('c')}"), "unknown"),
        (edit("6.2.1", "not a tag"), "unknown"),
        (edit("redis:6.2.1\nFROM redis:6.2.2", "redis:6.2.3"), "unknown"),
    ],
    ids=["whole", "tag", "elsewhere", "swapped", "another", "digest", "no-tag", "across"],
)
def test_what_a_rule_brings_is_judged(scope: RuleScope, fix: Fix, why: str) -> None:
    result = mended(scope, fix)
    ours = [one for one in result.fixes if one.description == "ours"]
    assert bool(ours) is not bool(why)
    (finding,) = [one for one in result.findings if one.message == "ours"]
    assert finding.remedy == ("do so" if not why else f"do so; its fix is kept back: {why}")
    kept = {reason for one in result.kept_back for _, said in one.refused for reason in said}
    assert kept == ({why} if why else set())
    if not why:
        assert fix.replacement.encode() in apply(BEFORE.encode(), ours)
