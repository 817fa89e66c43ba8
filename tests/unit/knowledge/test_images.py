"""What is known of images by their names: rows, patterns, copies, ends, and their bundle."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tagwatch.audit.model.knowledge import How
from tagwatch.audit.rule.inside import Inside, inside
from tagwatch.image.reference import Reference, Repository
from tagwatch.knowledge.bundled import load
from tests.bundle import FILES, PLACE

KNOWN = load()
ON = date(2026, 11, 29)
CASES = json.loads(
    (Path(__file__).parents[2] / "data" / "knowledge" / "remedies.json").read_bytes()
)
DEAD = {case["image"]: case for case in CASES["dead"]}
LIVING = {case["image"]: case for case in CASES["living"]}


def is_over(one: Inside) -> bool:
    cycle = one.line.cycle
    return cycle.is_over or (cycle.ends is not None and cycle.ends < ON)


def found(image: str) -> tuple[Inside, ...]:
    return inside(Reference.parse(image), KNOWN)


@pytest.mark.parametrize("name", FILES)
def test_the_bundle_is_what_the_collections_make(name: str) -> None:
    """`python -m tests.bundle` writes it."""
    assert (PLACE / name).read_text(encoding="utf-8") == FILES[name]()


def test_every_row_names_a_product_and_a_source() -> None:
    rows = [row for name in KNOWN.rows for row in KNOWN.rows[name]]
    assert len(rows) > 1_400
    unknown = {row.product for row in rows if row.product} - set(KNOWN.products)
    assert unknown == set()
    assert all(row.source for row in rows)
    assert all(one.source for name in KNOWN.retired for one in KNOWN.retired[name])
    words = {word.product for word in (one for key in KNOWN.words for one in KNOWN.words[key])}
    assert words - {""} - set(KNOWN.products) == set()


def test_every_image_that_the_lines_name_has_a_row() -> None:
    """So the lines of all products need not be read to look a name up."""
    facts = json.loads((PLACE / "end_of_life.json").read_bytes())["products"]
    named = {f"docker.io/{image}" for product in facts.values() for image in product["images"]}
    assert {name for name in named if name not in KNOWN.rows} == set()


def test_each_product_of_the_lines_stands_on_one_line() -> None:
    """They are read one at a time."""
    facts = json.loads((PLACE / "end_of_life.json").read_bytes())["products"]
    assert set(KNOWN.products) == set(facts)
    assert all(KNOWN.products[name].name == facts[name]["name"] for name in facts)


@pytest.mark.parametrize("image", DEAD)
def test_a_dead_image_is_found_by_its_name(image: str) -> None:
    case: dict[str, Any] = DEAD[image]
    over = [one for one in found(image) if is_over(one) and one.sure]
    systems = [one for one in over if one.is_system]
    lines = [one for one in over if not one.is_system]
    if "rule" not in case:
        assert lines == []
        reference = Reference.parse(image)
        assert KNOWN.retirement_of(reference.repository, reference.tag) is not None
        return
    first = lines[0].line
    assert first.cycle.name == case.get("line", case.get("judged_by_line"))
    if case["ended"] != "over":
        assert str(first.cycle.ends) == case["ended"]
    how = How.EXACT if case["line_read"] == "codename" else How(case["line_read"])
    assert first.how is how
    beside = [
        one["line"] for one in case.get("system_over_too", ()) if case["product"] != one["product"]
    ]
    if "distroless" not in image:  # what it stands on is in its name, too
        assert [one.line.cycle.name for one in systems] == beside


@pytest.mark.parametrize("image", LIVING)
def test_of_a_living_image_nothing_is_over(image: str) -> None:
    assert [one for one in found(image) if is_over(one)] == []


@pytest.mark.parametrize(
    ("image", "over"),
    [
        ("mcr.microsoft.com/mssql/server:2019-CU28-ubuntu-20.04", {"Ubuntu 20.04"}),
        ("mycorp/app:1.4-buster", {"Debian 10?"}),
        ("mycorp/app:1.4-alpine3.10", {"Alpine Linux 3.10?"}),
        ("rockylinux:9", set()),
        ("jenkins/jenkins:2.387-jdk11", set()),
        ("python:3.11-bullseye", {"Debian 11"}),
        ("wordpress:6.9-php8.1-apache", {"WordPress 6.9", "PHP 8.1"}),
        ("elixir:1.18-otp-25", {"Erlang 25"}),
        ("ghcr.io/astral-sh/uv:python3.9-bookworm-slim", {"Python 3.9"}),
        ("tomcat:9.0-jdk8-temurin-jammy", set()),
        ("golang:1.26-windowsservercore-1809", set()),
        ("ros:noetic-ros-core-focal", {"ROS noetic", "Ubuntu 20.04"}),
        ("ros:kinetic", {"ROS kinetic"}),
        ("node:iron-bookworm-slim", {"Node.js 20"}),
        ("mycorp/tool:iron", set()),
        ("public.ecr.aws/lambda/nodejs:16", {"AWS Lambda nodejs16.x"}),
        ("hexpm/elixir:1.18.4-erlang-25.3-debian-bookworm", {"Erlang 25"}),
        ("python@sha256:" + "a" * 64, set()),
        ("python", set()),
    ],
)
def test_what_is_over_in_an_image(image: str, over: set[str]) -> None:
    """A question mark: a guess."""
    said = {
        f"{one.product.name} {one.line.cycle.name}{'' if one.sure else '?'}"
        for one in found(image)
        if is_over(one)
    }
    assert said == over


@pytest.mark.parametrize(
    ("copy", "home"),
    [
        ("public.ecr.aws/docker/library/node", "docker.io/library/node"),
        ("mirror.gcr.io/library/node", "docker.io/library/node"),
        ("mirror.gcr.io/grafana/grafana", "docker.io/grafana/grafana"),
        ("mirror.gcr.io/arm64v8/node", "docker.io/library/node"),
        ("docker.io/arm64v8/node", "docker.io/library/node"),
        ("registry.hub.docker.com/node", "docker.io/library/node"),
        ("registry-1.docker.io/library/node", "docker.io/library/node"),
        (
            "gitlab.example/group/sub/dependency_proxy/containers/node",
            "docker.io/library/node",
        ),
        (
            "gitlab.example/group/dependency_proxy/containers/grafana/grafana",
            "docker.io/grafana/grafana",
        ),
        ("gitlab.own/all/dependency_proxy/containers/node", "docker.io/library/node"),
        ("ecr.example/docker-hub/library/node", "docker.io/library/node"),
        ("ecr.example/docker-hub/node", "docker.io/library/node"),
        ("ecr.example/quay/keycloak/keycloak", "quay.io/keycloak/keycloak"),
        ("ecr.example/other/library/node", "ecr.example/other/library/node"),
        ("docker.m.daocloud.io/library/node", "docker.m.daocloud.io/library/node"),
        ("mycorp/node", "docker.io/mycorp/node"),
        ("registry.example.com/library/node", "registry.example.com/library/node"),
    ],
)
def test_whose_copy_an_image_is(copy: str, home: str) -> None:
    """Of GitLab's caches the path tells, which any host may have: facts hold, trust does not."""
    caches = {
        "ecr.example/docker-hub/": "docker.io/",
        "ecr.example/quay/": "quay.io/",
        "gitlab.own/all/dependency_proxy/containers/": "docker.io/",
    }
    known = load(copies=caches.items())
    assert known.home(Repository.parse(copy)).name == home
    is_trusted = "dependency_proxy" not in copy or copy.startswith("gitlab.own/")
    is_library = home.startswith("docker.io/library/")
    assert known.is_official(Repository.parse(copy)) is (is_library and is_trusted)


