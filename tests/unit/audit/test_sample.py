"""Files that show, test or keep something: what is found there counts less, and is still told."""

from __future__ import annotations

import pytest

from tagwatch.audit.model.finding import Finding, Severity, in_sample, is_routine, sample_of
from tagwatch.source.target import Location
from tagwatch.value import replace

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


def found(rule: str, severity: Severity, path: str) -> Finding:
    place = Location(path=path, line=1, column=1, end_line=1, end_column=2)
    return Finding(rule=rule, severity=severity, message="x", location=place, fingerprint="f")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("compose.yaml", ""),
        ("examples/compose.yaml", "example"),
        ("docs/content/app.yaml", "example"),
        ("compose.example.yml", "example"),
        ("docker-compose.override.example.yml", "example"),
        ("examples.yaml", ""),  # the name of an app
        ("src/test/resources/pod.yaml", "test"),
        ("pkg/e2e/fixtures/x.yaml", "test"),
        ("_integration-test/compose.yaml", "test"),
        ("examples/tests/pod.yaml", "test"),
        ("_archived/examples/pod.yaml", "archive"),
        ("overlays/test/pod.yaml", ""),  # a stage that things are deployed to
        ("clusters/test/apps/pod.yaml", ""),
        ("latest/compose.yaml", ""),
        ("contest/compose.yaml", ""),
        ("parser/testfiles-negative/empty/Dockerfile", "test"),
        ("charts/app/templates/pod.yaml", ""),
        ("overlays/demo/pod.yaml", ""),
        ("k8s/test/pod.yaml", ""),
        ("services/archive/Dockerfile", ""),  # a service, and nobody's archive
        ("apps/demo/compose.yaml", ""),
        ("documentation-service/Dockerfile", ""),
        ("charts/_archived/values.yaml", "archive"),
        ("services/api/tests/compose.yaml", "test"),
        ("examples/services/web/Dockerfile", "example"),
    ],
)
def test_what_a_file_is(path: str, kind: str) -> None:
    assert sample_of(path) == kind


def test_a_stage_is_no_sample() -> None:
    assert sample_of("apps/web/test/app.yaml") == "test"
    assert sample_of("apps/web/test/app.yaml", {"apps/web/test"}) == ""
    assert sample_of("apps/web/test/fixtures/app.yaml", {"apps/web/test"}) == "test"
    finding = found("version-eol", ERROR, "fleet/Test/app.yaml")
    assert in_sample(finding, (), ["fleet/Test"]).severity is ERROR
    assert in_sample(finding, {"fleet"}, ["fleet/Test"]).severity is ERROR
    assert in_sample(finding, {"fleet"}).severity is NOTE


@pytest.mark.parametrize(
    ("rule", "severity", "path", "lower"),
    [
        ("version-eol", ERROR, "examples/a.yaml", WARNING),
        ("tag-latest", WARNING, "examples/a.yaml", NOTE),
        ("version-eol", ERROR, "tests/a.yaml", NOTE),
        ("version-eol", ERROR, "_archived/a.yaml", NOTE),
        ("version-eol", ERROR, "a.yaml", ERROR),
        ("image-retired", ERROR, "examples/a.yaml", ERROR),  # readers cannot pull it either
        ("image-retired", WARNING, "tests/a.yaml", NOTE),
        ("image-retired", ERROR, "tests/a.yaml", ERROR),  # a test breaks, too
        ("check-incomplete", ERROR, "tests/a.yaml", NOTE),
        ("secret-in-env", WARNING, "tests/a.yaml", WARNING),  # a secret is one anywhere
        ("tag-replaced", ERROR, "tests/a.yaml", ERROR),
        ("registry-not-allowed", ERROR, "tests/a.yaml", ERROR),
    ],
)
def test_how_much_a_finding_counts_there(
    rule: str, severity: Severity, path: str, lower: Severity
) -> None:
    finding = in_sample(found(rule, severity, path))
    assert finding.severity is lower
    assert (finding.evidence.get("elsewhere", lower.value)) == severity.value
    assert is_routine(finding) is ("sample" in finding.evidence)


def test_a_note_about_what_is_in_use_is_told() -> None:
    assert not is_routine(found("eol-soon", NOTE, "a.yaml"))
    assert not is_routine(found("add-remote", NOTE, "a.yaml"))
    assert not is_routine(found("cooldown", Severity.WARNING, "a.yaml"))
    assert not is_routine(replace(found("cooldown", NOTE, "a.yaml"), unknown=True))


def test_a_note_about_what_is_mostly_meant_is_counted() -> None:
    for rule in ("reference-unresolved", "tag-moving", "cooldown"):
        assert is_routine(found(rule, NOTE, "a.yaml"))
    assert is_routine(replace(found("add-remote", NOTE, "a.yaml"), evidence={"source": "local"}))
