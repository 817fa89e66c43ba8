"""GitHub's packages: `package` of a repository or organisation, `registry_package` of an app.

https://docs.github.com/webhooks/webhook-events-and-payloads#package Nothing tells of a deletion.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagwatch.service.notice.gitea import is_gitea
from tagwatch.service.notice.interface import Notice, text_at, value_at

__all__ = ["read"]

_EVENTS = ("package", "registry_package")
_IMAGES = ("container", "docker")


def read(headers: Mapping[str, str], payload: Any) -> tuple[Notice, ...] | None:
    """See `interface.Read`. Owners keep their case there; paths have none."""
    event = headers.get("x-github-event", "")
    if not event or is_gitea(headers):
        return None
    package = next((one for key in _EVENTS if (one := value_at(payload, key))), None)
    if event not in _EVENTS or text_at(payload, "action") not in ("published", "updated"):
        return ()
    if text_at(package, "package_type").lower() not in _IMAGES:
        return ()
    version = value_at(package, "package_version")
    path = _path(text_at(version, "package_url"))
    owner, name = text_at(package, "owner", "login"), text_at(package, "name")
    path = path or (f"{owner}/{name}" if owner and name else "")
    if not path:
        return ()
    return (
        Notice(
            path=path.lower(),
            tag=text_at(version, "container_metadata", "tag", "name"),
            event=headers.get("x-github-delivery", ""),
        ),
    )


def _path(url: str) -> str:
    """Return `owner/app` of `ghcr.io/owner/app:1.2`, or of one that ends in a bare `:`."""
    _, _, path = url.partition("/")
    return path.partition("@")[0].partition(":")[0]
