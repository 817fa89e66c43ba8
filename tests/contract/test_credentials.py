"""Every line of `family.CREDENTIALS`: nothing found is None, and no secret goes to another host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tagwatch.errors import CredentialError
from tagwatch.family import CREDENTIALS, REGISTRIES
from tagwatch.member import load_member
from tagwatch.registry.credential.interface import CredentialContext, CredentialSource
from tests.registry.harness import QUIET

NAMES = pytest.mark.parametrize("name", sorted(CREDENTIALS))
SECRET = "correct-horse-battery"
FOREIGN = "registry.attacker.example"
EVERYTHING = dict.fromkeys(
    (
        "GITHUB_TOKEN", "GH_TOKEN", "CI_JOB_TOKEN", "CI_REGISTRY_PASSWORD", "QUAY_TOKEN",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_CLIENT_SECRET",
        "TAGWATCH_QUAY_TOKEN", "QUAY_API_TOKEN",
    ),
    SECRET,
) | {
    "CI_REGISTRY": "registry.gitlab.com",
    "CI_REGISTRY_USER": "gitlab-ci-token",
    "AZURE_CLIENT_ID": "client",
    "AZURE_TENANT_ID": "tenant",
    "AWS_EC2_METADATA_DISABLED": "true",
}  # fmt: skip


def nowhere(host: str, url: URL) -> Any:
    raise AssertionError(f"a secret for {host} is asked for at {url.origin()}")


def source(name: str, home: Path, environment: dict[str, str]) -> CredentialSource:
    context = CredentialContext(environment=QUIET | environment, home=home, api=nowhere)
    found: CredentialSource = load_member("credentials", name)(context)
    return found


@NAMES
async def test_where_nothing_is_to_be_found_it_finds_nothing(name: str, tmp_path: Path) -> None:
    environment = {"AWS_EC2_METADATA_DISABLED": "true"}
    assert await source(name, tmp_path, environment).find(FOREIGN, "shop/app") is None


@NAMES
async def test_a_host_that_it_is_not_for_gets_nothing(name: str, tmp_path: Path) -> None:
    folder = tmp_path / ".docker"
    folder.mkdir()
    login = {"auths": {"registry.example": {"auth": "dXNlcjpjb3JyZWN0LWhvcnNl"}}}
    (folder / "config.json").write_text(json.dumps(login))
    made = source(name, tmp_path, EVERYTHING)
    for host in (FOREIGN, "ghcr.io.attacker.example", "quay.io:8443", "xregistry.example"):
        try:
            found = await made.find(host, "shop/app")
        except CredentialError as error:
            assert SECRET not in f"{error.message}{error.hint}"
            continue
        assert found is None, host


@NAMES
def test_its_name_is_not_its_secret(name: str, tmp_path: Path) -> None:
    assert SECRET not in repr(source(name, tmp_path, EVERYTHING))


def test_every_registry_names_credentials_that_there_are() -> None:
    for _, _, credentials, _ in REGISTRIES:
        assert set(credentials) <= set(CREDENTIALS)
    assert set(CREDENTIALS) == {name for line in REGISTRIES for name in line[2]}
