from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.glob import match_image, match_path, match_registry
from tagwatch.audit.model.policy import (
    AccessList,
    ApprovedBase,
    Denied,
    Override,
    Policy,
    PolicyIgnore,
    RuleSettings,
)
from tagwatch.audit.rule.approval import check_range, is_version_allowed
from tagwatch.audit.verdict.explanation import explain_policy
from tagwatch.errors import UsageError
from tagwatch.image.reference import Reference, Repository
from tests.audit_case import AT, digest, only, place


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("*.yaml", "a.yaml", True),
        ("*.yaml", "a/b.yaml", False),
        ("**/*.yaml", "b.yaml", True),
        ("**/*.yaml", "a/b/c.yaml", True),
        ("examples/**", "examples/a/b", True),
        ("examples/", "examples/a/b", True),
        ("./examples/**", "examples/a", True),
        ("examples/**", "my-examples/a", False),
        ("**/test/**", "test/Dockerfile", True),
        ("**/test/**", "a/test/b/Dockerfile", True),
        ("**/test/**", "a/testing/Dockerfile", False),
        ("Dockerfile?", "Dockerfile1", True),
        ("Dockerfile?", "Dockerfile/", False),
        ("a+b(c)", "a+b(c)", True),
        ("a.b", "axb", False),
    ],
)
def test_paths(glob: str, path: str, expected: bool) -> None:
    assert match_path(glob, path) is expected


@pytest.mark.parametrize(
    ("glob", "image", "expected"),
    [
        ("redis", "redis:7", True),
        ("redis", "docker.io/library/redis@" + digest("a"), True),
        ("redis:*", "redis:7.2", True),
        ("redis:7.*", "redis:7.2", True),
        ("redis:7.*", "redis:6", False),
        ("redis:7.*", "redis@" + digest("a"), False),
        ("redis:latest", "redis", True),
        ("redis@" + digest("a"), "redis:7@" + digest("a"), True),
        ("redis@" + digest("a"), "redis:7@" + digest("b"), False),
        ("docker.io/redis", "redis", True),
        ("index.docker.io/library/*", "redis", True),
        ("library/*", "redis", True),
        ("bitnami/*", "bitnami/redis:7", True),
        ("bitnami/*", "redis", False),
        ("ghcr.io/shop/*", "ghcr.io/shop/api:1", True),
        ("ghcr.io/shop/*", "ghcr.io/shop/team/api:1", False),
        ("ghcr.io/shop/**", "ghcr.io/shop/team/api:1", True),
        ("**", "host:5000/a/b/c:1", True),
        ("**/redis", "quay.io/x/redis", True),
        ("*", "redis", True),
        ("*", "quay.io/a", False),
        ("localhost/a", "localhost/a:1", True),
        ("HOST.example/a", "host.example/a:1", True),
        ("host:5000/a", "host:5000/a:1", True),
    ],
)
def test_images(glob: str, image: str, expected: bool) -> None:
    assert match_image(glob, Reference.parse(image)) is expected


@pytest.mark.parametrize(
    ("glob", "image", "expected"),
    [
        ("docker.io", "redis", True),
        ("index.docker.io", "redis", True),
        ("*.dkr.ecr.eu-west-1.amazonaws.com", "1.dkr.ecr.eu-west-1.amazonaws.com/a", True),
        ("*.dkr.ecr.eu-west-1.amazonaws.com", "1.dkr.ecr.us-east-1.amazonaws.com/a", False),
        ("*.amazonaws.com", "x.amazonaws.com.evil.example/a", False),
        ("host:5000", "host:5000/a", True),
        ("host", "host:5000/a", False),
        ("docker.io/bitnami/*", "bitnami/redis", True),
    ],
)
def test_registries(glob: str, image: str, expected: bool) -> None:
    assert match_registry(glob, Repository.parse(image)) is expected


NAMES = st.from_regex(r"[a-z0-9]{1,8}(/[a-z0-9]{1,8}){0,2}", fullmatch=True)


@settings(max_examples=100, deadline=None)
@given(NAMES, st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True))
def test_an_image_is_its_own_pattern(name: str, tag: str) -> None:
    reference = Reference.parse(f"{name}:{tag}")
    assert match_image(str(reference), reference)
    assert match_image(reference.canonical, reference)
    assert match_image("**", reference)
    assert not match_image(f"{reference.repository.name}x", reference)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_no_pattern_makes_matching_fail(glob: str, path: str) -> None:
    assert match_path(glob, path) in (True, False)
    assert match_image(glob, Reference.parse("redis")) in (True, False)


def test_deny_beats_allow() -> None:
    policy = Policy(
        repositories=AccessList(
            allow=("docker.io/**",), deny=(Denied(match="bitnami/*", reason="moved"),)
        )
    )
    decision = policy.repository_decision(Repository.parse("bitnami/redis"))
    assert (decision.allowed, decision.reason) == (False, "moved")
    assert policy.repository_decision(Repository.parse("a/b")).allowed


