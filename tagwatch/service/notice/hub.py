"""Docker Hub: every payload is a push. https://docs.docker.com/docker-hub/repos/manage/webhooks/"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagwatch.service.notice.interface import Notice, text_at

__all__ = ["read"]


def read(_headers: Mapping[str, str], payload: Any) -> tuple[Notice, ...] | None:
    """See `interface.Read`."""
    path, tag = text_at(payload, "repository", "repo_name"), text_at(payload, "push_data", "tag")
    return (Notice(path=path, tag=tag),) if path and tag else None
