"""Quay: a push is what has `updated_tags`; no payload names its event.

https://docs.quay.io/guides/notifications.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagwatch.service.notice.interface import Notice, text_at, value_at

__all__ = ["read"]


def read(_headers: Mapping[str, str], payload: Any) -> tuple[Notice, ...] | None:
    """See `interface.Read`."""
    path, address = text_at(payload, "repository"), text_at(payload, "docker_url")
    if not path or not address:
        return None
    tags = value_at(payload, "updated_tags")
    if not isinstance(tags, list | dict):  # a build, a scan, a mirror's report
        return ()
    names = [tag for tag in tags if isinstance(tag, str)]
    return tuple(Notice(path=path, tag=tag) for tag in names) or (Notice(path=path),)
