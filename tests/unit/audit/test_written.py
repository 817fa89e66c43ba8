"""What is written of a reference with variables, and what a policy refuses because of that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tagwatch.audit.model.policy import AccessList, Defaults, Denied, Policy
from tagwatch.source.cluster import helm
from tests.audit_case import audit, target
from tests.source_sample import extract

ALLOWED = Policy(
    registries=AccessList(allow=("docker.io", "*.example:5000", "ghcr.io/shop/*")),
    repositories=AccessList(
        allow=("docker.io/library/*", "*.example:5000/**", "ghcr.io/**"),
        deny=(Denied(match="docker.io/library/redis", reason="license"),),
    ),
)


def rules_said(text: str, policy: Policy) -> list[str]:
    one = replace(target("redis:7"), text=text, reference=None, missing=("T",), fields=())
    said = audit((one,), (), policy=policy).findings
    return [finding.rule for finding in said if finding.rule.endswith("-not-allowed")]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("quay.io/a/b:${T}", "registry-not-allowed"),
        ("quay.io/a/b@${T}", "registry-not-allowed"),
        ("quay.io/${T}/b:1", "registry-not-allowed"),
        ("quay.io/a/b${T}", "registry-not-allowed"),
        ("quay.io/a/b:{{ .T }}", "registry-not-allowed"),
        ("quay.io:443/a/b:$T", "registry-not-allowed"),
        ("quay.io/a/b", "registry-not-allowed"),  # a chart's values without a tag
        ("ghcr.io/other/b:$T", "registry-not-allowed"),
        ("ghcr.io/$T/b", ""),  # may be ghcr.io/shop
        ("redis:${T}", "repository-not-allowed"),
        ("index.docker.io/redis:${T}", "repository-not-allowed"),
        ("bitnami/redis:${T}", "repository-not-allowed"),
        ("bitnami/${T}", ""),
        ("nginx:${T}", ""),
        ("redis${T}", ""),  # redis-stack
        ("redis:${T}/x", ""),  # a registry and its port
        ("${T}/redis:7", ""),
        ("a.example:5000/x:${T}", ""),
        ("ko://quay.io/a/b", ""),
    ],
)
def test_a_variable_hides_no_registry(text: str, rule: str) -> None:
    """The list of allowed registries was passed by `image: quay.io/a/b:${TAG}`."""
    assert rules_said(text, ALLOWED) == ([rule] if rule else [])


def test_what_is_denied_whatever_comes_after_it() -> None:
    denied = AccessList(deny=(Denied(match="quay.io"), Denied(match="ghcr.io/a/*")))
    policy = Policy(registries=denied)
    assert rules_said("quay.io/$T", policy) == ["registry-not-allowed"]
    assert rules_said("ghcr.io/$T", policy) == []
    assert rules_said("ghcr.io/a/b:$T", policy) == ["registry-not-allowed"]


def test_a_name_without_a_registry_is_of_the_policys() -> None:
    at_home = Policy(
        defaults=Defaults(registry="quay.io"), registries=AccessList(allow=("docker.io",))
    )
    assert rules_said("a/b:$T", at_home) == ["registry-not-allowed"]


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ("image: {registry: ghcr.io, repository: shop/b}", ""),
        ("image: {registry: ghcr.io, repository: other/b}", "registry-not-allowed"),
        ("image: {registry: quay.io, repository: library/b, tag: ''}", "registry-not-allowed"),
        ("image: {registry: quay.io, repository: a/b, tag: $T}", "registry-not-allowed"),
        ("global: {imageRegistry: ghcr.io/shop}\nimage: {registry: '', repository: b}", ""),
        ("image: {repository: bitnami/redis}", ""),  # a chart that is elsewhere has a registry
    ],
)
def test_a_registry_in_a_field_of_its_own(values: str, rule: str) -> None:
    """`registry: quay.io, repository: a/b` without a tag was told as an image of docker.io."""
    (found,) = extract(helm, f"{values}\n", "values.yaml").targets
    said = [one.rule for one in audit((found,), (), policy=ALLOWED).findings]
    assert [one for one in said if one.endswith("-not-allowed")] == ([rule] if rule else [])
