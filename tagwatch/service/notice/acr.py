"""Azure Container Registry: one event of distribution's form, without an envelope.

https://learn.microsoft.com/azure/container-registry/container-registry-webhook-reference
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagwatch.service.notice.distribution import news_of
from tagwatch.service.notice.interface import Notice, text_at, value_at

__all__ = ["read"]


def read(_headers: Mapping[str, str], payload: Any) -> tuple[Notice, ...] | None:
    """See `interface.Read`. What is in quarantine cannot be read yet; charts are no images."""
    action = text_at(payload, "action")
    if action == "ping" and text_at(payload, "timestamp"):
        return ()
    if not action or not text_at(value_at(payload, "target"), "repository"):
        return None
    return tuple(news_of(payload))
