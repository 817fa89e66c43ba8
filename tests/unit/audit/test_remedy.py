"""What findings about ends of life advise, by the bundled facts: never what has ended itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tagwatch.audit.model.evidence import Evidence, Newer
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.knowledge.bundled import load
from tests.audit_case import audit, evidence, only, said, target
from tests.contract.rule_case import facts

KNOWN = load()
AT = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


def judged(
    image: str, newer: Newer | None = None, knowledge: Knowledge = KNOWN, **more: Any
) -> AuditResult:
    one = target(image)
    found: Evidence = evidence(one, resolution={"newer": newer or Newer()}, **more)
    policy = Policy(rules=only("eol-soon", Severity.NOTE, days=90))
    return audit((one,), (found,), policy, knowledge=knowledge, at=AT)


def finding(result: AuditResult, rule: str) -> Finding:
    (found,) = said(result, rule)
    return found


@pytest.mark.parametrize(
    ("image", "newer", "remedy"),
    [
        (
            "ubuntu:16.04",
            Newer(minor="16.10", major="26.04"),
            "move to ubuntu:24.04 (long-term, until 2029-05-31), "
            "or to ubuntu:26.04 (long-term, until 2031-04-30)",
        ),
        (
            "postgres:9.4",
            Newer(minor="9.6.24", major="18.4"),
            "move to postgres:15 (supported until 2027-11-11)",
        ),
        (
            "node:21.1.0",
            Newer(minor="21.7.3", major="26.7.0"),
            "move to node:24 (long-term, until 2028-04-30), "
            "or to node:26 (long-term, until 2029-04-30)",
        ),
        (
            "mongo:6.1.1",
            Newer(minor="6.3.2", major="8.3.2"),
            "move to mongo:7.0 (supported until 2027-08-31)",
        ),
        (
            "mariadb:10.4.32-focal",
            Newer(),
            "move to mariadb:10.11-jammy (long-term, until 2028-02-16), "
            "or to mariadb:12.3-noble (long-term, until 2029-06-12)",
        ),
        (
            "bitnami/redis:7.0.11",
            Newer(major="8.10.1"),
            "move to Redis 7.2 (supported until 2029-12-01)",
        ),
        (
            "bitnami/redis:7.0.11-debian-11-r12",
            Newer(minor="7.2.9", major="8.10.1"),
            "move to Redis 7.2 (supported until 2029-12-01); bitnami/redis:7.2.9 is kept back: "
            "image-retired",
        ),
    ],
)
def test_a_dead_line_is_left_for_one_that_lives(image: str, newer: Newer, remedy: str) -> None:
    found = finding(judged(image, newer), "version-eol")
    assert found.remedy == remedy


def test_where_every_known_line_has_ended() -> None:
    known = replace(KNOWN, images={"docker.io/library/centos": "centos"})
    result = judged("centos:7", knowledge=known)
    assert finding(result, "version-eol").remedy == (
        "move to a release newer than 8, which facts of 2026-08-22 do not know"
    )
    result = judged("centos:7", Newer(major="11"), known)
    assert finding(result, "version-eol").remedy == (
        "move to a release newer than 8, which facts of 2026-08-22 do not know; "
        "centos:11 is kept back: image-retired"
    )


def test_a_line_that_lives_for_days_is_no_advice() -> None:
    """Docker 25.0 lived for five days; its publisher no longer built it either."""
    found = finding(judged("docker:25.0.5"), "eol-soon")
    assert found.remedy == "move to docker:29"
    assert found.evidence["successor"] == found.evidence["successor_tag"] == "29"


@pytest.mark.parametrize(
    ("image", "newer", "left"),
    [
        (
            "node:21.1.0",
            Newer(patch="21.1.1", minor="21.7.3", major="26.7.0"),
            Newer(major="26.7.0"),
        ),
        ("node:24.1.0-bullseye", Newer(minor="24.19.0-bullseye"), Newer()),
        ("python:3.12.1", Newer(patch="3.12.9", minor="3.14.2"), None),
        ("gitlab/gitlab-ce:16.7.0", Newer(major="19.5.1"), None),
        ("shop/node:21.1.0", Newer(minor="21.7.3"), None),
    ],
)
def test_an_offer_that_is_over_is_told_nowhere(
    image: str, newer: Newer, left: Newer | None
) -> None:
    result = judged(image, newer)
    (known,) = result.evidence.values()
    assert known.resolution.newer == (newer if left is None else left)
    behind = said(result, "base-behind")
    assert bool(behind) is bool(known.resolution.newer.patch)


def test_what_is_known_keeps_every_offer() -> None:
    """The facts may change: what is told is held against them, never what is kept of an image."""
    one = target("node:21.1.0")
    found = evidence(one, resolution={"newer": Newer(minor="21.7.3")})
    result = audit((one,), (found,), knowledge=KNOWN, at=AT)
    assert result.evidence.source[found.key].resolution.newer.minor == "21.7.3"  # type: ignore[attr-defined]


def test_a_dead_system_is_left_for_one_that_lives() -> None:
    platforms = (facts(os_release="debian bullseye"),)
    result = judged("python:3.12-slim-bullseye", platforms=platforms)
    assert finding(result, "os-eol").remedy == ("move to python:3.12-slim-bookworm")
    result = judged("ghcr.io/shop/api:1.4", platforms=platforms)
    assert finding(result, "os-eol").remedy == (
        "use a build of the same version on Debian 12 (supported until 2028-06-30)"
    )


def test_a_tag_that_is_not_built_and_over_names_a_living_line() -> None:
    result = judged("node:21.1.0", Newer(minor="21.7.3"), lifecycle="unsupported")
    found = finding(result, "tag-unsupported")
    assert found.remedy.startswith("move to node:24 (long-term")
    assert found.fix is None


def test_without_facts_nothing_is_held_back() -> None:
    newer = Newer(minor="21.7.3")
    result = judged("node:21.1.0", newer, replace(KNOWN, products={}, images={}))
    (known,) = result.evidence.values()
    assert known.resolution.newer == newer
    assert not said(result, "version-eol")


@pytest.mark.parametrize(
    ("image", "line"),
    [("nodejs:14", "nodejs24.x"), ("nodejs:20", "nodejs24.x"), ("provided:al2", "provided.al2023")],
)
def test_a_runtime_of_lambda_leads_to_its_own_language(image: str, line: str) -> None:
    found = finding(judged(f"public.ecr.aws/lambda/{image}"), "version-eol")
    assert found.evidence["successor"] == line
    assert "java" not in found.remedy


def test_a_dead_system_under_a_dead_line_is_left_with_it() -> None:
    result = judged("node:14-alpine3.17")
    assert finding(result, "os-eol").remedy == finding(result, "version-eol").remedy


def test_the_lower_ones_that_live_are_offered_where_the_newest_is_over() -> None:
    newer = Newer(minor="11.10.1", minors=("11.7.4",))
    result = judged("mattermost/mattermost-team-edition:11.6.0", newer)
    (known,) = result.evidence.values()
    assert known.resolution.newer == Newer(minor="11.7.4")
