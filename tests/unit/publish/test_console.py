"""Findings on a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

from tagwatch.audit.model.finding import Severity, causes_of
from tagwatch.publish import console
from tests.publish_hostile import hostile
from tests.publish_sample import sample, sample_context

ESCAPE = "\x1b"


def test_files_worst_first_and_findings_worst_first() -> None:
    lines = console.render(sample(), sample_context()).splitlines()
    headings = [line for line in lines if re.fullmatch(r"[\w./]+", line)]
    assert headings == ["compose.yaml", "api/Dockerfile", "deploy/api.yaml", "web/Dockerfile"]
    places = [line.split() for line in lines if re.match(r"  (error|warning|note) ", line)]
    assert [place[:3] for place in places[:4]] == [
        ["error", "compose.yaml:18:12", "platform-dropped"],
        ["error", "compose.yaml:18:12", "tag-replaced"],
        ["warning", "compose.yaml:12:12", "tag-unsupported"],
        ["note", "compose.yaml:27:12", "reference-unresolved"],
    ]
    assert len(places) == len(causes_of(sample().findings)) < len(sample().findings)


def test_a_cause_with_many_places_fills_no_screen() -> None:
    first = sample().findings[0]
    places = [
        replace(
            first, location=replace(first.location, path=f"{number}.yaml"), fingerprint=f"{number}"
        )
        for number in range(30)
    ]
    text = console.render(replace(sample(), findings=tuple(places)), sample_context())
    said = " ".join(text.split())
    assert len(re.findall(r"\d+\.yaml:\d+", said)) == 1 + 12
    assert ", and 17 more (--format compact names each)" in said


def test_a_line_is_shown_once_to_the_first_finding_that_shows_lines() -> None:
    """A registry that cannot be read is no matter of a line; the next finding there is."""
    of = replace(sample().findings[0], fix=None, severity=Severity.WARNING)
    outage = replace(of, rule="check-incomplete", reference=None, message="it fails")
    findings = (outage, replace(of, rule="tag-a"), replace(of, rule="tag-b", message="again"))
    line = " " * (of.location.column - 1) + "image: postgres:16.4"
    context = replace(sample_context(), lines_of=lambda _: [line] * 40)
    text = console.render(replace(sample(), findings=findings), context)
    order = [text.index(said) for said in ("check-incomplete", "tag-a", "image: pos", "tag-b")]
    assert order == sorted(order)
    assert text.count("image: postgres:16.4") == 1


def test_one_cause_is_told_once_with_its_places() -> None:
    first = sample().findings[0]
    places = [
        replace(first, location=replace(first.location, path=path, line=line), fingerprint=path)
        for path, line in (("a.yaml", 3), ("b.yaml", 7), ("c.yaml", 9))
    ]
    text = console.render(replace(sample(), findings=tuple(places)), sample_context())
    assert text.count(first.message) == 1
    column = first.location.column
    assert f"also b.yaml:7:{column}, c.yaml:9:{column}" in text
    assert not [line for line in text.splitlines() if line in ("b.yaml", "c.yaml")]


def test_each_finding_says_what_it_is_now_and_what_to_paste() -> None:
    text = console.render(sample(), sample_context())
    block = text[text.index("tag-unsupported") :]
    assert re.search(r"now  redis:7\.0 = 7\.0\.15 · sha256:[0-9a-f]{12} · also 7", block)
    assert "fix  image: redis:7.4.7\n" in block
    assert "do   Rebuild shop/api on the present python:3.12-slim." in text


def test_what_was_not_read_is_printed_and_the_verdict_stands_last() -> None:
    text = console.render(sample(), sample_context())
    assert "ghcr.io/acme/exporter:0.9: the registry refused the best credential known" in text
    assert "hint: log in with a token that has read:packages" in text
    assert "chart/templates/deployment.yaml:1:1: skipped: template files" in text
    assert text.splitlines()[-1] == (
        "2 things to fix, 5 to look at, 3 notes, 2 not checked (incomplete)"
    )


def test_what_is_passed_over_for_one_reason_is_told_once() -> None:
    """A repository with charts had a screen of it: two lines for each template."""
    first = next(one for one in sample().problems if one.skipped)
    many = tuple(
        replace(first, location=replace(first.location, path=f"chart/{n:02}.yaml"))
        for n in range(15)
    )
    other = replace(first, message="something else", location=many[3].location)
    text = console.render(replace(sample(), problems=(*many, other)), sample_context())
    told = " ".join(text.split())
    assert told.count(first.message) == 1
    assert f"{many[0].location}: skipped: {first.message}" in told
    assert "also chart/01.yaml:1:1, chart/02.yaml:1:1, " in told
    assert "chart/12.yaml:1:1, and 2 more (--format compact names each)" in told
    assert f"{many[3].location}: skipped: something else" in told


def test_old_or_imported_facts_name_their_age_and_source() -> None:
    result = sample()
    key = "docker.io/library/redis:7.0"
    known = result.evidence[key]
    assert known.at is not None
    old = replace(known, at=known.at.replace(day=20), source="nightly extract")
    text = console.render(replace(result, evidence={**result.evidence, key: old}), sample_context())
    assert "read 3 days ago (2026-11-20), from nightly extract" in " ".join(text.split())


def test_colors_only_where_wanted() -> None:
    plain = console.render(sample(), sample_context())
    colored = console.render(sample(), replace(sample_context(), color=True))
    assert ESCAPE not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain
    assert colored != plain


def test_messages_wrap_at_the_terminal() -> None:
    narrow = console.render(sample(), replace(sample_context(), width=60))
    assert max(len(line) for line in narrow.splitlines() if line.startswith(" " * 11 + "p")) <= 60


def test_no_stranger_moves_the_terminal() -> None:
    text = console.render(hostile(), sample_context())
    text += console.summary(hostile(), replace(sample_context(), details=True))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert not any(line.startswith("::error") for line in text.splitlines())
    text.encode("utf-8")


def test_summary_tells_coverage_and_asked_for_requests() -> None:
    brief = console.summary(sample(), sample_context())
    assert "6 of 10 image references read now" in brief
    assert "since 2026-11-22T02:00:00Z: 6 new, 1 fixed, 4 tags moved" in brief
    assert "1 finding ignored" in brief
    assert "docker.io: 26 requests" not in brief
    details = console.summary(sample(), replace(sample_context(), details=True))
    assert "docker.io: 26 requests (5 catalogue, 8 config, 12 manifest, 1 token)" in details
    assert "docker.io: 88 of 100 pulls left per 6 h" in details


def test_a_clean_result_says_so_in_one_line() -> None:
    clean = replace(
        sample(),
        findings=(),
        changes=(),
        failures=(),
        problems=(),
        complete=True,
        coverage=replace(sample().coverage, unresolved=0, unavailable=0),
    )
    assert console.render(clean, sample_context()) == "Nothing to fix\n"
    assert Severity.ERROR not in {finding.severity for finding in clean.findings}


def test_what_was_not_read_for_one_reason_is_told_once() -> None:
    result = sample()
    (unread,) = (one for one in result.findings if one.rule == "check-incomplete")
    why = unread.message.partition(": ")[2]
    alone = console.render(result, sample_context())
    assert alone.count(why) == 1, "a failure that a finding tells is not told again"
    many = tuple(
        replace(unread, text=text, message=f"{text} was not checked: {why}")
        for text in ("a:1", "b:2", "a:1", "c:3")
    )
    text = console.render(replace(result, findings=many), sample_context())
    assert text.startswith("4 not checked\n")
    assert text.count(why) == 1
    assert text.count(f"{unread.location} and 1 more") == 1
    for name in ("a:1", "b:2", "c:3"):
        assert text.count(f"  {name}  ") == 1


def test_what_can_be_fixed_is_said_with_where() -> None:
    """A scan has no `--fix`; files of other repositories are fixed in their checkouts."""
    assert "\n5 can be fixed with --fix\n" in console.summary(sample(), sample_context())
    others = replace(sample_context(), others={"api": ""})
    told = console.summary(sample(), others, here=False).splitlines()
    assert "3 can be fixed with tagwatch check --fix" in told
    assert "2 can be fixed with tagwatch check --fix in checkouts of their repositories" in told
