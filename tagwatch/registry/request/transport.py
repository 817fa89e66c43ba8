"""Sends requests: where they may go, how many at once, how large an answer may be, what is retried.

Everything that leaves for a registry or its token server passes `Transport.send`. Redirects are
followed here and only here; aiohttp's own following would carry custom headers to other hosts and
never looks at addresses.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal, NamedTuple

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from tagwatch.errors import HostileAnswerError, PullLimitError, RateLimitedError, RegistryError
from tagwatch.registry.request.certificate import Certificates, tls_context
from tagwatch.registry.request.failure import (
    NETWORK_ERRORS,
    is_transient,
    refusal,
    too_many,
    unreachable,
)
from tagwatch.registry.request.limit import retry_after_seconds
from tagwatch.registry.request.network import Network
from tagwatch.registry.request.pace import Meter, Pace
from tagwatch.registry.request.safety import Boundary, Origin, Passage, origin_of
from tagwatch.registry.settings import RegistrySettings
from tagwatch.value import dataclass, field, replace

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

__all__ = ["Answer", "Ask", "StaleError", "Transport", "without_retries"]

log = logging.getLogger(__name__)

_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ATTEMPTS = 4
_attempts = ContextVar("attempts", default=_ATTEMPTS)
_MAX_REDIRECTS = 5
_FIRST_PAUSE_SECONDS = 0.25
_DOWN_SECONDS = 20.0
_ERROR_BYTES = 64 * 1024
_EVERYTHING = ""
_NOT_REACHED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One reading request; POST is for tokens and queries.

    `kind` is what it counts as, `doing` what a message says was being done.
    `authorization` and `form` may hold secrets: they are sent to `url`'s origin alone, and only
    where the boundary lets credentials go. `cap`: bytes of the answer, decoded. `follow`: take
    redirects, of which each host gets its own of `onward`, tokens that everybody may have, and no
    other; `keep_query`: with this request's query where the server leaves it out of its
    redirect (kubernetes/registry.k8s.io#326: every page would be the first). `limit_of`: what an
    answer calls it that there were too many requests, beside a 429; `limit_seconds`: the pause
    that this wants where the answer tells none. `is_stale`: whether `authorization` has ended by
    the time that the request's turn comes; `next`: it, or what it completes, waited for a turn
    already, and does not wait behind the others again. `repository`: whose path it is about, where
    the URL's own path varies; `is_shared`: its limit is known to be one for all (Docker Hub's API,
    GitHub's).
    """

    method: Literal["GET", "HEAD", "POST"]
    url: URL
    kind: str
    doing: str
    cap: int
    headers: Mapping[str, str] = field(default_factory=dict)
    authorization: str | None = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    json: bytes | None = field(default=None, repr=False)
    follow: bool = True
    onward: Mapping[Origin, str] = field(default_factory=dict, repr=False)
    keep_query: bool = False
    limit_of: Callable[[Answer], str] | None = None
    limit_seconds: float | None = None
    is_stale: Callable[[], bool] | None = None
    next: bool = False
    repository: str = ""
    is_shared: bool = False

    @property
    def subject(self) -> str:
        """What a limit may be of: the repository, else the place asked. Empty: the whole host."""
        return "" if self.is_shared else self.repository or self.url.raw_path

    def with_authorization(self, value: str | None, is_stale: Callable[[], bool] | None) -> Ask:
        """The same request with another credential; it has waited for its turn."""
        return replace(self, authorization=value, is_stale=is_stale, next=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer; `url` is where it came from after redirects, `asked` what was asked for."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    url: URL
    asked: URL

    @property
    def is_elsewhere(self) -> bool:
        """True where a redirect led to another origin than the one that was asked."""
        return origin_of(self.url) != origin_of(self.asked)

    @property
    def media_type(self) -> str:
        """The Content-Type in lower case, without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


class StaleError(Exception):
    """A request's authorization ended while it waited for its turn: it was not made."""


class _Failed(NamedTuple):
    """Why an attempt is worth another, after how many seconds where that is told; its beginning."""

    error: RegistryError
    pause: float | None
    began: float


@contextmanager
def without_retries() -> Iterator[None]:
    """Inside, a request that fails is not made again: it failed for long, and will be asked again.

    What the registry calls too much is no failure, and is waited for as ever.
    """
    token = _attempts.set(1)
    try:
        yield
    finally:
        _attempts.reset(token)


class Transport:
    """The way to one registry (or one API of it): limits, retries, redirects, counting."""

    def __init__(
        self,
        network: Network,
        *,
        host: str,
        boundary: Boundary,
        settings: RegistrySettings,
        meter: Meter,
        certificates: Certificates | None = None,
    ) -> None:
        self.host = host
        self.boundary = boundary
        self.meter = meter
        self._network = network
        self._settings = settings
        self.pace = Pace(settings.concurrency)
        self._limiter = _limiter(settings.requests_per_second)
        self._tls = tls_context(settings, certificates)
        self._down: tuple[float, BaseException] | None = None
        self._limited: dict[str, tuple[float, RateLimitedError]] = {}
        self._passages: dict[Origin, Passage] = {}

    async def send(self, ask: Ask) -> Answer:
        """The answer to `ask`, whatever its status, save those that are worth another try.

        408, 5xx and broken connections are tried four times within `patience_seconds` of its first
        turn, with jitter and by `Retry-After`; then they raise. What the registry calls too much is
        sent again at its pace, until it refuses the repository, or everything: four times in a row,
        or for longer than `patience_seconds`. Raises `RegistryError`.
        """
        self._fail_fast(ask)
        # Written out: stamina's loop costs 75 µs a call, as much as the whole HEAD (2026-11).
        ends_at: float | None = None
        refused_until: float | None = None
        failures = 0
        while True:
            found = await self._attempt(ask, again=ask.next or refused_until is not None)
            if isinstance(found, Answer):
                return found
            error, pause, began = found
            clock = asyncio.get_running_loop().time
            patience = self._settings.patience_seconds
            # "Too many requests" is no failure: the registry works, but wants to be asked more
            # slowly. Nothing sleeps here: `Pace` holds requests to the host back for `pause`, and
            # then lets this one go first. Refusals in a row are counted for the whole host, because
            # a host that answers other requests meanwhile is only slow, and for the repository,
            # because one may be refused for good while its neighbours are not. Patience begins
            # with the first refusal of this request, which may have waited long for its turn. A
            # limit of pulls that is spent for longer than that has an infinite `pause`, and ends
            # the loop at once.
            if isinstance(error, RateLimitedError) and pause is not None:
                refused_until = refused_until or clock() + patience
                refusals = max(self.pace.refusals, self.pace.refusals_of(ask.subject))
                if refusals >= _ATTEMPTS or clock() + pause > refused_until:
                    self._give_up(ask, error, pause)
                continue
            failures += 1
            ends_at = ends_at or began + patience  # the wait for the first turn does not count
            if pause is None:
                pause = _FIRST_PAUSE_SECONDS * 2 ** (failures - 1) * random.uniform(0.5, 1.5)  # noqa: S311  # jitter is no secret
            cause = error.__cause__
            final = cause is not None and not is_transient(cause)
            if final or failures == _attempts.get() or clock() + pause > ends_at:
                break
            await asyncio.sleep(pause)
        if isinstance(cause, _NOT_REACHED):
            self._down = (clock() + _DOWN_SECONDS, cause)
        raise error

    def refusal(
        self, answer: Answer, doing: str, *, hint: str = "", limit: str = ""
    ) -> RegistryError:
        """The error that `answer` stands for; `limit`: what it calls "too many requests"."""
        return refusal(
            answer.status,
            answer.headers,
            answer.body,
            host=self.host,
            doing=doing,
            hint=hint,
            limit=limit,
        )

    async def _attempt(self, ask: Ask, *, again: bool) -> Answer | _Failed:
        """One attempt in its turn; an answer that is worth another is a failure."""
        if self._limiter is not None:
            await self._limiter.acquire()
        await self.pace.enter(ask.subject, again=again)
        began = asyncio.get_running_loop().time()
        try:
            self._fail_fast(ask)
            if ask.is_stale is not None and ask.is_stale():
                raise StaleError
            async with asyncio.timeout(self._settings.timeout_seconds):
                answer = await self._exchange(ask, ask.url, first=True)
                if answer.status in _REDIRECTS and ask.follow:
                    answer = await self._follow(ask, answer)
            return self._judged(ask, answer, began)
        except NETWORK_ERRORS as error:
            return _Failed(self._unreachable(error, ask), None, began)
        finally:
            self.pace.leave()

    def _judged(self, ask: Ask, answer: Answer, began: float) -> Answer | _Failed:
        """The answer, or the failure that it is; what it says about the pace is noted."""
        limit = ask.limit_of(answer) if ask.limit_of is not None else ""
        if not limit and answer.status not in _RETRIED:
            self.pace.answered(ask.subject)
            return answer
        error = self.refusal(answer, ask.doing, limit=limit)
        pause = retry_after_seconds(answer.headers)
        if pause is None and limit:
            pause = ask.limit_seconds
        if isinstance(error, PullLimitError) and (
            pause is None or pause > self._settings.patience_seconds
        ):
            return _Failed(error, math.inf, began)
        if isinstance(error, RateLimitedError):
            pause = self.pace.refused(pause, ask.subject)
        return _Failed(error, pause, began)

    def _give_up(self, ask: Ask, error: RateLimitedError, pause: float) -> None:
        """Stop waiting for a repository, or for all of them where all are refused. Raises `error`.

        A spent limit of pulls is no matter of time, and says nothing about other requests.
        """
        if not isinstance(error, PullLimitError):
            now = asyncio.get_running_loop().time()
            subject = _EVERYTHING if self.pace.is_limited else ask.subject
            self._limited[subject] = now + max(pause, _DOWN_SECONDS), error
            self.pace.open(subject)
        raise error

    async def _follow(self, ask: Ask, answer: Answer) -> Answer:
        """Follow redirects of a reading request; credentials never leave the first origin."""
        seen = {ask.url}
        same = origin_of(ask.url)
        while answer.status in _REDIRECTS and "Location" in answer.headers:
            if ask.method not in ("GET", "HEAD"):
                raise self._hostile(ask, f"a redirect of a {ask.method} request")
            target = self._target(ask, answer)
            if target in seen or len(seen) > _MAX_REDIRECTS:
                raise self._hostile(ask, "a redirect without end")
            if answer.url.scheme == "https" and target.scheme != "https":
                raise self._hostile(ask, "a redirect from https to http")
            seen.add(target)
            if origin_of(target) != same:
                same = Origin("", "", 0)  # once away, credentials do not come back
            answer = await self._exchange(ask, target, first=bool(same.host))
        return answer

    def _target(self, ask: Ask, answer: Answer) -> URL:
        try:
            target = answer.url.join(URL(answer.headers["Location"], encoded=True))
        except ValueError as error:
            raise self._hostile(ask, "a redirect to something that is no URL") from error
        if ask.keep_query and not target.raw_query_string:
            bare = str(target.with_fragment(None)).rstrip("?")
            target = URL(f"{bare}?{ask.url.raw_query_string}", encoded=True)
        return target

    async def _exchange(self, ask: Ask, url: URL, *, first: bool) -> Answer:
        """One request and its answer. `first`: at the origin that was asked, with credentials."""
        origin = origin_of(url)
        passage = self._passages.get(origin) or self._permit(url, origin)
        headers = self._headers(ask, url, passage, first=first)
        proxy = self._network.proxy_for(origin)
        if passage.guarded and proxy is not None:
            await self._network.guard(origin)
        self.meter.requests[ask.kind if first else "redirect"] += 1
        async with self._network.session(guarded=passage.guarded).request(
            ask.method,
            url,
            headers=headers,
            data=ask.form if ask.form is not None else ask.json,
            allow_redirects=False,
            # a host that a server chose has none of the certificates that are for this registry
            ssl=True if passage.guarded and not passage.credentials else self._tls,
            proxy=proxy,
        ) as response:
            self.meter.note(response.headers)
            if log.isEnabledFor(logging.DEBUG):
                log.debug("%s %s%s: %d", ask.method, url.authority, url.path, response.status)
            head = ask.method == "HEAD"
            cap = ask.cap if response.status < 300 else _ERROR_BYTES
            body = b"" if head else await self._read(ask, response, cap)
            return Answer(
                status=response.status, headers=response.headers, body=body, url=url, asked=ask.url
            )

    def _permit(self, url: URL, origin: Origin) -> Passage:
        """See `Boundary.permit`. What it says of an origin that has credentials, it says again."""
        passage = self.boundary.permit(url)
        if passage.credentials:  # named by the operator or our table: they are few
            self._passages[origin] = passage
        return passage

    def _headers(self, ask: Ask, url: URL, passage: Passage, *, first: bool) -> Mapping[str, str]:
        if not first:
            own = {
                "Accept": ask.headers.get("Accept"),
                "Authorization": ask.onward.get(origin_of(url)),
            }
            return {name: value for name, value in own.items() if value}
        secret = ask.authorization is not None or ask.form is not None
        if secret and not passage.credentials:
            raise self._hostile(ask, f"credentials are not for {str(origin_of(ask.url))!r}")
        if ask.authorization is None:
            return ask.headers
        return {**ask.headers, "Authorization": ask.authorization}

    async def _read(self, ask: Ask, response: aiohttp.ClientResponse, cap: int) -> bytes:
        """The body, at most `cap` bytes; more is a failure, except of an error's body."""
        failed = response.status >= 300
        if (response.content_length or 0) > cap and not failed:
            raise self._hostile(ask, f"an answer larger than {cap} bytes")
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > cap:
                if failed:
                    return bytes(body[:cap])
                raise self._hostile(ask, f"an answer larger than {cap} bytes")
        if coding in ("identity", ""):
            return bytes(body)
        return self._decompress(ask, bytes(body), coding, cap)

    def _decompress(self, ask: Ask, body: bytes, coding: str, cap: int) -> bytes:
        """Undo a compression that was not asked for; the cap is on what comes out."""
        if coding not in ("gzip", "x-gzip", "deflate"):
            raise self._hostile(ask, "an encoding that was not asked for")
        decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        try:
            decoded = decoder.decompress(body, cap + 1)
        except zlib.error as error:
            raise self._hostile(ask, "a broken compression") from error
        if len(decoded) <= cap and not decoder.eof:
            raise self._hostile(ask, "a broken compression")
        if len(decoded) > cap:
            raise self._hostile(ask, f"an answer larger than {cap} bytes")
        return decoded

    def _hostile(self, ask: Ask, what: str) -> HostileAnswerError:
        return HostileAnswerError(
            f"{self.host}: {ask.doing}: {what}",
            hint="the registry, or something between it and here, does not behave as one",
        )

    def forget_down(self) -> None:
        """Try the host again at once: another scheme may answer."""
        self._down = None

    def _fail_fast(self, ask: Ask) -> None:
        """Spare the rest of a run the wait for a host that could not be reached a moment ago.

        The same for one that refuses everything, or this repository. A slow answer is no such
        thing: it may be one repository's.
        """
        for subject in (_EVERYTHING, ask.subject) if self._limited else ():
            if subject not in self._limited:
                continue
            until, error = self._limited[subject]
            if (left := until - asyncio.get_running_loop().time()) > 0:
                told = left if error.retry_after_seconds else None
                raise too_many(self.host, ask.doing, error.status, told)
            del self._limited[subject]
        if self._down is None:
            return
        until, cause = self._down
        if asyncio.get_running_loop().time() < until:
            raise self._unreachable(cause, ask)
        self._down = None

    def _unreachable(self, error: BaseException, ask: Ask) -> RegistryError:
        failure = unreachable(
            error, host=self.host, doing=ask.doing, seconds=self._settings.timeout_seconds
        )
        failure.__cause__ = error
        return failure


def _limiter(rate: float | None) -> AsyncLimiter | None:
    """What keeps to `rate` requests a second; loaded only where one is configured."""
    if not rate:
        return None
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(max(1.0, rate), max(1.0, rate) / rate)
