"""The lists of `/v2/`: page by page, and asked on where nothing says that a page is the last.

distribution-spec 1.1, "Content Discovery". Servers of 1.0 and Nexus groups (NEXUS-35956) cut a list
at `n` and send no `Link`: what they answer looks like a whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol
from urllib.parse import quote

from tagwatch.errors import RegistryError
from tagwatch.registry.request.transport import Answer
from tagwatch.registry.wire import MAX_PAGES, next_link, read_pages
from tagwatch.value import dataclass

__all__ = ["Decode", "Listed", "NameList"]

_BAD_SIZE = frozenset({400, 405, 413})
Decode = Callable[[Answer], list[str | None]]
"""The entries of a page; raises `RegistryError` for what is none."""


class Query(Protocol):
    """What makes a query of its parameters, encoded."""

    def __call__(self, **parameters: str) -> str:
        """`?n=1000`, or nothing where there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Every entry, once. `gap`: why there may be more; empty where these are all."""

    entries: tuple[str | None, ...]
    gap: str = ""


class NameList:
    """One listing. `ask` sends a query, `decode` reads a page."""

    def __init__(
        self, ask: Callable[[str], Awaitable[Answer]], decode: Decode, query: Query
    ) -> None:
        self._ask = ask
        self._decode = decode
        self._query = query
        self._found: dict[str | None, None] = {}

    async def read(self, size: int) -> Listed:
        """All pages, `size` entries each. One GET a page.

        One full page without a `Link` costs one more, and at most two where that tells nothing.
        """
        pages = [
            (len(self._add(answer)), answer)
            async for answer in self._pages(self._query(n=str(size)))
        ]
        length, answer = pages[-1]
        is_sized = f"n={size}" in answer.asked.raw_query_string
        is_cut = len(pages) == 1 and length == size and is_sized
        gap = await self._ask_on(size, answer) if is_cut else ""
        return Listed(entries=tuple(self._found), gap=gap)

    async def _ask_on(self, size: int, answer: Answer) -> str:
        """Read what stands beyond a full page; why that may not be all."""
        for _ in range(MAX_PAGES):
            last = next(filter(None, reversed(self._decode(answer))), "")
            answer = await self._ask(self._query(n=str(size), last=quote(last, safe="")))
            if answer.status != 200:
                break
            known = len(self._found)
            length = len(self._add(answer))
            if length < size:
                return ""
            if len(self._found) == known:
                break
        return await self._without_size(size)

    async def _without_size(self, size: int) -> str:
        """The same where `last` says nothing to the server: without `n` it may send all.

        One that takes no `n` sends the same whatever is asked, and that is the whole.
        """
        gap = (
            f"{size} names came, as many as were asked for, and there is no way to ask for more "
            "(a Nexus group does so)"
        )
        is_whole = False
        try:
            async for answer in self._pages(self._query()):
                is_whole |= len(self._add(answer)) > size or next_link(answer) is not None
            if is_whole:
                return ""
            answer = await self._ask(self._query(n=str(size - 1)))
            is_whole = answer.status == 200 and len(self._decode(answer)) == size
        except RegistryError as error:
            return f"{gap}; {error.message}"
        return "" if is_whole else gap

    def _add(self, answer: Answer) -> list[str | None]:
        page = self._decode(answer)
        self._found.update(dict.fromkeys(page))
        return page

    def _pages(self, query: str) -> AsyncIterator[Answer]:
        """The pages of a listing; a page size that is refused is left out."""

        async def first() -> Answer:
            answer = await self._ask(query)
            plain = self._query()
            refused = answer.status in _BAD_SIZE and query != plain
            return await self._ask(plain) if refused else answer

        return read_pages(first, self._ask, self._decode)
