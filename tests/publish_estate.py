"""An estate of any size, as a result: teams with files, images of many registries, a wide watch.

`python -m tests.publish_estate FOLDER 2000` writes its report, to be looked at.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path

from tagwatch.audit.model.code_owners import CodeOwners
from tagwatch.audit.model.coverage import Coverage
from tagwatch.audit.model.evidence import Basis, Evidence, Newer, Resolution, Status
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.history import Interval
from tagwatch.audit.verdict.result import AuditResult, RepositoryChange
from tagwatch.image.reference import Reference
from tagwatch.publish.files import write_reports
from tagwatch.publish.interface import PublishContext
from tagwatch.source.target import Target
from tests.publish_images import AT, CHANGES, EVIDENCE, digest, target
from tests.publish_sample import found, sample, sample_context, told_since

__all__ = ["estate", "estate_context", "watching"]

TEAMS = ("checkout", "search", "payments", "mobile", "data", "identity", "platform", "growth")
IMAGES = (
    *("redis", "postgres", "nginx", "python", "node", "golang", "alpine", "debian"),
    *("bitnami/kafka", "grafana/grafana", "prom/prometheus", "quay.io/keycloak/keycloak"),
    *("ghcr.io/acme/exporter", "gcr.io/distroless/static", "registry.acme.example/base/jre"),
)
SAID = (
    ("version-eol", Severity.ERROR, "{} is past its end of life: the line ended 2025-03-31"),
    ("tag-latest", Severity.WARNING, "{} names no version: it moves"),
    ("tag-unsupported", Severity.WARNING, "{} is no longer built by its publisher"),
    ("base-behind", Severity.NOTE, "{} has a newer version in the same line"),
)


def estate(references: int) -> AuditResult:
    """That many references in a third as many files; every fourth is found fault with."""
    targets: list[Target] = []
    findings: list[Finding] = []
    evidence: dict[str, Evidence] = {}
    changes: list[RepositoryChange] = []
    names = _names(references)
    for number in range(references):
        name = names[number % len(names)]
        team = TEAMS[number // 3 % len(TEAMS)]
        path = f"{team}/service-{number // 3:03}/{('Dockerfile', 'compose.yaml')[number % 2]}"
        one = target(name, path, 1 + number % 3 * 7, 6, "from")
        targets.append(one)
        assert one.reference is not None
        key = one.reference.canonical
        if key not in evidence:
            evidence[key] = _evidence(key, one.reference, len(evidence))
            if len(evidence) % 40 == 0:
                changes.append(
                    RepositoryChange(
                        repository=one.reference.repository,
                        change=replace(CHANGES["redis:6.2"], tag=one.reference.tag or ""),
                    )
                )
        if number % 4 == 0:
            rule, severity, message = SAID[number // 4 % len(SAID)]
            advice = "Write a version that is still built, and pin its digest."
            findings.append(found(rule, severity, one, message.format(name), remedy=advice))
        elif number % 9 == 0:
            findings.append(
                found(
                    "port-all-interfaces",
                    Severity.WARNING,
                    one,
                    f"service-{number // 3:03} publishes {5000 + number} on every interface",
                    remedy="Name the address: 127.0.0.1:5000:5000.",
                )
            )
    findings.sort(key=lambda finding: (-finding.severity.rank, finding.location))
    return replace(
        sample(),
        targets=tuple(targets),
        evidence=evidence,
        findings=tuple(findings),
        changes=tuple(changes),
        ignored=(),
        problems=(),
        failures=(),
        remarks=(),
        readings={},
        kept_back=(),
        coverage=Coverage(targets=references, read=references),
        complete=True,
    )


def watching(result: AuditResult, tags: int) -> AuditResult:
    """The same, with every tag of one repository watched, half of them dead."""
    watch = target("httpd:2", "tagwatch.yaml", 7, 13, "watch")
    targets, findings, evidence = [], [], dict(result.evidence)
    for number in range(tags):
        reference = Reference.parse(f"httpd:2.2.{number}")
        one = replace(watch, text=str(reference), reference=reference)
        targets.append(one)
        evidence[reference.canonical] = _evidence(reference.canonical, reference, number)
        if number % 2:
            message = f"{reference} is past its end of life since 2018-01-01"
            findings.append(found("version-eol", Severity.ERROR, one, message))
    return replace(
        result,
        targets=(*result.targets, *targets),
        evidence=evidence,
        findings=(*findings, *result.findings),
    )


def _names(references: int) -> list[str]:
    """Half as many images as references."""
    kinds = product(range(1, references), IMAGES)
    return [
        f"{image}:{1 + step % 5}.{step}"
        for (step, image), _ in zip(kinds, range(references // 2), strict=False)
    ]


def _evidence(key: str, reference: Reference, number: int) -> Evidence:
    history = tuple(
        Interval(
            tag=reference.tag or "",
            digest=digest(f"{key} {step}"),
            first_seen=AT - timedelta(days=30 * (5 - step)),
            last_seen=AT - timedelta(days=30 * (4 - step)),
            ended=step < 4,
            version=f"{reference.tag}.{step}",
            verdict="upgraded",
        )
        for step in range(5)
    )
    resolution = Resolution(
        input=str(reference),
        status=Status.RESOLVED,
        reference=reference,
        tag=f"{reference.tag}.4",
        version=f"{reference.tag}.4",
        digest=history[-1].digest,
        aliases=tuple(f"{reference.tag}.4-{name}" for name in ("bookworm", "slim")),
        basis=Basis.ALIAS,
        newer=Newer(minor=f"{number % 9 + 5}.0") if number % 3 == 0 else Newer(),
        supported=True,
    )
    return Evidence(
        key=key,
        resolution=resolution,
        at=AT,
        history=history,
        moves=5,
        first_seen=history[0].first_seen,
        change=CHANGES["postgres:16.4"] if number % 40 == 39 else None,
        platforms_offered=("linux/amd64", "linux/arm64"),
        platforms=EVIDENCE[0].platforms,
        documents_read=True,
    )


def estate_context(result: AuditResult) -> PublishContext:
    """A night after another one, with owners and a forge."""
    owners = "".join(f"/{team}/ @acme/{team}\n" for team in TEAMS[:-1])
    before = replace(result, findings=result.findings[10:])
    return replace(
        sample_context(),
        news=told_since(result, before),
        owners=CodeOwners.parse(owners),
        source=f"https://github.com/acme/estate/blob/{'a' * 40}/{{path}}#L{{line}}",
    )


if __name__ == "__main__":
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    night = watching(estate(number), 400)
    write_reports(folder, night, estate_context(night), ["html", "json"])
