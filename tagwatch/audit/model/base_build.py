"""A build of a base. It is not in `model.base_match`, because every check loads that module."""

from __future__ import annotations

from datetime import datetime

from tagwatch.image.digest import Digest
from tagwatch.image.image_config import HistoryEntry
from tagwatch.image.platform import Platform
from tagwatch.value import dataclass

__all__ = ["BaseBuild"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseBuild:
    """One platform of one digest that a base's tag served: an image may be built on it."""

    reference: str
    """Canonical, with the tag."""
    tag: str
    platform: Platform
    digest: Digest
    """What the tag served: the digest of an index or of a manifest."""
    manifest: Digest
    """The manifest of this platform."""
    config: Digest
    diff_ids: tuple[Digest, ...]
    """The bottom layer first."""
    layers: tuple[tuple[Digest, int], ...] = ()
    """Digest and compressed bytes of each stored layer, in the order of `diff_ids`."""
    history: tuple[HistoryEntry, ...] = ()
    version: str | None = None
    created_at: datetime | None = None
    """As the publisher states it; `first_seen` and `last_seen` are our own observations."""
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    ended: bool = False
    """True where the tag no longer serves this build."""
    user: str = ""
    exposed_ports: frozenset[str] = frozenset()
    claimed_base: str = ""
    """The base that this base's own label names (`label: name@digest`); children inherit it."""
    known_as: str = ""
    """The name under which the build was read, where we never saw the tag itself serve it.

    `python:3.12.3-slim` for a build of `python:3.12-slim`.
    """
