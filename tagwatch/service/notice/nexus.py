"""Sonatype Nexus Repository: components and assets of the format `docker`.

https://help.sonatype.com/en/example-headers-and-payloads.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tagwatch.service.notice.interface import Notice, tag_or_none, text_at, value_at

__all__ = ["read"]

_ASSET = re.compile(r"/?(?:v2/)?(.+)/manifests/([^/]+)")


def read(headers: Mapping[str, str], payload: Any) -> tuple[Notice, ...] | None:
    """See `interface.Read`."""
    within, action = text_at(payload, "repositoryName"), text_at(payload, "action")
    component, asset = value_at(payload, "component"), value_at(payload, "asset")
    if not within or not action:
        return None
    path, tag = text_at(component, "name"), text_at(component, "version")
    if component is None:
        match = _ASSET.fullmatch(text_at(asset, "name"))
        path, tag = match.groups() if match else ("", "")
    if text_at(component or asset, "format") != "docker" or not path:
        return ()
    return (
        Notice(
            path=path,
            tag=tag_or_none(tag),
            within=within,
            event=headers.get("x-nexus-webhook-delivery", ""),
        ),
    )
