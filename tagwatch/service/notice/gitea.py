"""Gitea's and Forgejo's packages. https://docs.gitea.com/usage/webhooks

They send `X-GitHub-Event` as well: whoever looks for that one first takes them for GitHub.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagwatch.service.notice.interface import Notice, tag_or_none, text_at, value_at

__all__ = ["is_gitea", "read"]

_PRODUCTS = ("gitea", "forgejo", "gogs")


def is_gitea(headers: Mapping[str, str]) -> bool:
    """Return True for a delivery of Gitea or one of its relatives."""
    return any(f"x-{product}-event" in headers for product in _PRODUCTS)


def read(headers: Mapping[str, str], payload: Any) -> tuple[Notice, ...] | None:
    """See `interface.Read`."""
    package = value_at(payload, "package")
    owner, name = text_at(package, "owner", "login"), text_at(package, "name")
    if not is_gitea(headers):
        return None
    if text_at(package, "type") != "container" or not owner or not name:
        return ()
    if text_at(payload, "action") not in ("created", "deleted"):
        return ()
    deliveries = (headers.get(f"x-{product}-delivery", "") for product in _PRODUCTS)
    return (
        Notice(
            path=f"{owner}/{name}".lower(),
            tag=tag_or_none(text_at(package, "version")),
            event=next(filter(None, deliveries), ""),
        ),
    )
