"""Docker Hub's tags API: 100 tags a request with digests and dates, and no pull spent.

https://docs.docker.com/reference/api/hub/latest/ ("List repository tags"). What the documentation
leaves open (missing digests, order, ends of listings) was read from answers of January 2026.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from datetime import datetime

from tagwatch.errors import (
    DeniedError,
    HostileAnswerError,
    NotFoundError,
    RateLimitedError,
    RegistryError,
    UnavailableError,
)
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Scope
from tagwatch.registry.catalogue.fallback import PlainList
from tagwatch.registry.catalogue.hub_api import HubApi
from tagwatch.registry.catalogue.hub_listing import Collected, HubPage, Watermark
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.interface import Listing
from tagwatch.value import replace

__all__ = ["HubCatalogue"]

_PAGE_SIZE = 100  # more is capped, not refused
_MAX_PAGES = 1000
_MOST_ASKED = 500


class HubCatalogue:
    """Newest first up to the watermark, or everything.

    Where the API refuses or fails, the registry's own tags list is read instead, and said so.
    """

    has_digests = True

    def __init__(self, context: CatalogueContext) -> None:
        self._host = context.host
        self._api = HubApi(context)
        self._plain = PlainList(context)

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None,
        known: Mapping[str, Digest] | None,
        at: datetime,
    ) -> Listing:
        """See `Catalogue.list_tags`. Cost: one request where nothing moved, else one a page."""
        mark = Watermark.parse(watermark) if known else None
        found = Collected(known=known or {}, mark=mark, at=at)
        namespace, _, name = repository.path.partition("/")
        path = f"/v2/namespaces/{namespace}/repositories/{name}/tags"
        doing = f"listing the tags of {repository.path!r}"
        try:
            async for page in self._pages(path, repository.path, doing, "&ordering=last_updated"):
                if page is None:
                    found.end()
                else:
                    found.add(page, _PAGE_SIZE)
                if found.is_enough:
                    break
        except (DeniedError, NotFoundError) as error:
            return await self._plain.list_tags(repository, _reason(error))
        except (RateLimitedError, UnavailableError) as error:
            return await self._rest(found, repository, error)
        return found.listing()

    async def _rest(
        self, found: Collected, repository: Repository, error: RegistryError
    ) -> Listing:
        """What is left where the API fails for a moment: tags that it told, names of the others.

        A great many are not asked one by one: then the listing is cut off.
        """
        part = found.listing()
        names = await self._plain.list_tags(repository, _reason(error), read=part.observations)
        left = len(names.undigested)
        if left <= _MOST_ASKED:
            return names
        return replace(
            part,
            scope=Scope.SINCE,
            watermark=None,
            gap=f"{_reason(error)}; {left} tags are too many to be asked one by one",
        )

    async def list_repositories(self, prefix: str) -> Collection[Repository]:
        """See `Registry.list_repositories`: those of one namespace."""
        namespace, _, rest = prefix.partition("/")
        path = f"/v2/namespaces/{namespace}/repositories"
        doing = f"listing the repositories of {namespace!r}"
        names: dict[str, None] = {}
        async for page in self._pages(path, prefix, doing):
            for entry in page.results or () if page else ():
                if entry.name and entry.name.startswith(rest):
                    names[entry.name] = None
        return tuple(Repository.parse(f"{self._host}/{namespace}/{name}") for name in names)

    async def _pages(
        self, path: str, repository: str, doing: str, order: str = ""
    ) -> AsyncIterator[HubPage | None]:
        """The pages of a listing, each asked when it is wanted; None for one that is not there."""
        query = f"?page=1&page_size={_PAGE_SIZE}{order}"
        asked: set[str] = set()
        while query not in asked and len(asked) < _MAX_PAGES:
            page = await self._api.page(path + query, repository, doing, first=not asked)
            yield page
            if page is None or not page.next:
                return
            asked.add(query)
            query = self._api.next_query(page.next, doing)
        raise HostileAnswerError(
            f"{self._host}: {doing}: pages without an end",
            hint="Docker Hub's API, or a proxy before it, repeats its pages",
        )


def _reason(error: RegistryError) -> str:
    """Why the API was not used, alike for all repositories that share the cause."""
    match error.status:
        case None:
            said = "gives no answer"
        case 200:
            said = "sends what is no answer of it (a login page?)"
        case status:
            said = f"answers {status}"
    return f"Docker Hub's tags API {said}"
