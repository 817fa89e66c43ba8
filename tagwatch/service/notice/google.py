"""Google's Artifact Registry and Container Registry: the topic `gcr` of Pub/Sub, pushed.

https://cloud.google.com/artifact-registry/docs/configure-notifications
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from tagwatch.service.notice.interface import Notice, text_at, value_at

__all__ = ["read"]


def read(_headers: Mapping[str, str], payload: Any) -> tuple[Notice, ...] | None:
    """See `interface.Read`. Names are whole; with payload unwrapping there is no envelope."""
    event = text_at(payload, "message", "messageId")
    data = _unwrapped(payload) if value_at(payload, "message") is not None else payload
    action = text_at(data, "action")
    name = text_at(data, "tag") or text_at(data, "digest")
    if action not in ("INSERT", "DELETE") or not name:
        return None
    host, _, path = name.partition("@")[0].partition("/")
    tag = ""
    if text_at(data, "tag"):
        path, _, tag = path.rpartition(":")
    return (Notice(path=path, tag=tag, host=host, event=event),) if path else None


def _unwrapped(payload: Any) -> Any:
    try:
        raw = base64.b64decode(text_at(payload, "message", "data"), validate=True)
        return json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        return None