def test_a_denied_image_of_one_architecture_is_denied() -> None:
    policy = Policy(
        repositories=AccessList(allow=("library/*",), deny=(Denied(match="arm64v8/*"),))
    )
    assert not policy.repository_decision(Repository.parse("arm64v8/redis")).allowed


def test_every_kind_of_key_must_match() -> None:
    override = Override(paths=("a/**",), images=("redis",), rules=only("tag-latest"))
    assert override.applies("a/x", Reference.parse("redis"))
    assert not override.applies("b/x", Reference.parse("redis"))
    assert not override.applies("a/x", Reference.parse("nginx"))
    assert not override.applies("a/x", None)


def test_later_overrides_win_key_by_key() -> None:
    policy = Policy(
        rules={"cooldown": RuleSettings(severity=Severity.NOTE, options={"days": 1})},
        overrides=(
            Override(paths=("**",), rules=only("cooldown", days=5, exempt=("redis",))),
            Override(paths=("a",), rules=only("cooldown", Severity.ERROR, days=9)),
        ),
    )
    there = policy.settings("cooldown", "a", None)
    assert (there.severity, there.options) == (Severity.ERROR, {"days": 9, "exempt": ("redis",)})
    elsewhere = policy.settings("cooldown", "b", None)
    assert (elsewhere.severity, elsewhere.options["days"]) == (Severity.NOTE, 5)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("ghcr.io/shop/api:1.2.3", True),
        ("ghcr.io/shop/api:v1.2.3-alpine", True),
        ("ghcr.io/shop/api:1.2", False),
        ("ghcr.io/shop/base:edge", True),
        ("redis:6.2.24", False),
        ("ghcr.io/shop/api@" + digest("a"), False),
    ],
)
def test_which_tags_must_not_move(image: str, expected: bool) -> None:
    policy = Policy(
        immutable=(r"^v?\d+\.\d+\.\d+([-.].+)?$",),
        bases=(ApprovedBase(reference="ghcr.io/shop/base", immutable=True),),
    )
    assert policy.is_immutable(Reference.parse(image)) is expected


@pytest.mark.parametrize(
    ("text", "version", "expected"),
    [
        (">=3.12.4", "3.12.4", True),
        (">=3.12.4", "3.12.3", False),
        (">= 6.2 <8", "7.4", True),
        (">=6.2, <8", "8.0", False),
        (">=21 <22", "21.0.12-ea.3", True),
        (">=21.0.12", "21.0.12-ea.3", False),
        ("~=21.0", "21.0.12-ea.3", None),
        (">=6.2", "nightly", None),
        (">=6.2", None, None),
        ("", None, True),
    ],
)
def test_version_ranges(text: str, version: str | None, expected: bool | None) -> None:
    base = ApprovedBase(reference="redis", allow_versions=text)
    assert is_version_allowed(base, version) is expected


def test_a_range_that_is_none() -> None:
    with pytest.raises(UsageError):
        check_range("the newest")


def test_the_policy_explains_itself() -> None:
    at = place("policy.yaml", 7)
    policy = Policy(
        registries=AccessList(allow=("docker.io",), place=at),
        bases=(ApprovedBase(reference="python"),),
        rules={"tag-latest": RuleSettings(severity=Severity.NOTE, places=(at,))},
        overrides=(
            Override(
                images=("redis",),
                rules={
                    "tag-latest": RuleSettings(
                        severity=Severity.OFF, places=(place("policy.yaml", 9),)
                    )
                },
            ),
        ),
        ignores=(
            PolicyIgnore(
                rule="base-behind", image="redis", reason="frozen", expires=date(2026, 12, 1)
            ),
            PolicyIgnore(rule="tag-moving", image="redis", reason="old", expires=date(2026, 1, 1)),
            PolicyIgnore(rule="tag-latest", image="redis", reason="r", expires=date(2027, 1, 1)),
            PolicyIgnore(rule="base-stale", image="nginx", reason="r", expires=date(2027, 1, 1)),
        ),
    )
    told = [str(line) for line in explain_policy(policy, Reference.parse("redis"), at=AT)]
    assert told == [
        "registry: docker.io is allowed by docker.io (policy.yaml:7:6)",
        "repository: docker.io/library/redis is allowed: there is no list",
        "base: not approved by name; its layers decide",
        "tag-latest: off, built-in warning, over policy.yaml:7:6 (policy.yaml:9:6)",
        "base-behind: ignored until 2026-12-01: frozen",
        "tag-moving: not ignored (old): it expired on 2026-01-01",
        "tag-latest: not ignored (r): the rule is off here",
    ]
