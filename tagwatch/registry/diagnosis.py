"""What `tagwatch doctor` tells of one registry: reached how, as whom, and what it offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from tagwatch.errors import DeniedError, NotFoundError, RegistryError
from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.image.snapshot import Quota
from tagwatch.registry.client import Registries, RegistryClient
from tagwatch.registry.credential.interface import Credential
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
    tag: str = "",
    *,
    prefixes: Iterable[str] = (),
    at: datetime,
) -> Diagnosis:
    """What is known of `host` after asking it.

    `path`: a repository of it to read, else the first below one of `prefixes`, which are listed;
    `tag`: a tag or digest of it that must be there, else any is tried. A login is tried, too.
    Cost: a ping, the pages of each listing, a HEAD of one tag, on Docker Hub another free one; for
    a login a token, or another ping.
    Raises `ConfigError`.
    """
    client = registries.client(host)
    found = await client.credentials.find(path)
    endpoint: str | None = None
    failure: RegistryError | None = None
    listing: Listing | None = None
    below: dict[str, int] = {}
    remarks: list[str] = []
    problem: RegistryError | None = found.problem
    try:
        endpoint = await client.oci.endpoint()
        if client.oci.host == DOCKER_HUB:
            await client.head(_QUOTA_PROBE, "latest")
        for prefix in sorted(prefixes):
            listed = await registries.of(host).list_repositories(prefix)
            below[prefix] = len(listed)
            if isinstance(listed, RepositoryNames) and listed.gap:
                remarks.append(listed.gap)
            path = path or min((one.path for one in listed), default="")
        if path:
            listing = await _read(client, Repository(registry=client.oci.host, path=path), tag, at)
    except RegistryError as error:
        failure = error
    if endpoint is not None and found.credential is not None and not _is_denied(failure):
        refusal, remark = await _verify(client, path, found.credential)
        problem = problem or refusal
        remarks += [remark] if remark else []
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
        remarks=(*remarks, *(_odd(listing) if listing is not None else ())),
        failure=failure,
        credential=found.credential.origin if found.credential else None,
        credential_problem=problem,
        insecure=client.settings.insecure,
        quota=client.quota,
    )


async def _verify(
    client: RegistryClient, path: str, credential: Credential
) -> tuple[RegistryError | None, str]:
    """Why the login is refused, and what is odd about it otherwise.

    One that was made for something wider than this registry may be none for it.
    """
    try:
        await client.oci.verify_login(path)
    except LookupError as error:
        return None, str(error)
    except DeniedError as error:
        return (None, error.hint) if credential.is_ambient else (error, "")
    except RegistryError as error:
        return None, f"the login could not be tried: {error.message}"
    return None, ""


def _is_denied(failure: RegistryError | None) -> bool:
    return isinstance(failure, DeniedError)


def _odd(listing: Listing) -> tuple[str, ...]:
    return tuple(filter(None, (*listing.warnings, listing.unseen, listing.gap)))


async def _read(client: RegistryClient, repository: Repository, tag: str, at: datetime) -> Listing:
    """The listing, and one tag of it: a registry that answers its ping may still refuse both."""
    listing = await client.list_tags(repository, at=at)
    if tag or listing.names:
        found = await client.head(repository, tag or max(listing.names))
        if tag and found is None:
            raise NotFoundError(
                f"{repository.host}: {repository.path!r} has no {tag!r}",
                hint="check the tag; `tagwatch resolve` tells what there is",
                status=404,
            )
    return listing
