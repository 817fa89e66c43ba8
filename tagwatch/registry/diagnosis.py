"""What `tagwatch doctor` tells of one registry: reached how, as whom, and what it offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from tagwatch.errors import RegistryError
from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.image.snapshot import Quota
from tagwatch.registry.client import Registries, RegistryClient
from tagwatch.registry.interface import Listing, RepositoryNames
from tagwatch.value import dataclass, field

__all__ = ["Diagnosis", "diagnose"]

# Docker's own repository for asking what the limit is; a HEAD spends nothing of it.
_QUOTA_PROBE = Repository(registry=DOCKER_HUB, path="ratelimitpreview/test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """`failure` None: what was asked was answered. `credential`: where one was found, not what.

    `below`: how many repositories each watched prefix has. `repository`: the path that was read,
    empty where none is known; `tags`: how many it has; `remarks`: what was odd about its listing.
    `confirmed_by`: see `RegistryLine`.
    """

    host: str
    kind: str
    catalogue: str
    confirmed_by: str
    has_digests: bool
    endpoint: str | None = None
    below: Mapping[str, int] = field(default_factory=dict)
    repository: str = ""
    tags: int | None = None
    remarks: tuple[str, ...] = ()
    failure: RegistryError | None = None
    credential: str | None = None
    credential_problem: RegistryError | None = None
    insecure: bool = False
    quota: Quota | None = None


async def diagnose(
    registries: Registries,
    host: str,
    path: str = "",
    *,
    prefixes: Iterable[str] = (),
    at: datetime,
) -> Diagnosis:
    """What is known of `host` after asking it.

    `path`: a repository of it to read, else the first below one of `prefixes`, which are listed.
    Cost: a ping, the pages of each listing, a HEAD of one tag, and on Docker Hub another free one.
    Raises `ConfigError`.
    """
    client = registries.client(host)
    found = await client.credentials.find(path)
    endpoint: str | None = None
    failure: RegistryError | None = None
    listing: Listing | None = None
    below: dict[str, int] = {}
    gaps: list[str] = []
    try:
        endpoint = await client.oci.endpoint()
        if client.oci.host == DOCKER_HUB:
            await client.head(_QUOTA_PROBE, "latest")
        for prefix in sorted(prefixes):
            listed = await registries.of(host).list_repositories(prefix)
            below[prefix] = len(listed)
            gaps.append(listed.gap if isinstance(listed, RepositoryNames) else "")
            path = path or min((one.path for one in listed), default="")
        if path:
            listing = await _read(client, Repository(registry=client.oci.host, path=path), at)
    except RegistryError as error:
        failure = error
    return Diagnosis(
        host=client.oci.host,
        kind=client.line.kind,
        catalogue=client.line.catalogue,
        confirmed_by=client.line.confirmed_by,
        has_digests=client.has_catalogue,
        endpoint=endpoint,
        below=below,
        repository=path,
        tags=len(listing.names) if listing else None,
        remarks=tuple(filter(None, (*gaps, *_remarks(listing)))),
        failure=failure,
        credential=found.credential.origin if found.credential else None,
        credential_problem=found.problem,
        insecure=client.settings.insecure,
        quota=client.quota,
    )


def _remarks(listing: Listing | None) -> tuple[str, ...]:
    return (*listing.warnings, listing.unseen, listing.gap) if listing is not None else ()


async def _read(client: RegistryClient, repository: Repository, at: datetime) -> Listing:
    """The listing, and one tag of it: a registry that answers its ping may still refuse both."""
    listing = await client.list_tags(repository, at=at)
    if listing.names:
        await client.head(repository, max(listing.names))
    return listing
