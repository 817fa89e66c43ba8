"""What registries say about their limits.

Docker Hub: https://docs.docker.com/docker-hub/usage/pulls/ (`ratelimit-*`); RFC 9110 section
10.2.3 (`Retry-After`).
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from tagwatch.image.snapshot import Quota

__all__ = ["Window", "quota_of", "retry_after_seconds"]

_LIMIT = re.compile(r"\s*(\d{1,12})\s*(?:;\s*w=(\d{1,9}))?", re.ASCII)
_MILLISECONDS_FROM = 100_000_000_000
_EPOCH_FROM = 1_000_000_000  # a wait of 31 years is a date: Docker Hub's API sends unix times


_NUMBER = re.compile(r"\d{1,12}", re.ASCII)
_WINDOW_SECONDS = 120.0


class Window:
    """A limit of requests a minute, as `X-RateLimit-Remaining` and `-Reset` tell it (Docker Hub).

    Waiting costs less than being refused: a 429 is counted too, and must be asked again.
    """

    def __init__(self) -> None:
        self._left: float = math.inf
        self._ends_at = 0.0

    async def enter(self) -> None:
        """Take one request, after the window's end where none is left in it."""
        if self._left < 1 and (seconds := self._ends_at - time.time()) > 0:
            await asyncio.sleep(min(seconds, _WINDOW_SECONDS))
        if time.time() >= self._ends_at:
            self._left = math.inf
        self._left -= 1

    def note(self, headers: Mapping[str, str]) -> None:
        """Take in what an answer tells; requests under way may have told less already."""
        left = headers.get("X-RateLimit-Remaining", "").strip()
        ends_at = headers.get("X-RateLimit-Reset", "").strip()
        if not (_NUMBER.fullmatch(left) and _NUMBER.fullmatch(ends_at)):
            return
        if int(ends_at) > time.time() + _WINDOW_SECONDS:
            return  # no window of this API is so long: a clock is wrong
        is_new = int(ends_at) > self._ends_at
        self._left = int(left) if is_new else min(self._left, int(left))
        self._ends_at = float(ends_at)


def quota_of(headers: Mapping[str, str]) -> Quota | None:
    """The pull limit in an answer's headers, `100;w=21600`; None where none is told."""
    limit = _LIMIT.match(headers.get("ratelimit-limit", ""))
    remaining = _LIMIT.match(headers.get("ratelimit-remaining", ""))
    if limit is None or remaining is None:
        return None
    return Quota(
        limit=int(limit[1]),
        remaining=int(remaining[1]),
        window_seconds=int(limit[2]) if limit[2] else None,
        source=re.sub(r"[^\w.:-]", "", headers.get("docker-ratelimit-source", ""))[:64],
    )


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long to wait, from `Retry-After` or `X-Retry-After`: seconds, a date or a unix time.

    Else, of a window of requests that is spent, until `X-RateLimit-Reset` (GitHub).
    """
    text = (headers.get("Retry-After") or headers.get("X-Retry-After") or "").strip()
    if not text and headers.get("X-RateLimit-Remaining", "").strip() == "0":
        text = headers.get("X-RateLimit-Reset", "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)  # without a zone it is UTC's all the same
            value = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, IndexError):
            return None
    else:
        if not value < float("inf") or value < _EPOCH_FROM:
            return max(0.0, value) if 0 <= value < float("inf") else None
        if value >= _MILLISECONDS_FROM:
            value /= 1000
    return max(0.0, value - time.time())
