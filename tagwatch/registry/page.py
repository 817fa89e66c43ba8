"""The next page: `Link` headers (RFC 8288), followed only where they stay on the same host."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable

from yarl import URL

from tagwatch.errors import HostileAnswerError
from tagwatch.registry.request.safety import origin_of
from tagwatch.registry.request.transport import Answer

__all__ = ["next_link", "read_pages", "same_origin"]

_MAX_PAGES = 1000

_LINK = re.compile(r"\s*<([^<>\s]{0,8192})>([^<]*)", re.ASCII)
_NEXT = re.compile(r"""(?i);\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)""", re.ASCII)


async def read_pages(
    first: Callable[[], Awaitable[Answer]],
    ask: Callable[[str], Awaitable[Answer]],
    require: Callable[[Answer], None],
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
    """The URL of the next page, or None at the end. Raises `HostileAnswerError`.

    It may be relative, and one of several links (GitLab sends `previous` and `next`).
    """
    for value in answer.headers.getall("Link", ()):
        for target, parameters in _LINK.findall(value):
            if _NEXT.search(parameters):
                return same_origin(target, answer.url)
    return None


def same_origin(target: str, asked: URL) -> URL:
    """`target` resolved against `asked`. Raises `HostileAnswerError` where it leaves its origin."""
    try:
        url = asked.join(URL(target, encoded=True))
        same = origin_of(url) == origin_of(asked)
    except ValueError:
        same = False
    if not same:
        raise HostileAnswerError(
            f"{asked.host}: the next page of a listing would be on another host",
            hint="behind a proxy that changes scheme or host, let the registry send relative links",
        )
    return url
