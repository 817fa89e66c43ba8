"""SARIF, GitHub, GitLab, JUnit and Markdown: each against its reader's own rules."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from importlib import import_module
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tagwatch.audit.model.finding import Finding, Severity, causes_of
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish import github, gitlab, junit, markdown, sarif
from tagwatch.publish.interface import RuleText
from tagwatch.publish.result_sentence import remark_sentences
from tagwatch.walk.deliver import rule_page
from tests.publish_hostile import hostile
from tests.publish_sample import sample, sample_context

RESULTS = pytest.mark.parametrize("result", [sample(), hostile()], ids=["sample", "hostile"])


FIXED = next(one for one in sample().findings if one.fix is not None)


def spread(number: int, *, severity: Severity = Severity.ERROR) -> tuple[Finding, ...]:
    """One cause in so many files, each place with a fingerprint and a fix of its own."""
    assert FIXED.fix is not None
    return tuple(
        replace(
            FIXED,
            severity=severity,
            fingerprint=f"{place:064x}",
            location=replace(FIXED.location, path=f"{place:03}/Dockerfile"),
            fix=replace(FIXED.fix, path=f"{place:03}/Dockerfile"),
        )
        for place in range(number)
    )


def sarif_run(result: AuditResult) -> dict[str, Any]:
    document = json.loads(sarif.render(result, sample_context()))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    return dict(run)


@RESULTS
def test_sarif_is_valid_against_models_of_the_official_schema(result: AuditResult) -> None:
    try:
        model = import_module("pydantic_sarif.model")
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("pydantic-sarif, generated from the official schema, is not installed")
    log = model.StaticAnalysisResultsFormatSarifVersion210JsonSchema
    text = sarif.render(result, sample_context())
    assert log.model_validate_json(text).runs
    with pytest.raises(ValueError, match="resultz"):
        log.model_validate_json(text.replace('"results"', '"resultz"', 1))


@RESULTS
def test_sarif_keeps_githubs_rules(result: AuditResult) -> None:
    run = sarif_run(result)
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(ids) == len(set(ids))
    for rule in run["tool"]["driver"]["rules"]:
        assert rule["shortDescription"]["text"]
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024
        assert rule["help"]["text"]
        assert 0 <= float(rule["properties"]["security-severity"]) <= 10
        assert len(rule["properties"]["tags"]) <= 10
    assert len(run["results"]) == len(causes_of(result.findings)) + len(result.ignored)
    for found in run["results"]:
        assert ids[found["ruleIndex"]] == found["ruleId"]
        assert found["message"]["text"]
        assert found["partialFingerprints"]["primaryLocationLineHash"]
        place = found["locations"][0]["physicalLocation"]
        assert not re.match(r"/|[a-z]+:|\./", place["artifactLocation"]["uri"])
        assert min(place["region"].values()) >= 1
    assert '""' not in sarif.render(result, sample_context())


def test_sarif_messages_begin_with_the_image_and_end_with_the_fix() -> None:
    texts = [found["message"]["text"] for found in sarif_run(sample())["results"]]
    for (finding, *_), text in zip(causes_of(sample().findings), texts, strict=False):
        name = str(finding.reference) if finding.reference else finding.text
        assert text.startswith(name)
    assert texts[0].endswith(f". Fix: {sample().findings[0].fix.replacement}")  # type: ignore[union-attr]  # it has one


def test_sarif_tells_what_was_not_read_and_what_was_ignored() -> None:
    run = sarif_run(sample())
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    said = [note["message"]["text"] for note in invocation["toolExecutionNotifications"]]
    assert any("ghcr.io/acme/exporter:0.9" in text for text in said)
    assert any("template files are not rendered" in text for text in said)
    suppressed = [found for found in run["results"] if "suppressions" in found]
    assert [found["ruleId"] for found in suppressed] == ["tag-moving"]
    assert suppressed[0]["suppressions"][0]["justification"] == "the web build is pinned in CI"


def test_sarif_fix_replaces_exactly_the_bytes_of_the_fix() -> None:
    finding = sample().findings[0]
    assert finding.fix is not None
    change = sarif_run(sample())["results"][0]["fixes"][0]["artifactChanges"][0]
    region = change["replacements"][0]["deletedRegion"]
    assert region == {
        "byteOffset": finding.fix.start,
        "byteLength": finding.fix.end - finding.fix.start,
    }


def test_sarif_has_one_result_for_a_cause_and_links_to_its_further_places() -> None:
    odd = replace(FIXED.location, path="a](b/Dockerfile", line=7)
    findings = (*spread(3), replace(FIXED, location=odd, fix=None, severity=Severity.ERROR))
    fixed, unfixed = sarif_run(replace(sample(), findings=findings, ignored=()))["results"]
    assert fixed["partialFingerprints"] == {"primaryLocationLineHash": f"{0:064x}:1"}
    assert [one["id"] for one in fixed["relatedLocations"]] == [1, 2]
    places = [one["physicalLocation"]["artifactLocation"] for one in fixed["relatedLocations"]]
    assert places == [{"uri": "001/Dockerfile"}, {"uri": "002/Dockerfile"}]
    line = f"{FIXED.location.line}:{FIXED.location.column}"
    said = f" Also at [001/Dockerfile:{line}](1), [002/Dockerfile:{line}](2)."
    assert fixed["message"]["text"].endswith(said)
    (fix,) = fixed["fixes"]
    assert [one["artifactLocation"]["uri"] for one in fix["artifactChanges"]] == [
        "000/Dockerfile",
        "001/Dockerfile",
        "002/Dockerfile",
    ]
    assert "relatedLocations" not in unfixed  # other advice is another cause


def test_sarif_keeps_the_fingerprint_of_the_first_place_when_another_is_added() -> None:
    one, four = (
        sarif_run(replace(sample(), findings=spread(number), ignored=()))["results"][0]
        for number in (1, 4)
    )
    assert one["partialFingerprints"] == four["partialFingerprints"]


def test_sarif_leads_to_the_page_of_a_rule_that_has_one() -> None:
    """`helpUri` is a whole address (SARIF 3.49.12), so it is left out where there is none."""
    page = rule_page("tag-latest", "", "https://reports.example/shop/")
    texts = {"tag-latest": RuleText(title="latest", page=page)}
    told = sarif.render(sample(), replace(sample_context(), rules=texts))
    rules = {one["id"]: one for one in json.loads(told)["runs"][0]["tool"]["driver"]["rules"]}
    assert rules["tag-latest"]["helpUri"] == (
        "https://reports.example/shop/rules.html#rule-tag-latest"
    )
    assert "helpUri" not in rules["tag-replaced"]


def test_sarif_bounds_what_it_says_of_a_cause() -> None:
    (found,) = sarif_run(replace(sample(), findings=spread(300), ignored=()))["results"]
    assert len(found["relatedLocations"]) == 100
    assert found["message"]["text"].endswith(", and 279 more.")


def test_sarif_links_to_no_address_that_a_file_names() -> None:
    def results(where: str, said: str) -> list[dict[str, Any]]:
        odd = [replace(one, message=said) for one in spread(2)]
        odd[1] = replace(odd[1], location=replace(odd[1].location, path=where))
        run = sarif_run(replace(sample(), findings=tuple(odd), ignored=()))
        return list(run["results"])

    (found,) = results("a](https://evil.example)/[b", "[look](https://evil.example)")
    text = found["message"]["text"]
    targets = re.findall(r"(?<!\\)\]\(([^)]*)\)", text)
    assert targets == ["1"], text


@pytest.mark.parametrize(("version", "semantic"), [("1.2.3", True), ("0.1.dev3+g1", False)])
def test_sarif_names_only_a_semantic_version_so(version: str, semantic: bool) -> None:
    context = replace(sample_context(), version=version)
    document = json.loads(sarif.render(sample(), context))
    driver = document["runs"][0]["tool"]["driver"]
    assert driver["version"] == version
    assert ("semanticVersion" in driver) is semantic


def test_github_annotates_every_finding_worst_first() -> None:
    lines = github.render(sample(), sample_context()).splitlines()
    kinds = [re.split(r"[ :]", line[2:])[0] for line in lines if line.startswith("::")]
    assert kinds[:7] == ["error"] * 2 + ["warning"] * 5
    assert kinds[7:10] == ["notice"] * 3
    assert lines[0].startswith(
        "::error file=compose.yaml,line=18,endLine=18,col=12,title=tag-replaced,endColumn=25::"
    )
    assert lines[-1].startswith("2 things to fix")


def test_github_annotates_each_cause_before_the_further_places_of_any() -> None:
    causes = [replace(one, message="another cause") for one in spread(1)]
    lines = github.render(
        replace(sample(), findings=(*spread(3), *causes)), sample_context()
    ).splitlines()
    files = [re.findall("file=([^,]*)", line)[0] for line in lines if line.startswith("::error")]
    assert files == ["000/Dockerfile", "000/Dockerfile", "001/Dockerfile", "002/Dockerfile"]


def test_github_commands_cannot_be_forged() -> None:
    result = hostile()
    lines = github.render(result, sample_context()).splitlines()
    commands = [line for line in lines if line.lstrip().startswith("::")]
    told = (result.findings, result.problems, result.failures, tuple(remark_sentences(result)))
    expected = sum(map(len, told))
    assert len(commands) == expected
    for command in commands[: len(result.findings)]:
        properties = command[2:].split("::", 1)[0].split(" ", 1)[1]
        assert [pair.split("=")[0] for pair in properties.split(",")] == [
            "file",
            "line",
            "endLine",
            "col",
            "title",
            "endColumn",
        ]


@RESULTS
def test_gitlab_entries_are_whole_and_unique(result: AuditResult) -> None:
    entries = json.loads(gitlab.render(result, sample_context()))
    assert len(entries) == len(result.findings) + len(result.problems)
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)
    for entry in entries:
        assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert entry["location"]["lines"]["begin"] >= 1
        assert not entry["location"]["path"].startswith(("/", "./"))


def test_gitlab_keeps_findings_that_share_a_fingerprint() -> None:
    finding = sample().findings[0]
    twice = replace(sample(), findings=(finding, finding), problems=())
    entries = json.loads(gitlab.render(twice, sample_context()))
    assert len({entry["fingerprint"] for entry in entries}) == 2
    assert entries[0]["fingerprint"] == finding.fingerprint


def junit_cases(result: AuditResult, fail_on: Severity | None) -> ET.Element:
    context = replace(sample_context(), fail_on=fail_on)
    return ET.fromstring(junit.render(result, context).encode())


@pytest.mark.parametrize(
    ("fail_on", "failures"),
    [(Severity.ERROR, 2), (Severity.WARNING, 6), (Severity.NOTE, 9), (None, 0)],
)
def test_junit_fails_at_and_above_the_threshold(fail_on: Severity | None, failures: int) -> None:
    suites = junit_cases(sample(), fail_on)
    assert suites.get("failures") == str(failures)
    assert len(suites.findall(".//failure")) == failures
    assert sum(int(suite.get("tests", "0")) for suite in suites) == int(suites.get("tests", "0"))


def test_junit_has_one_case_for_a_cause_and_names_its_places() -> None:
    suites = junit_cases(replace(sample(), findings=spread(3), targets=()), Severity.ERROR)
    (failure,) = suites.findall(".//failure")
    line = f"{FIXED.location.line}:{FIXED.location.column}"
    said = f"also at 001/Dockerfile:{line}, 002/Dockerfile:{line}"
    assert (failure.text or "").splitlines()[-1] == said


def test_junit_shows_nothing_as_passed_that_was_not_evaluated() -> None:
    suites = junit_cases(sample(), Severity.ERROR)
    passed = [
        case.get("name", "")
        for case in suites.iter("testcase")
        if case.find("failure") is None and case.find("skipped") is None
    ]
    assert not [name for name in passed if "exporter" in name or "worker" in name]
    assert "redis:6.2 line 6" in passed
    skipped = [case.get("name") for case in suites.iter("testcase") if len(case.findall("skipped"))]
    assert "tag-moving: node:22-alpine" in skipped
    assert "ghcr.io/acme/exporter" in skipped
    assert "chart/templates/deployment.yaml:1:1" in skipped


def test_junit_target_without_evidence_is_skipped() -> None:
    blind = replace(sample(), findings=(), evidence={}, failures=(), problems=(), ignored=())
    suites = junit_cases(blind, Severity.ERROR)
    assert suites.get("skipped") == suites.get("tests") == str(len(sample().targets))


def test_junit_survives_hostile_text() -> None:
    suites = junit_cases(hostile(), Severity.NOTE)
    assert len(suites.findall(".//failure")) == len(causes_of(hostile().findings))
    assert not suites.findall(".//script")


def test_markdown_rows_and_sections() -> None:
    text = markdown.render(sample(), sample_context())
    assert text.startswith("## 2 things to fix, 5 to look at")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + len(causes_of(sample().findings)) + 1 + len(sample().changes)
    assert "### Not checked" in text
    assert text.rstrip().endswith("<https://reports.shop.example/tagwatch/>")


def test_markdown_has_one_row_for_a_cause_with_its_first_places() -> None:
    text = markdown.render(replace(sample(), findings=spread(8), changes=()), sample_context())
    (row,) = [line for line in text.splitlines() if line.startswith("| error")]
    line = f"{FIXED.location.line}:{FIXED.location.column}"
    named = ", ".join(f"`00{place}/Dockerfile:{line}`" for place in range(6))
    assert f"| {named} and 2 more |" in row


def test_markdown_cells_hold_against_hostile_text() -> None:
    text = markdown.render(hostile(), sample_context())
    lines = text.splitlines()
    table = [line for line in lines if line.startswith("| ")]
    findings = table[1 : 1 + len(causes_of(hostile().findings))]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in findings} == {6}
    outside = re.sub(r"`[^`]*`", "", text)
    assert "<script" not in outside
    assert "<img" not in outside
    assert not re.search(r"(?<!\\)\]\(", outside)
    assert "@here" not in outside


def test_markdown_counts_what_it_does_not_show() -> None:
    finding = sample().findings[0]
    apart = tuple(replace(finding, message=f"{number} things") for number in range(230))
    many = replace(sample(), findings=apart)
    assert "…and 30 more." in markdown.render(many, sample_context())
