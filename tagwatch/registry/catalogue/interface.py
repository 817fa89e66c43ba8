"""What a catalogue is: one registry's own way to list a repository's tags."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

from yarl import URL

from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import TagObservation
from tagwatch.registry.credential.chain import CredentialChain
from tagwatch.registry.interface import Listing
from tagwatch.registry.oci import OciClient
from tagwatch.registry.request.transport import Transport
from tagwatch.registry.settings import RegistrySettings
from tagwatch.value import dataclass, field

__all__ = ["Catalogue", "CatalogueContext", "HistoryKeeper", "RepositoryLister"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueContext:
    """What `registry.client` gives a catalogue: its factory takes one of these.

    `oci.ask` sends authenticated requests to the registry's own host. `transport(url)` makes the
    way to an API on another host, which the catalogue names itself (never an answer of a server):
    same limits, retries and counts. `endpoint` is the operator's `catalogue_endpoint`, or None.
    `credentials.find(path)` gives the credential for an API that wants it in its own form.
    """

    host: str
    settings: RegistrySettings
    oci: OciClient
    transport: Callable[[URL], Transport]
    credentials: CredentialChain
    environment: Mapping[str, str] = field(repr=False)
    endpoint: URL | None = None


class Catalogue(Protocol):
    """Lists tags. `has_digests`: the listing gives digests, so that no tag is asked by itself."""

    @property
    def has_digests(self) -> bool:
        """True where `list_tags` gives observations."""

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None,
        known: Mapping[str, Digest] | None,
        at: datetime,
    ) -> Listing:
        """See `Registry.list_tags`."""


@runtime_checkable
class RepositoryLister(Protocol):
    """A catalogue that lists repositories by another way than `_catalog`."""

    async def list_repositories(self, prefix: str) -> Collection[Repository]:
        """See `Registry.list_repositories`."""


@runtime_checkable
class HistoryKeeper(Protocol):
    """A catalogue that remembers past digests."""

    async def history(
        self, repository: Repository
    ) -> Collection[tuple[TagObservation, datetime | None]]:
        """See `Registry.history`."""
