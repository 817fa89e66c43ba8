"""The shared sentences: nothing that was not read may read as clean."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.audit.model.coverage import Coverage, Reason, Remembered
from tagwatch.audit.model.evidence import Basis, Evidence, Resolution, Status
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.news import differences
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.snapshot import Failure
from tagwatch.publish.result_sentence import coverage_sentence, since_sentence, verdict_sentence
from tagwatch.publish.wording import evidence_finder, now_text
from tests.publish_images import REDIS62, digest
from tests.publish_sample import AT, sample, sample_previous

CLEAN = Coverage(targets=3, read=3)


def result(coverage: Coverage, *, complete: bool = True, findings: int = 0) -> AuditResult:
    return AuditResult(
        at=AT, coverage=coverage, complete=complete, findings=sample().findings[:findings]
    )


@pytest.mark.parametrize(
    ("coverage", "complete", "findings", "sentence"),
    [
        (CLEAN, True, 0, "Nothing to fix"),
        (CLEAN, False, 0, "Nothing to fix in what could be read (incomplete)"),
        (Coverage(), True, 0, "No image is named here"),
        (
            Coverage(targets=3, read=2, unavailable=1),
            False,
            0,
            "Nothing to fix in what could be read; 1 not checked (incomplete)",
        ),
        (
            Coverage(targets=3, read=2, unresolved=1),
            True,
            0,
            "Nothing to fix in what could be read; 1 not checked",
        ),
        (
            Coverage(targets=3, unavailable=2, unresolved=1),
            False,
            0,
            "No image was read, and by text alone there is nothing to fix; "
            "3 not checked (incomplete)",
        ),
        (CLEAN, True, 1, "1 thing to fix"),
        (CLEAN, True, 4, "2 things to fix, 2 to look at"),
    ],
)
def test_verdict_sentences(
    coverage: Coverage, complete: bool, findings: int, sentence: str
) -> None:
    assert verdict_sentence(result(coverage, complete=complete, findings=findings)) == sentence


@settings(max_examples=100, deadline=None)
@given(
    read=st.integers(0, 4),
    unresolved=st.integers(0, 2),
    unavailable=st.integers(0, 2),
    complete=st.booleans(),
    findings=st.integers(0, 10),
)
def test_nothing_reads_as_clean_that_was_not_read(
    read: int, unresolved: int, unavailable: int, complete: bool, findings: int
) -> None:
    coverage = Coverage(
        targets=read + unresolved + unavailable,
        read=read,
        unresolved=unresolved,
        unavailable=unavailable,
    )
    said = verdict_sentence(result(coverage, complete=complete, findings=findings))
    if unresolved or unavailable or not complete:
        assert not said.startswith("Nothing to fix;")
        assert said != "Nothing to fix"
    if unresolved + unavailable:
        assert f"{unresolved + unavailable} not checked" in said
    assert ("(incomplete)" in said) is not complete


def test_comparison_in_numbers() -> None:
    tonight, before = sample(), sample_previous()
    assert (
        since_sentence(differences(before.findings, tonight), "4 tags moved")
        == "6 new, 1 fixed, 4 tags moved"
    )
    assert since_sentence(differences(before.findings, before), "") == "nothing changed"
    worse = replace(before.findings[1], severity=Severity.ERROR)
    changed = replace(before, findings=(before.findings[0], worse, *before.findings[2:]))
    assert (
        since_sentence(differences(before.findings, changed), "1 tag moved")
        == "1 worse, 1 tag moved"
    )
    assert "first run" in since_sentence(None, "")


def remembered(reason: Reason, targets: int = 60, **age: float) -> Remembered:
    return Remembered(reason=reason, targets=targets, since=AT - timedelta(**age))


def refusal(code: str, host: str = "registry.example") -> Failure:
    return Failure(repository=Repository(registry=host, path="a"), code=code, message="no")


@pytest.mark.parametrize(
    ("counts", "reasons", "failures", "sentence"),
    [
        ({"read": 60}, (), (), "60 of 60 image references read"),
        ({"read": 1}, (), (), "1 of 1 image reference read"),
        (
            {"remembered": 60},
            (remembered(Reason.FRESH, hours=2),),
            (),
            "60 image references, read 2 hours ago",
        ),
        (
            {"read": 10, "remembered": 50},
            (remembered(Reason.FRESH, 50, hours=2),),
            (),
            "10 of 60 image references read now; 50 remembered, read 2 hours ago",
        ),
        (
            {"remembered": 59, "unresolved": 1},
            (remembered(Reason.FRESH, 59, hours=2),),
            (),
            "59 of 60 image references remembered, read 2 hours ago; 1 reference unresolved",
        ),
        (
            {"remembered": 60},
            (remembered(Reason.OFFLINE, days=2),),
            (),
            "0 of 60 image references read now; 60 remembered since 2026-11-21 (offline)",
        ),
        (
            {"remembered": 60},
            (remembered(Reason.REFUSED, days=2),),
            (refusal("denied"), refusal("denied")),
            "0 of 60 image references read now; "
            "60 remembered since 2026-11-21 (registry.example refuses)",
        ),
        (
            {"read": 20, "remembered": 39, "unavailable": 1},
            (remembered(Reason.REFUSED, 30, days=2), remembered(Reason.STOPPED, 9, days=3)),
            (
                refusal("rate-limited", "a.example"),
                refusal("unavailable", "b.example"),
                refusal("stopped", "d.example"),
                refusal("denied", "c.example"),
            ),
            "20 of 60 image references read now; 30 remembered since 2026-11-21 "
            "(a.example limits requests, b.example fails and 1 more); 9 remembered since "
            "2026-11-20 (the run was stopped before it asked for them); 1 unavailable",
        ),
        (
            {"unavailable": 2, "read": 58},
            (),
            (refusal("denied"), refusal("denied")),
            "58 of 60 image references read; 2 unavailable; registry.example denied \u00d72",
        ),
    ],
)
def test_coverage_says_what_was_read_now_and_why_not(
    counts: dict[str, int],
    reasons: tuple[Remembered, ...],
    failures: tuple[Failure, ...],
    sentence: str,
) -> None:
    coverage = Coverage(targets=sum(counts.values()), reasons=reasons, **counts)
    assert coverage_sentence(AuditResult(at=AT, coverage=coverage, failures=failures)) == sentence


RESOLVED = Resolution(
    input="redis:6.2",
    status=Status.RESOLVED,
    reference=Reference.parse("redis:6.2.24"),
    tag="6.2.24",
    version="6.2.24",
    digest=digest("x"),
    aliases=("6", "6.2", "6.2-bookworm", "6.2.24", "6.2.24-bookworm", "6-bookworm"),
    basis=Basis.ALIAS,
)


@pytest.mark.parametrize(
    ("resolution", "text"),
    [
        (RESOLVED, "6.2.24 · {} · also 6, 6.2-bookworm, 6.2.24-bookworm and 1 more"),
        (
            replace(RESOLVED, aliases=(), basis=Basis.ENV, basis_detail="REDIS_VERSION"),
            "6.2.24 · {} · by env REDIS_VERSION",
        ),
        (
            replace(RESOLVED, aliases=(), tag=None, version=None, status=Status.NO_VERSION),
            "no version can be named · {}",
        ),
        (replace(RESOLVED, status=Status.NOT_FOUND), "not in the registry"),
        (replace(RESOLVED, status=Status.UNAVAILABLE), "could not be read"),
        (
            replace(RESOLVED, aliases=(), ambiguous=("7.0.1",)),
            "6.2.24 · {} · same image as 7.0.1",
        ),
    ],
)
def test_what_an_image_is_now(resolution: Resolution, text: str) -> None:
    assert now_text(resolution) == text.format(digest("x")[:19])


def test_evidence_of_a_watched_pattern_is_found_by_place() -> None:
    pattern = replace(REDIS62, selector="6.2.x")
    assert pattern.reference is not None
    key = "docker.io/library/redis:6.2.x"
    finding = replace(
        sample().findings[0],
        location=pattern.location,
        reference=pattern.reference,
        text=pattern.text,
    )
    known = Evidence(key=key, resolution=RESOLVED)
    asked = AuditResult(at=AT, targets=(pattern,), evidence={key: known}, findings=(finding,))
    assert evidence_finder(asked)(finding) is known
    assert evidence_finder(AuditResult(at=AT))(finding) is None
    plain = replace(pattern, selector=None)
    key = pattern.reference.canonical
    known = Evidence(key=key, resolution=RESOLVED)
    for findings in ((finding,), (replace(finding, reference=None),)):
        asked = AuditResult(at=AT, targets=(plain,), evidence={key: known}, findings=findings)
        assert evidence_finder(asked)(findings[0]) is known
        both = replace(asked, targets=(pattern, plain))
        assert evidence_finder(both)(findings[0]) is known, "the last target of a place counts"
    assert evidence_finder(replace(asked, targets=()))(finding) is known, "by its own reference"
    assert evidence_finder(replace(asked, targets=()))(findings[0]) is None
