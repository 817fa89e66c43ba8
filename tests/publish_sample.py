"""One night of a small shop, by hand: what the golden report shows and formats are tested on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tagwatch.audit.model.coverage import Coverage, Reading, Reason, Remembered, State
from tagwatch.audit.model.finding import Finding, Severity, fingerprint
from tagwatch.audit.verdict.news import News, news_of
from tagwatch.audit.verdict.result import AuditResult, Ignored, RepositoryChange
from tagwatch.image.reference import Reference
from tagwatch.image.snapshot import Quota
from tagwatch.publish.interface import PublishContext, RuleText, RunSummary
from tagwatch.source.target import Location, Problem, Target
from tagwatch.source.text.edit import Fix
from tests.publish_images import (
    API,
    AT,
    CHANGES,
    EVIDENCE,
    EXPORTER,
    NGINX,
    NODE,
    POSTGRES,
    PYTHON,
    PYTHON_RUN,
    REDIS7,
    TARGETS,
    WORKER,
    digest,
    target,
)

__all__ = ["AT", "sample", "sample_context", "sample_previous", "told_since"]

YESTERDAY = AT - timedelta(days=1)


def found(
    rule: str,
    severity: Severity,
    item: Target,
    message: str,
    *,
    remedy: str = "",
    put: str = "",
    line: str = "",
    unknown: bool = False,
    evidence: dict[str, str] | None = None,
) -> Finding:
    start = item.location.line * 40
    fix = (
        Fix(
            path=item.location.path,
            start=start,
            end=start + len(item.text),
            replacement=put,
            description=f"write {put.partition('@')[0]} and pin its digest",
            line=line,
        )
        if put
        else None
    )
    return Finding(
        rule=rule,
        severity=severity,
        message=message,
        location=item.location,
        fingerprint=fingerprint(rule, item, ordinal=item.location.line),
        reference=item.reference,
        text=item.text,
        remedy=remedy,
        evidence=evidence or {},
        fix=fix,
        unknown=unknown,
    )


NGINX_PIN = f"nginx:1.29.3-trixie@{digest('library/nginx:1.29.3-trixie')}"
POSTGRES_PIN = f"postgres:16.4@{digest('library/postgres:16.4-old')}"

FINDINGS = (
    found(
        "tag-replaced",
        Severity.ERROR,
        POSTGRES,
        "postgres:16.4 was pushed again: same version, another build step and entrypoint",
        remedy="Pin the digest you have tested, and ask the publisher why 16.4 changed.",
        put=POSTGRES_PIN,
        line=f"image: {POSTGRES_PIN}",
        evidence={
            "before": digest("library/postgres:16.4-old"),
            "after": digest("library/postgres:16.4"),
            "steps changed": "COPY docker-entrypoint.sh",
        },
    ),
    found(
        "platform-dropped",
        Severity.ERROR,
        POSTGRES,
        "postgres:16.4 no longer offers linux/386, which it offered until 2026-11-22",
        remedy="Pin the former digest where linux/386 is needed.",
    ),
    found(
        "base-stale",
        Severity.WARNING,
        API,
        "shop/api:1.4.2 stands on python:3.12-slim = 3.12.11; "
        "that tag has served 3.12.12 since 2026-11-23",
        remedy="Rebuild shop/api on the present python:3.12-slim.",
    ),
    found(
        "tag-os-shifted",
        Severity.WARNING,
        PYTHON,
        "python:3.12-slim moved from Debian 12 (bookworm) to Debian 13 (trixie)",
        remedy="Write the release you mean.",
        put="python:3.12-slim-bookworm",
        line="FROM python:3.12-slim-bookworm AS build",
    ),
    found(
        "tag-os-shifted",
        Severity.WARNING,
        PYTHON_RUN,
        "python:3.12-slim moved from Debian 12 (bookworm) to Debian 13 (trixie)",
        remedy="Write the release you mean.",
        put="python:3.12-slim-bookworm",
        line="FROM python:3.12-slim-bookworm",
    ),
    found(
        "tag-unsupported",
        Severity.WARNING,
        REDIS7,
        "redis:7.0 is no longer built by its publisher: 7.0.15 was last pushed on 2026-01-02",
        remedy="Move to a line that is built.",
        put="redis:7.4.7",
        line="image: redis:7.4.7",
    ),
    found(
        "tag-latest",
        Severity.WARNING,
        NGINX,
        "nginx:latest names no version: it moved 31 times since 2026-01-02 and is 1.29.3 today",
        remedy="Name the version and pin it.",
        put=NGINX_PIN,
        line=f"FROM {NGINX_PIN}",
    ),
    found(
        "reference-unresolved",
        Severity.NOTE,
        WORKER,
        "${TAG} has no value here, so this image cannot be told or checked",
        remedy="Give TAG a default, or pass --env-file.",
        unknown=True,
    ),
    found(
        "check-incomplete",
        Severity.NOTE,
        EXPORTER,
        "ghcr.io/acme/exporter:0.9 could not be read (denied): nothing is said of it",
        remedy="Log in with a token that has read:packages.",
        unknown=True,
    ),
    found("base-behind", Severity.NOTE, API, "shop/api 1.4.3 is out in the same line"),
)

RULES = {
    "tag-replaced": RuleText(
        title="Full-version tag pushed again with other content",
        risk="What was tested is not what runs today; "
        "it is also how a compromised publisher account shows.",
        remedy="Pin the digest you tested and find out why the publisher pushed again.",
    ),
    "platform-dropped": RuleText(
        title="Platform dropped",
        risk="A pull on that platform fails or takes an image of another architecture.",
        remedy="Pin the former digest or move the machines.",
    ),
    "base-stale": RuleText(
        title="Base image is stale",
        risk="The base was rebuilt since, mostly for security fixes; "
        "your image still carries the old layers.",
        remedy="Rebuild on the present base.",
    ),
    "tag-os-shifted": RuleText(
        title="Tag moved to another OS release",
        risk="Libraries, package names and the C library change under an unchanged tag.",
        remedy="Name the release in the tag.",
    ),
    "tag-unsupported": RuleText(
        title="Tag is no longer built",
        risk="It gets no security fix any more, and nobody says so.",
        remedy="Move to a line that its publisher still builds.",
    ),
    "tag-latest": RuleText(
        title="Uses latest",
        risk="Two builds of the same commit can differ, and a roll-back brings nothing back.",
        remedy="Name the version and pin the digest.",
    ),
    "reference-unresolved": RuleText(title="Reference with unknown variables"),
    "check-incomplete": RuleText(title="Could not be checked"),
    "base-behind": RuleText(title="Newer patch in the same line"),
}


def sample() -> AuditResult:
    """Tonight."""
    repositories = {name: Reference.parse(name).repository for name in CHANGES}
    ignored = found("tag-moving", Severity.NOTE, NODE, "node:22-alpine is moved by its publisher")
    return AuditResult(
        at=AT,
        findings=FINDINGS,
        ignored=(
            Ignored(
                finding=ignored,
                by="policy.yaml:41",
                reason="the web build is pinned in CI",
                owner="team-web",
                until="2026-12-31",
            ),
        ),
        targets=TARGETS,
        evidence={evidence.key: evidence for evidence in EVIDENCE},
        changes=tuple(
            RepositoryChange(repository=repositories[name], change=change)
            for name, change in CHANGES.items()
        ),
        problems=(
            Problem(
                message="template files are not rendered",
                location=Location(
                    path="chart/templates/deployment.yaml",
                    line=1,
                    column=1,
                    end_line=1,
                    end_column=1,
                ),
                hint="run tagwatch on the rendered manifests: helm template . | tagwatch check -",
                skipped=True,
            ),
        ),
        failures=EVIDENCE[-1].failures,
        coverage=Coverage(
            targets=10,
            read=6,
            unresolved=1,
            unavailable=1,
            remembered=2,
            reasons=(Remembered(reason=Reason.REFUSED, targets=2, since=AT - timedelta(days=2)),),
        ),
        readings={
            EVIDENCE[-1].key: Reading(state=State.UNAVAILABLE),
            EVIDENCE[0].key: Reading(
                state=State.REMEMBERED, reason=Reason.REFUSED, since=AT - timedelta(days=2)
            ),
        },
        requests={
            "docker.io": {"catalogue": 5, "config": 8, "manifest": 12, "token": 1},
            "ghcr.io": {"manifest": 1, "token": 1},
            "registry.shop.example": {"head": 1, "tags": 1},
        },
        quotas={
            "docker.io": Quota(limit=100, remaining=88, window_seconds=21_600, source="203.0.113.7")
        },
        complete=False,
        policy_name="policy.yaml",
        policy_digest=digest("policy.yaml"),
    )


def told_since(result: AuditResult, previous: AuditResult) -> News:
    """What `result` tells where the findings of `previous` stood."""
    return news_of(result, previous.findings, before=previous.at)


def sample_previous() -> AuditResult:
    """The night before: nothing moved, and one finding that is fixed since."""
    old = target("redis:latest", "compose.yaml", 12, 12, "compose", group="cache")
    fixed = found(
        "tag-latest", Severity.WARNING, old, "redis:latest names no version: it is 8.4.0 today"
    )
    kept = {"tag-unsupported", "tag-latest", "reference-unresolved", "base-behind"}
    same = tuple(finding for finding in FINDINGS if finding.rule in kept)
    return replace(
        sample(), at=YESTERDAY, findings=(fixed, *same), changes=(), ignored=(), complete=True
    )


def sample_context(result: AuditResult | None = None) -> PublishContext:
    """Two weeks of nights behind it."""
    numbers = (
        (0, 6, 5),
        (0, 6, 5),
        (0, 5, 5),
        (1, 5, 4),
        (1, 5, 4),
        (0, 5, 4),
        (0, 4, 4),
        (0, 4, 4),
        (0, 4, 3),
        (0, 4, 3),
        (0, 3, 3),
        (0, 3, 3),
        (0, 3, 2),
    )
    nights = tuple(
        RunSummary(
            at=AT - timedelta(days=len(numbers) - index),
            errors=errors,
            warnings=warnings,
            notes=notes,
            not_checked=1,
            moved=(index * 5) % 4,
        )
        for index, (errors, warnings, notes) in enumerate(numbers)
    )
    return PublishContext(
        version="1.0.0",
        news=told_since(sample() if result is None else result, sample_previous()),
        runs=(*nights, RunSummary.of(sample())),
        rules=RULES,
        report_url="https://reports.shop.example/tagwatch/",
    )
