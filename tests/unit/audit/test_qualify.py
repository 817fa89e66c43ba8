from __future__ import annotations

import pytest

from tagwatch.source.target import Extraction, Target, qualify
from tests.audit_case import place, target


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis", "hub.example/redis:latest"),
        ("redis:7", "hub.example/redis:7"),
        ("shop/api:1", "hub.example/shop/api:1"),
        ("library/redis:7", "hub.example/library/redis:7"),
        ("docker.io/redis:7", "docker.io/library/redis:7"),
        ("index.docker.io/library/redis:7", "docker.io/library/redis:7"),
        ("registry-1.docker.io/library/redis:7", "docker.io/library/redis:7"),
        ("registry.hub.docker.com/library/redis:7", "docker.io/library/redis:7"),
        ("registry-1.docker.io/redis:7", "registry-1.docker.io/redis:7"),  # the API has no such
        ("GHCR.io/a/b:1", "ghcr.io/a/b:1"),
        ("registry-1.docker.io.evil.example/a/b:1", "registry-1.docker.io.evil.example/a/b:1"),
        ("quay.io/a/b:1", "quay.io/a/b:1"),
        ("localhost/b:1", "localhost/b:1"),
    ],
)
def test_names_without_a_registry(text: str, expected: str) -> None:
    one = qualify(Extraction(targets=(target(text),)), "hub.example").targets[0]
    assert one.reference is not None
    assert one.reference.canonical == expected
    assert one.text == text


def test_what_is_not_certain_stays() -> None:
    known = target("redis:7")
    variable = Target(text="${R}redis:7", location=place(), kind="from", reference=known.reference)
    unresolved = Target(text="${X}", location=place(), kind="from", missing=("X",))
    both = Extraction(targets=(variable, unresolved))
    assert qualify(both, "hub.example") == both


def test_docker_hub_changes_nothing() -> None:
    one = Extraction(targets=(target("redis"),))
    assert qualify(one, "docker.io") is one
