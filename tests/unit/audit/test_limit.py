"""A limit of the configuration is no failure: what is read below it is read."""

from __future__ import annotations

from datetime import UTC, datetime

from tagwatch.audit.model.coverage import Coverage, Reason, Remembered
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.verdict.news import differences
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.reference import Reference
from tagwatch.image.snapshot import Failure
from tagwatch.publish.result_sentence import coverage_sentence
from tagwatch.source.target import Location

AT = datetime(2026, 11, 30, tzinfo=UTC)
MONGO = Reference.parse("mongo:6.0")
PLACE = Location(path="compose.yaml", line=1, column=1, end_line=1, end_column=2)
LIMIT = Failure(repository=MONGO.repository, code="too-many-tags", message="'*' matches 210")


def finding(rule: str, **more: str) -> Finding:
    return Finding(
        rule=rule,
        severity=Severity.WARNING,
        message="said",
        location=PLACE,
        fingerprint="x",
        reference=None if more else MONGO,
        evidence=more,
    )


def test_what_was_mended_is_fixed_all_the_same() -> None:
    result = AuditResult(at=AT, failures=(LIMIT,))
    assert len(differences([finding("version-eol")], result).fixed) == 1
    outage = finding("check-incomplete", registry="docker.io", repository=MONGO.repository.name)
    assert len(differences([outage], result).fixed) == 1


def test_a_healthy_registry_is_not_named() -> None:
    home = Reference.parse("ghcr.io/a/b:1").repository
    result = AuditResult(
        at=AT,
        failures=(LIMIT, Failure(repository=home, code="unavailable", message="x")),
        coverage=Coverage(
            targets=3,
            read=2,
            remembered=1,
            reasons=(Remembered(reason=Reason.REFUSED, targets=1, since=AT),),
        ),
    )
    said = coverage_sentence(result)
    assert "ghcr.io" in said
    assert "docker.io" not in said
