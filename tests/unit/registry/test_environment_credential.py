"""Credentials in the environment: which is taken, and for whom."""

from __future__ import annotations

import pytest

from tagwatch.registry.credential.environment import GithubToken, GitlabCi, QuayToken
from tagwatch.registry.credential.interface import CredentialContext
from tests.registry.harness import NOWHERE

JOB = {"CI_REGISTRY": "Registry.example:5050", "CI_JOB_TOKEN": "job"}
JOB_LOGIN = {**JOB, "CI_REGISTRY_USER": "gitlab-ci-token", "CI_REGISTRY_PASSWORD": "registry"}
DEPLOY = {**JOB_LOGIN, "CI_DEPLOY_USER": "gitlab+deploy", "CI_DEPLOY_PASSWORD": "deploy"}
GITHUB = {"GITHUB_TOKEN": "workflow", "GH_TOKEN": "cli", "GITHUB_ACTOR": "octocat"}
QUAY = {"QUAY_OAUTH_TOKEN": "oauth"}


async def find(
    source: type[GithubToken | GitlabCi | QuayToken], environment: dict[str, str], host: str
) -> tuple[str, str, str] | None:
    found = await source(CredentialContext(environment=environment, home=NOWHERE)).find(host, "a/b")
    return (found.username, found.secret, found.origin) if found else None


@pytest.mark.parametrize(
    ("source", "environment", "host", "expected"),
    [
        (GithubToken, GITHUB, "ghcr.io", ("octocat", "workflow", "GITHUB_TOKEN")),
        (GithubToken, {"GH_TOKEN": "cli"}, "ghcr.io", ("token", "cli", "GH_TOKEN")),
        (GithubToken, {"GITHUB_TOKEN": ""}, "ghcr.io", None),
        (GithubToken, GITHUB, "ghcr.io.evil.example", None),
        (GithubToken, GITHUB, "docker.io", None),
        (QuayToken, QUAY, "quay.io", ("$oauthtoken", "oauth", "QUAY_OAUTH_TOKEN")),
        (QuayToken, QUAY, "quay.internal", None),
        (QuayToken, {}, "quay.io", None),
        (
            GitlabCi,
            DEPLOY,
            "registry.example:5050",
            ("gitlab+deploy", "deploy", "CI_DEPLOY_PASSWORD"),
        ),
        (
            GitlabCi,
            JOB_LOGIN,
            "registry.example:5050",
            ("gitlab-ci-token", "registry", "CI_REGISTRY_PASSWORD"),
        ),
        (GitlabCi, JOB, "registry.example:5050", ("gitlab-ci-token", "job", "CI_JOB_TOKEN")),
        (GitlabCi, DEPLOY, "registry.example", None),
        (GitlabCi, DEPLOY, "registry.gitlab.com", None),
        (GitlabCi, {"CI_JOB_TOKEN": "job"}, "registry.gitlab.com", None),
        (GitlabCi, {"CI_REGISTRY": "", "CI_JOB_TOKEN": "job"}, "", None),
        (GitlabCi, {"CI_REGISTRY": "registry.example"}, "registry.example", None),
    ],
)
async def test_each_is_for_its_own_host(
    source: type[GithubToken | GitlabCi | QuayToken],
    environment: dict[str, str],
    host: str,
    expected: tuple[str, str, str] | None,
) -> None:
    assert await find(source, environment, host) == expected


def test_no_secret_is_in_a_repr() -> None:
    for source in (GithubToken, GitlabCi, QuayToken):
        made = source(CredentialContext(environment={**GITHUB, **DEPLOY, **QUAY}, home=NOWHERE))
        assert not {"workflow", "deploy", "oauth"} & set(repr(made).split("'"))
