"""The plain tags list: names without digests, what every registry offers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Scope
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.interface import Listing

__all__ = ["OciCatalogue", "dropped_warning"]


class OciCatalogue:
    """`GET /v2/<name>/tags/list`: always the whole, whatever the watermark."""

    has_digests = False

    def __init__(self, context: CatalogueContext) -> None:
        self._oci = context.oci

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None,  # noqa: ARG002  # the protocol knows none
        known: Mapping[str, Digest] | None,  # noqa: ARG002
        at: datetime,  # noqa: ARG002
    ) -> Listing:
        """See `Catalogue.list_tags`. Cost: one request for 1000 tags."""
        found = await self._oci.tag_names(repository)
        return Listing(
            scope=Scope.FULL,
            names=found.names,
            warnings=dropped_warning(found.dropped),
            gap=found.gap,
            lasts=bool(found.gap),
        )


def dropped_warning(count: int) -> tuple[str, ...]:
    """A listing's warning about entries that cannot be tags, if any."""
    return (f"{count} listed names cannot be tags and were passed over",) if count else ()
