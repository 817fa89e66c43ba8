"""What `tagwatch doctor` tells of one registry: reached how, as whom, and what it offers."""

from __future__ import annotations

from tagwatch.errors import RegistryError
from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.image.snapshot import Quota
from tagwatch.registry.client import Registries
from tagwatch.value import dataclass

__all__ = ["Diagnosis", "diagnose"]

# Docker's own repository for asking what the limit is; a HEAD spends nothing of it.
_QUOTA_PROBE = Repository(registry=DOCKER_HUB, path="ratelimitpreview/test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """`failure` None: it answers. `credential`: where one was found, never what it is.

    `confirmed_by`: see `RegistryLine`.
    """

    host: str
    kind: str
    catalogue: str
    confirmed_by: str
    has_digests: bool
    endpoint: str | None = None
    failure: RegistryError | None = None
    credential: str | None = None
    credential_problem: RegistryError | None = None
    insecure: bool = False
    quota: Quota | None = None


async def diagnose(registries: Registries, host: str, path: str = "") -> Diagnosis:
    """What is known of `host` after asking it; `path`: a repository whose credential is meant.

    Cost: a ping, and on Docker Hub one free HEAD with its token. Raises `ConfigError`.
    """
    client = registries.client(host)
    found = await client.credentials.find(path)
    endpoint: str | None = None
    failure: RegistryError | None = None
    try:
        endpoint = await client.oci.endpoint()
        if client.oci.host == DOCKER_HUB:
            await client.head(_QUOTA_PROBE, "latest")
        elif path:
            await client.oci.authorise(path)
    except RegistryError as error:
        failure = error
    return Diagnosis(
        host=client.oci.host,
        kind=client.line.kind,
        catalogue=client.line.catalogue,
        confirmed_by=client.line.confirmed_by,
        has_digests=client.has_catalogue,
        endpoint=endpoint,
        failure=failure,
        credential=found.credential.origin if found.credential else None,
        credential_problem=found.problem,
        insecure=client.settings.insecure,
        quota=client.quota,
    )
