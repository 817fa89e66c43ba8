"""Credentials that CI systems and users put into the environment, each for the host it is for."""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.registry.credential.interface import Credential, CredentialContext

__all__ = ["GithubToken", "GitlabCi", "QuayToken"]


class GithubToken:
    """`GITHUB_TOKEN` or `GH_TOKEN`, for ghcr.io: of a workflow, or with `read:packages`."""

    def __init__(self, context: CredentialContext) -> None:
        self._environment = context.environment

    async def find(self, host: str, path: str) -> Credential | None:  # noqa: ARG002
        """See `CredentialSource.find`."""
        if host != "ghcr.io":
            return None
        for name in ("GITHUB_TOKEN", "GH_TOKEN"):
            if secret := self._environment.get(name):
                # GHCR looks at the token alone, but wants a user name
                user = self._environment.get("GITHUB_ACTOR") or "token"
                return Credential(username=user, secret=secret, origin=name, is_ambient=True)
        return None


class QuayToken:
    """`QUAY_OAUTH_TOKEN`, an OAuth token for quay.io: it serves Quay's API and pulls alike."""

    def __init__(self, context: CredentialContext) -> None:
        self._secret = context.environment.get("QUAY_OAUTH_TOKEN")

    async def find(self, host: str, path: str) -> Credential | None:  # noqa: ARG002
        """See `CredentialSource.find`."""
        if host != "quay.io" or not self._secret:
            return None
        return Credential(username="$oauthtoken", secret=self._secret, origin="QUAY_OAUTH_TOKEN")


class GitlabCi:
    """What a GitLab CI job has for the registry that `CI_REGISTRY` names.

    A deploy token first, then `CI_REGISTRY_PASSWORD`, then the job token (GitLab, "Predefined CI/CD
    variables").
    """

    def __init__(self, context: CredentialContext) -> None:
        self._environment = context.environment

    async def find(self, host: str, path: str) -> Credential | None:  # noqa: ARG002
        """See `CredentialSource.find`."""
        named = self._environment.get("CI_REGISTRY", "").lower()
        if not named or host not in (named, f"{named}:443"):
            return None
        return next(self._logins(), None)

    def _logins(self) -> Iterator[Credential]:
        for user, name in (
            (self._environment.get("CI_DEPLOY_USER"), "CI_DEPLOY_PASSWORD"),
            (self._environment.get("CI_REGISTRY_USER"), "CI_REGISTRY_PASSWORD"),
            ("gitlab-ci-token", "CI_JOB_TOKEN"),
        ):
            if user and (secret := self._environment.get(name)):
                yield Credential(username=user, secret=secret, origin=name, is_ambient=True)
