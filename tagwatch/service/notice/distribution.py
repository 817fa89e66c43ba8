"""CNCF distribution's notifications; GitLab's registry, when self-managed, sends them, too.

https://distribution.github.io/distribution/about/notifications/ An envelope holds events of
manifests and blobs; only those of manifests are news. Our own requests come back as pulls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tagwatch.service.notice.interface import Notice, text_at, value_at

__all__ = ["news_of", "read"]

_MANIFESTS = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)


def read(_headers: Mapping[str, str], payload: Any) -> tuple[Notice, ...] | None:
    """See `interface.Read`."""
    events = value_at(payload, "events")
    if not isinstance(events, list):
        return None
    return tuple(notice for event in events for notice in news_of(event))


def news_of(event: Any) -> Iterator[Notice]:
    """Yield the notice that one event is worth: a manifest pushed, anything deleted or renamed.

    The deletion of a blob looks like that of a manifest.
    """
    action, target = text_at(event, "action"), value_at(event, "target")
    is_manifest = text_at(target, "mediaType") in _MANIFESTS
    if (action == "push" and is_manifest) or action in ("delete", "rename"):
        path = text_at(target, "repository")
        if path:
            yield Notice(path=path, tag=text_at(target, "tag"), event=text_at(event, "id"))
