"""JFrog Artifactory: the domain `docker` of its predefined webhooks.

https://jfrog.com/help/r/jfrog-platform-administration-documentation/event-types
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagwatch.service.notice.interface import Notice, text_at, value_at

__all__ = ["read"]

_NEWS = ("pushed", "deleted", "promoted")


def read(_headers: Mapping[str, str], payload: Any) -> tuple[Notice, ...] | None:
    """See `interface.Read`. A remote repository's cache is filled by somebody's pull."""
    domain, data = text_at(payload, "domain"), value_at(payload, "data")
    if not domain or not isinstance(data, dict):
        return None
    path, within = text_at(data, "image_name"), text_at(data, "repo_key")
    if domain != "docker" or text_at(payload, "event_type") not in _NEWS or not path:
        return ()
    if within.endswith("-cache"):
        return ()
    return (Notice(path=path, tag=text_at(data, "tag"), within=within),)
