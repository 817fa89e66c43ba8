"""Harbor's project webhooks, in its own form and as CloudEvents (2.8 and newer).

https://goharbor.io/docs/main/working-with-projects/project-configuration/configure-webhooks/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagwatch.service.notice.interface import Notice, cloud_event, tag_or_none, text_at, value_at

__all__ = ["read"]

_NEWS = frozenset(
    {"PUSH_ARTIFACT", "DELETE_ARTIFACT", "harbor.artifact.pushed", "harbor.artifact.deleted"}
)


def read(headers: Mapping[str, str], payload: Any) -> tuple[Notice, ...] | None:
    """See `interface.Read`."""
    kind, event, data = cloud_event(headers, payload)
    if kind and not kind.startswith("harbor."):
        return None
    if not kind:
        kind, data = text_at(payload, "type"), value_at(payload, "event_data")
    if not isinstance(data, dict):
        return None
    path = text_at(data, "repository", "repo_full_name")
    if kind not in _NEWS or not path:
        return ()
    resources = value_at(data, "resources")
    first = resources[0] if isinstance(resources, list) and resources else None
    return (Notice(path=path, tag=tag_or_none(text_at(first, "tag")), event=event),)
