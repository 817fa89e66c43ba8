"""Credentials in the environment: which is taken, and for whom."""

from __future__ import annotations

import pytest

from tagwatch.errors import DeniedError
from tagwatch.registry.credential.environment import GithubToken, GitlabCi, QuayToken
from tagwatch.registry.credential.interface import CredentialContext
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.warehouse import PASSWORD, USER, Double
from tests.registry.harness import NOWHERE, registries, repository

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


class TestAmbient:
    """A `GITHUB_TOKEN` that may not read packages stands in many environments."""

    async def heads(self, environment: dict[str, str], private: bool) -> int:
        double = Double()
        double.warehouse.push("team/app", "1")
        double.private.add("team/other")
        if private:
            double.private.add("team/app")
        settings: dict[str, RegistrySettings] = {}
        async with double.serving():
            settings["ghcr.io"] = RegistrySettings(endpoint=double.url, credential="github")
            async with registries(settings, environment) as opened:
                client = opened.client("ghcr.io")
                assert await client.head(repository("ghcr.io", "team/app"), "1")
                return client.requests["token"]

    async def test_refused_it_does_not_hide_what_everybody_may_read(self) -> None:
        assert await self.heads({"GITHUB_TOKEN": "of-something-else"}, private=False) == 2

    async def test_accepted_it_is_used(self) -> None:
        environment = {"GITHUB_ACTOR": USER, "GITHUB_TOKEN": PASSWORD}
        assert await self.heads(environment, private=True) == 1

    async def test_what_is_private_stays_denied_and_names_it(self) -> None:
        with pytest.raises(DeniedError) as caught:
            await self.heads({"GITHUB_TOKEN": "of-something-else"}, private=True)
        assert "GITHUB_TOKEN" in caught.value.hint
        assert "of-something-else" not in f"{caught.value} {caught.value.hint}"


def test_no_secret_is_in_a_repr() -> None:
    for source in (GithubToken, GitlabCi, QuayToken):
        made = source(CredentialContext(environment={**GITHUB, **DEPLOY, **QUAY}, home=NOWHERE))
        assert not {"workflow", "deploy", "oauth"} & set(repr(made).split("'"))
