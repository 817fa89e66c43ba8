"""What registries say about their limits, and the count of what was asked of them.

Docker Hub: https://docs.docker.com/docker-hub/usage/pulls/ (`ratelimit-*`); RFC 9110 section
10.2.3 (`Retry-After`).
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from tagwatch.image.snapshot import Quota

__all__ = ["Meter", "quota_of", "retry_after_seconds"]

_LIMIT = re.compile(r"\s*(\d{1,12})\s*(?:;\s*w=(\d{1,9}))?", re.ASCII)
_EPOCH_FROM = 1_000_000_000  # a wait of 31 years is a date: Docker Hub's API sends unix times


class Meter:
    """Counts the requests of one registry by kind and keeps its last word about the quota."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.quota: Quota | None = None

    def note(self, headers: Mapping[str, str]) -> None:
        """Keep the quota that an answer tells."""
        if "ratelimit-limit" in headers:
            self.quota = quota_of(headers) or self.quota


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
    """How long to wait, from `Retry-After` or `X-Retry-After`: seconds, a date or a unix time."""
    text = (headers.get("Retry-After") or headers.get("X-Retry-After") or "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        try:
            value = parsedate_to_datetime(text).timestamp()
        except (ValueError, OverflowError, IndexError):
            return None
    else:
        if not value < float("inf") or value < _EPOCH_FROM:
            return max(0.0, value) if 0 <= value < float("inf") else None
    return max(0.0, value - time.time())
