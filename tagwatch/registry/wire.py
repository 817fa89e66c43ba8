"""Typed decoding of what registries send, page by page; nothing is believed that does not fit.

The lists of `/v2/` (distribution-spec 1.1, "Content Discovery") are asked on where nothing says
that a page is the last: servers of 1.0 and Nexus groups (NEXUS-35956) cut a list at `n` and send no
`Link`, and what they answer looks like a whole.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar
from urllib.parse import quote

import msgspec
from yarl import URL

from tagwatch.errors import HostileAnswerError, RegistryError, UnavailableError
from tagwatch.registry.request.safety import origin_of
from tagwatch.registry.request.transport import Answer
from tagwatch.value import dataclass

__all__ = [
    "Decode",
    "NameList",
    "RefreshToken",
    "RepositoryList",
    "TagList",
    "TokenAnswer",
    "decode",
    "foreign_answer",
    "is_html",
    "next_link",
    "read_pages",
]

T = TypeVar("T")


class TagList(msgspec.Struct):
    """`tags/list` (distribution-spec, "Content Discovery"). Nexus sends null entries."""

    tags: list[str | None] | None = None


class RepositoryList(msgspec.Struct):
    """`_catalog` (CNCF distribution)."""

    repositories: list[str | None] | None = None


class TokenAnswer(msgspec.Struct):
    """A token server's answer (distribution, "Token Authentication Specification")."""

    token: str | None = None
    access_token: str | None = None
    expires_in: float | str | None = None

    @property
    def seconds(self) -> float:
        """How long it lasts; 0 where that is not said, or makes no sense."""
        try:
            return max(0.0, float(self.expires_in or 0))
        except ValueError:
            return 0.0


class RefreshToken(msgspec.Struct):
    """What Azure's `/oauth2/exchange` answers."""

    refresh_token: str


def decode(answer: Answer, kind: type[T], *, host: str, doing: str) -> T:
    """The JSON of an answer as `kind`. Raises `UnavailableError` for HTML and the like."""
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise foreign_answer(answer, host=host, doing=doing) from error


def is_html(answer: Answer) -> bool:
    """True for a web page, which no registry's API sends."""
    return "html" in answer.media_type


def foreign_answer(answer: Answer, *, host: str, doing: str) -> UnavailableError:
    """The error for an answer that no registry gives, such as a login page with status 200."""
    shown = "HTML" if is_html(answer) else "something else"
    return UnavailableError(
        f"{host}: {doing}: the answer is not what a registry sends, but {shown}",
        hint="check the endpoint; a proxy's or login page answers like this",
        status=answer.status,
    )


_MAX_PAGES = 1000
_LINK = re.compile(r"\s*<([^<>\s]{0,8192})>([^<]*)", re.ASCII)
_NEXT = re.compile(r"""(?i);\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)""", re.ASCII)


async def read_pages(
    first: Callable[[], Awaitable[Answer]],
    ask: Callable[[str], Awaitable[Answer]],
    require: Callable[[Answer], object],
) -> AsyncIterator[Answer]:
    """The pages of a listing: `first` asks for the first, `ask` with the query of a `Link`.

    Only its query is taken: Artifactory and proxies leave a prefix out of the path. `require`
    raises for an answer that is no page. Raises `HostileAnswerError` for pages without an end:
    the same twice, one body again and again, or more than a thousand.
    """
    answer = await first()
    queries = {f"?{answer.url.raw_query_string}"}
    body: bytes | None = None
    while True:
        require(answer)
        yield answer
        link = next_link(answer)
        if link is None:
            return
        query = f"?{link.raw_query_string}"
        if query in queries or len(queries) >= _MAX_PAGES or answer.body == body:
            raise HostileAnswerError(
                f"{answer.url.host}: a listing has pages without an end",
                hint="the registry, or a proxy before it, repeats its pages",
            )
        queries.add(query)
        body = answer.body
        answer = await ask(query)


def next_link(answer: Answer) -> URL | None:
    """The URL of the next page, or None at the end. Only its query may be used.

    It may be relative, and one of several links (GitLab sends `previous` and `next`). Behind a
    proxy it has another path, port or scheme than was asked. Raises `HostileAnswerError` where it
    is on another host, or has no query: that would be the first page again.
    """
    for value in answer.headers.getall("Link", ()):
        for target, parameters in _LINK.findall(value):
            if _NEXT.search(parameters):
                return _following(target, answer.url)
    return None


def _following(target: str, asked: URL) -> URL:
    """`target` resolved against `asked`."""
    try:
        url = asked.join(URL(target, encoded=True))
        same = origin_of(url).host == origin_of(asked).host and bool(url.raw_query_string)
    except ValueError:
        same = False
    if not same:
        raise HostileAnswerError(
            f"{asked.host}: the next page of a listing would be on another host, or the first",
            hint="behind a proxy that changes the host, let the registry send relative links",
        )
    return url


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
        for _ in range(_MAX_PAGES):
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
