"""Fetching an extract of facts from where a nightly server publishes it: one GET over https."""

from __future__ import annotations

from collections.abc import Mapping

from tagwatch.registry.download import download, https_url

__all__ = ["fetch_extract"]


async def fetch_extract(
    address: str, environment: Mapping[str, str], *, limit: int, seconds: float
) -> bytes:
    """Return the bytes at `address`, at most `limit` of them, within so many seconds; no redirects.

    Raises `ConfigError` for what is no https URL, `UnavailableError`, `HostileAnswerError`.
    """
    url = https_url(
        address,
        what="facts are fetched",
        hint="the extract is signed, and the URL may be public",
    )
    what = "the extract of facts"
    found = await download(url, environment, what=what, limit=limit, seconds=seconds)
    return found.raw or b""
