"""A build of a base: what images may stand on. A check loads `model.base_match` alone."""

from __future__ import annotations

from datetime import datetime

from tagwatch.image.digest import Digest
from tagwatch.image.image_config import HistoryEntry
from tagwatch.image.platform import Platform
from tagwatch.value import dataclass

__all__ = ["BaseBuild"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseBuild:
    """One platform of one digest that a base's tag served: what an image may stand on.

    `reference` is canonical, with the tag. `digest` is what the tag served (an index's or a
    manifest's), `manifest` this platform's. `layers` are (digest, compressed bytes) as stored, base
    first, in step with `diff_ids`. `created_at` is the publisher's claim; `first_seen` and
    `last_seen` are ours; `ended`: the tag serves it no more. `claimed_base` is what the base's own
    label names as its base (`name@digest`): children inherit it. `known_as`: nobody here saw the
    tag serve it; it was read under this name (`python:3.12.3-slim` of `python:3.12-slim`).
    """

    reference: str
    tag: str
    platform: Platform
    digest: Digest
    manifest: Digest
    config: Digest
    diff_ids: tuple[Digest, ...]
    layers: tuple[tuple[Digest, int], ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    version: str | None = None
    created_at: datetime | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    ended: bool = False
    user: str = ""
    exposed_ports: frozenset[str] = frozenset()
    claimed_base: str = ""
    known_as: str = ""