@pytest.mark.parametrize(
    ("image", "kind", "to"),
    [
        ("openjdk:17-jdk-slim", "ended", "docker.io/library/eclipse-temurin"),
        ("openjdk:28-ea-jdk-slim", None, None),
        ("public.ecr.aws/docker/library/openjdk:8", "ended", "docker.io/library/eclipse-temurin"),
        ("minio/minio:latest", "deleted", "quay.io/minio/minio (frozen since 2025-10)"),
        ("quay.io/minio/minio:RELEASE.2025-01-20T14-49-07Z", "frozen", None),
        ("bitnami/postgresql:15.4.0", "moved", "docker.io/library/postgres"),
        ("bitnami/postgresql:latest", None, None),
        ("bitnami/minideb:bookworm", None, None),
        ("bitnami/cassandra-exporter:2", "moved", "docker.io/bitnamilegacy/cassandra-exporter"),
        ("bitnamilegacy/redis:7.0", "frozen", "docker.io/library/redis"),
        ("k8s.gcr.io/kube-proxy:v1.22.0", "moved", "registry.k8s.io/kube-proxy"),
        ("gcr.io/distroless/java11-debian11", "ended", "gcr.io/distroless/java11-debian13"),
        ("gcr.io/distroless/static-debian13", None, None),
        ("gcr.io/some-project/app:1", None, None),
        ("rockylinux:9", "frozen", "docker.io/rockylinux/rockylinux"),
        ("amazonlinux:2", "ended", "docker.io/library/amazonlinux:2023"),
        ("amazonlinux:2023", None, None),
        ("microsoft/nanoserver:1709", "moved", "mcr.microsoft.com/windows/nanoserver"),
        ("node:14", None, None),
        ("mycorp/openjdk:17", None, None),
    ],
)
def test_what_has_ended(image: str, kind: str | None, to: str | None) -> None:
    reference = Reference.parse(image)
    end = KNOWN.retirement_of(reference.repository, reference.effective_tag)
    assert (end.kind if end else None) == kind
    if to is not None:
        assert end is not None
        assert end.to[0].startswith(to)


def test_no_advice_leads_to_what_has_ended_and_does_not_say_so() -> None:
    """What there is to be had and never built again is named with those words beside it."""
    wrong = []
    advised = {one: name for name, ends in KNOWN.retired.items() for end in ends for one in end.to}
    for advice, name in advised.items():
        image, _, remark = advice.partition(" ")
        if "*" in advice:
            wrong.append(f"{name}: {advice} is a pattern")
        if "/" not in image or remark.startswith(("(frozen", "(no fixes after")):
            continue
        reference = Reference.parse(image)
        ends = KNOWN.retired.get(KNOWN.home(reference.repository).name, ())
        if any(end.means(reference.tag) for end in ends):
            wrong.append(f"{name}: {advice} has ended")
        if reference.tag and any(map(is_over, inside(reference, KNOWN))):
            wrong.append(f"{name}: {advice} is past its end of life")
    assert len(advised) > 300
    assert wrong == []


def test_a_lambda_image_runs_the_runtime_first() -> None:
    for image in ("public.ecr.aws/lambda/java", "docker.io/amazon/aws-lambda-java"):
        assert KNOWN.rows[image][0].product == "aws-lambda"


def test_a_name_is_not_asked_of_the_patterns_of_others() -> None:
    rows = KNOWN.rows_of(Repository.parse("registry.access.redhat.com/ubi9/python-311"))
    assert [(row.product, row.take) for row in rows] == [("rhel", "=9")]
    assert KNOWN.rows_of(Repository.parse("registry.access.redhat.com.evil.example/ubi9/ubi")) == ()
    (row,) = KNOWN.rows_of(Repository.parse("quay.io/cilium/hubble-ui"))
    assert (row.product, row.take) == ("", "none")
