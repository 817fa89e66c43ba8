"""Hosts and kinds: names that only look like a registry's get nothing of it."""

from __future__ import annotations

import pytest

from tagwatch.registry.host import line_of
from tagwatch.registry.settings import RegistrySettings


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("ghcr.io", "ghcr"),
        ("quay.io", "quay"),
        ("shop.azurecr.io", "acr"),
        ("shop-abc123.azurecr.cn", "acr"),
        ("registry.gitlab.com", "gitlab"),
    ],
)
def test_only_the_host_itself_is_of_its_kind(host: str, kind: str) -> None:
    assert line_of(host, RegistrySettings()).kind == kind
    for other in (f"{host}.evil.example", f"evil-{host}.example", f"{host}:444"):
        assert line_of(other, RegistrySettings()).kind == "distribution"


@pytest.mark.parametrize("kind", ["harbor", "gitlab", "quay", "acr", "ghcr"])
def test_a_registry_of_ones_own_is_named_by_its_kind(kind: str) -> None:
    assert line_of("registry.internal:5000", RegistrySettings(kind=kind)).catalogue == kind
