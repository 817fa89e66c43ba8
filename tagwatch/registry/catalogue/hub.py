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
from tagwatch.registry.catalogue.hub_listing import Collected, Cut, HubPage, Watermark, login_gap
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.interface import Listing, Past, RepositoryNames
from tagwatch.value import replace

__all__ = ["HubCatalogue"]

_PAGE_SIZE = 100  # more is capped, not refused
_MAX_PAGES = 1000
_MOST_ASKED = 500
_REPEATED = _PAGE_SIZE * _MAX_PAGES // 2
"""Pages that tell fewer tags than this by the last one repeat themselves."""


class HubCatalogue:
    """Newest first up to the watermark, or everything.

    Where the API refuses or fails, the registry's own tags list is read instead, and said so.
    """

    has_digests = True

    def __init__(self, context: CatalogueContext) -> None:
        self._host = context.host
        self._api = HubApi(context)
        self._oci = context.oci
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
        past = Past(watermark=watermark, known=known or {})
        return await self.list_again(repository, past, at=at)

    async def list_again(self, repository: Repository, past: Past, *, at: datetime) -> Listing:
        """See `Relisting.list_again`. Cost: as `list_tags`, until no further page is shown.

        Then the names of all tags, where the count says that it needs them, and no more pages.
        """
        mark = Watermark.parse(past.watermark) if past.known else None
        found = Collected(known=past.known, listed=past.listed, mark=mark, at=at, sweep=past.sweep)
        if mark is not None and mark.cut and mark.why is Cut.LOGIN:
            found.sweep |= await self._api.may_log_in(repository.path)
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
                if found.lacks_names:
                    return await self._cut(found, repository, None)
                if found.pages == _MAX_PAGES and len(found.tags) > _REPEATED:
                    return await self._cut(found, repository, Cut.SIZE)
        except DeniedError as error:
            if not found.pages:
                return await self._plain.list_tags(repository, _reason(error))
            has_login = await self._api.may_log_in(repository.path)
            return await self._cut(found, repository, Cut.REFUSED if has_login else Cut.LOGIN)
        except NotFoundError as error:
            return await self._plain.list_tags(repository, _reason(error))
        except (RateLimitedError, UnavailableError) as error:
            return await self._rest(found, repository, error)
        return found.listing()

    async def _cut(self, found: Collected, repository: Repository, why: Cut | None) -> Listing:
        """Keep what was read, and name the tags beyond it; see `Collected.cut_listing`."""
        try:
            every = await self._oci.tag_names(repository)
        except RegistryError as error:
            part = found.listing()
            gap = part.gap or f"it has {found.count} tags, other than are known"
            gap = f"{gap}, and their names could not be: {error.message}"
            return replace(part, scope=Scope.SINCE, watermark=None, gap=gap)
        return found.cut_listing(every.names, why)

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
        read, count, gap = 0, 0, ""
        try:
            async for page in self._pages(path, prefix, doing):
                for entry in page.results or () if page else ():
                    if entry.name and entry.name.startswith(rest):
                        names[entry.name] = None
                read += len(page.results or ()) if page else 0
                count = (page.count if page else None) or count
        except DeniedError:
            if not read:
                raise
            gap = f"only {read} of the {count} repositories of {namespace!r}"
            if await self._api.may_log_in(prefix):
                gap = f"although there is a login, Docker Hub shows {gap}"
            else:
                gap = login_gap(gap)
        found = (Repository.parse(f"{self._host}/{namespace}/{name}") for name in names)
        return RepositoryNames(found, gap=gap)

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
