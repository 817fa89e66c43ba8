"""Repositories written as groups of tags that serve one digest."""

from __future__ import annotations

from tagwatch.image.digest import Digest
from tests.truth import digest


def repository(*groups: str, unknown: str = "") -> dict[str, Digest | None]:
    """Each argument names the tags of one digest; `unknown` those whose digest nobody asked."""
    served: dict[str, Digest | None] = {
        tag: digest(group) for group in groups for tag in group.split()
    }
    return served | dict.fromkeys(unknown.split())
