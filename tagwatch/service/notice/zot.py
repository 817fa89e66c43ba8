"""zot's events, as CloudEvents. https://zotregistry.dev/ (extension `events`)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagwatch.service.notice.interface import Notice, cloud_event, tag_or_none, text_at

__all__ = ["read"]


def read(headers: Mapping[str, str], payload: Any) -> tuple[Notice, ...] | None:
    """See `interface.Read`."""
    kind, event, data = cloud_event(headers, payload)
    if not kind.startswith("zotregistry."):
        return None
    path = text_at(data, "name")
    if kind not in ("zotregistry.image.updated", "zotregistry.image.deleted") or not path:
        return ()
    return (Notice(path=path, tag=tag_or_none(text_at(data, "reference")), event=event),)
