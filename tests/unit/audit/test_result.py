"""What is different from an earlier run, and what a run counts."""

from __future__ import annotations

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.news import differences
from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.image.snapshot import Failure
from tagwatch.source.target import Problem
from tests.audit_case import audit, place, seen, target, unread
from tests.contract.rule_case import FULL, HUB, REDIS

LATEST = target("redis:latest")
APP = target("ghcr.io/shop/api:latest", line=2)
BEFORE = audit((LATEST, APP), (seen(LATEST), seen(APP)))


def since_before(result: AuditResult) -> Since:
    return differences(BEFORE.findings, result)


def rules(findings: tuple[object, ...]) -> list[str]:
    return sorted(f"{one.rule} {one.text}" for one in findings)  # type: ignore[attr-defined]  # findings


def test_what_is_gone_is_fixed_where_it_was_read() -> None:
    since = since_before(audit((FULL, APP), (seen(FULL), seen(APP))))
    assert rules(since.fixed) == ["tag-latest redis:latest"]
    assert rules(since.new) == []
    assert rules(since.same) == ["tag-latest ghcr.io/shop/api:latest"]


def test_what_could_not_be_read_is_not_fixed() -> None:
    now = audit((REDIS, APP), (unread(REDIS), seen(APP)))
    assert rules(since_before(now).fixed) == []
    failure = Failure(repository=HUB, code="unavailable", message="502")
    now = audit((APP,), (seen(APP),), failures=(failure,))
    assert rules(since_before(now).fixed) == []
    unreadable = Problem(message="no FROM", location=place())
    assert rules(since_before(audit((), problems=(unreadable,))).fixed) == []
    skipped = Problem(message="a template", location=place(), skipped=True)
    assert len(since_before(audit((), problems=(skipped,))).fixed) == 2


def test_an_image_that_was_not_read_is_counted_once() -> None:
    now = audit((LATEST, APP), (seen(LATEST), unread(APP)))
    assert [one.rule for one in now.findings].count("check-incomplete") == 1
    assert now.coverage.unavailable == 1
    assert now.counts() == {
        Severity.ERROR: 0,
        Severity.WARNING: 2,  # the two tags latest
        Severity.NOTE: 0,
        Severity.OFF: 0,
    }
