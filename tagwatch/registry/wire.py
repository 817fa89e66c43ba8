"""Typed decoding of what registries send, page by page; nothing is believed that does not fit."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import msgspec
from yarl import URL

from tagwatch.errors import HostileAnswerError, UnavailableError
from tagwatch.registry.request.safety import origin_of
from tagwatch.registry.request.transport import Answer

__all__ = [
    "MAX_PAGES",
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


MAX_PAGES = 1000
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
        if query in queries or len(queries) >= MAX_PAGES or answer.body == body:
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
