"""Downloads of whole files that are no registry's: bounded GETs over https, without a login."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping

import aiohttp
from yarl import URL

from tagwatch.errors import ConfigError, HostileAnswerError, RegistryError, UnavailableError
from tagwatch.registry.request.failure import NETWORK_ERRORS, too_many, unreachable
from tagwatch.registry.request.limit import retry_after_seconds
from tagwatch.registry.request.network import Network, open_network
from tagwatch.registry.request.safety import origin_of
from tagwatch.value import dataclass

__all__ = ["Download", "download", "https_url"]

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_ETAG = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """What was downloaded; `raw` is None where it is as `etag` said, which was given."""

    raw: bytes | None
    etag: str = ""


def https_url(address: str, *, what: str, hint: str) -> URL:
    """Return the address as a URL. Raises `ConfigError` for what is no https URL without login."""
    try:
        url = URL(address)
    except ValueError:
        url = URL()
    if url.scheme != "https" or not url.host or url.user or url.password:
        raise ConfigError(f"{what} from an https URL without a login in it", hint=hint)
    return url


async def download(
    url: URL,
    environment: Mapping[str, str],
    *,
    what: str,
    limit: int,
    seconds: float,
    etag: str = "",
    redirects: int = 0,
) -> Download:
    """Return the bytes at `url`, at most `limit` of them, within so many seconds.

    `what` names them in errors. `etag`: what an earlier answer said of itself; the same is not sent
    again. `redirects`: so many are followed, on the same host alone. Raises `UnavailableError`,
    `RateLimitedError`, `HostileAnswerError`.
    """
    origin = origin_of(url)
    try:
        async with asyncio.timeout(seconds), open_network(environment) as network:
            for left in range(redirects, -1, -1):
                answer = await _get(network, url, etag, compressed=redirects > 0)
                async with answer:
                    moved = _moved(answer, url) if left else None
                    if moved is None:
                        return await _read(answer, str(origin), what=what, limit=limit)
                url = moved
    except NETWORK_ERRORS as error:
        raise unreachable(
            error, host=str(origin), doing=f"fetching {what}", seconds=seconds
        ) from error
    raise AssertionError("the last answer is never followed")


async def _get(
    network: Network, url: URL, etag: str, *, compressed: bool
) -> aiohttp.ClientResponse:
    headers = {"If-None-Match": etag} if etag else {}
    if compressed:
        headers["Accept-Encoding"] = "gzip"
    return await network.session(guarded=False).get(
        url, proxy=network.proxy_for(origin_of(url)), allow_redirects=False, headers=headers
    )


def _moved(answer: aiohttp.ClientResponse, url: URL) -> URL | None:
    """Return where the answer leads to; None where it is no redirect within the host."""
    if answer.status not in _REDIRECTS:
        return None
    try:
        target = url.join(URL(answer.headers.get("Location", "")))
        return target if origin_of(target) == origin_of(url) else None
    except ValueError:
        return None


async def _read(answer: aiohttp.ClientResponse, host: str, *, what: str, limit: int) -> Download:
    etag = answer.headers.get("ETag", "")
    if answer.status == 304 and "If-None-Match" in answer.request_info.headers:
        return Download(raw=None, etag=etag)
    if answer.status != 200:
        raise _refusal(answer, host, what)
    raw = await _body(answer, host, what=what, limit=limit)
    return Download(raw=raw, etag=etag if len(etag) <= _MOST_ETAG and etag.isprintable() else "")


def _refusal(answer: aiohttp.ClientResponse, host: str, what: str) -> RegistryError:
    if answer.status == 429:
        return too_many(host, f"fetching {what}", 429, retry_after_seconds(answer.headers))
    return UnavailableError(
        f"{host} answered {answer.status} for {what}",
        hint="check the URL, which leads to no other host; or try again later",
        status=answer.status,
    )


async def _body(answer: aiohttp.ClientResponse, host: str, *, what: str, limit: int) -> bytes:
    """Return the body, unpacked where it came packed; both lengths are bounded."""
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise HostileAnswerError(f"{host} sent {what} in an encoding that was not asked for")
    unpack = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    raw = bytearray()
    async for part in answer.content.iter_chunked(65536):
        if unpack is not None and unpack.eof:
            raise HostileAnswerError(f"{host} sent {what} with more behind its end")
        try:
            raw += unpack.decompress(part, limit + 1 - len(raw)) if unpack else part
        except zlib.error as error:
            raise HostileAnswerError(f"{host} sent {what} as broken gzip") from error
        if len(raw) > limit:
            raise HostileAnswerError(f"{host} sent {what} without end")
    if unpack is not None and not unpack.eof:
        raise HostileAnswerError(f"{host} sent {what} only in part")
    if unpack is not None and unpack.unused_data:
        raise HostileAnswerError(f"{host} sent {what} with more behind its end")
    return bytes(raw)
