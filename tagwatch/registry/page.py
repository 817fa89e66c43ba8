"""The next page: `Link` headers (RFC 8288), followed only where they stay on the same host."""

from __future__ import annotations

import re

from yarl import URL

from tagwatch.errors import HostileAnswerError
from tagwatch.registry.safety import origin_of
from tagwatch.registry.transport import Answer

__all__ = ["next_link", "same_origin"]

_LINK = re.compile(r"\s*<([^<>\s]{0,8192})>([^<]*)", re.ASCII)
_NEXT = re.compile(r"""(?i);\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)""", re.ASCII)


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
