"""What is left where a catalogue refuses: the plain tags list, and a HEAD for each watched tag."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from tagwatch.errors import RegistryError
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Scope, TagObservation
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.catalogue.oci import dropped_warning
from tagwatch.registry.interface import Listing

__all__ = ["PlainList"]

log = logging.getLogger(__name__)

_REFUSALS = frozenset({400, 401, 403, 404, 405, 406, 410, 415, 501})


class PlainList:
    """Lists tags by `tags/list` in a catalogue's stead, and says so: once a host in the log."""

    def __init__(self, context: CatalogueContext) -> None:
        self._host = context.host
        self._oci = context.oci
        self._told = False

    async def after(self, error: RegistryError, repository: Repository) -> Listing:
        """The plain listing where `error` is a refusal of the catalogue's API; else it is raised.

        Whether the repository exists is for the registry to say: an API hides what it may not show.
        """
        if error.status not in _REFUSALS:
            raise error
        return await self.list_tags(repository, f"its API answers {error.status}")

    async def list_tags(
        self, repository: Repository, reason: str, *, read: Iterable[TagObservation] = ()
    ) -> Listing:
        """The plain listing, where the catalogue cannot be used for `reason`.

        `read`: what the catalogue told before it failed; these tags need not be asked.
        """
        warning = f"tags are asked one by one: {reason}"
        level = logging.DEBUG if self._told else logging.INFO  # the listing's reader is told, too
        log.log(level, "%s/%s: %s", self._host, repository.path, warning)
        self._told = True
        found = await self._oci.tag_names(repository)
        observations = tuple(read)
        return Listing(
            scope=Scope.FULL,
            names=found.names.union(one.tag for one in observations),
            observations=observations,
            undigested=found.names.difference(one.tag for one in observations),
            warnings=(warning, *dropped_warning(found.dropped)),
            plain=True,
            gap=found.gap,
            lasts=bool(found.gap),
        )

    async def repositories_after(self, error: RegistryError, prefix: str) -> Collection[Repository]:
        """The registry's `_catalog` where `error` is a refusal of the API; else it is raised."""
        if error.status not in _REFUSALS:
            raise error
        return await self._oci.repositories(prefix)
