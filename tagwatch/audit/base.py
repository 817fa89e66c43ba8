"""Which approved base an image stands on, by layers: labels and annotations are claims."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tagwatch.image.digest import Digest

__all__ = ["BaseMatch", "BaseVerdict", "MatchedBase"]


class BaseVerdict(StrEnum):
    """What is known of an image's base (`facts` of the policy, section 2)."""

    EXACT_CURRENT = "exact-current"
    EXACT_STALE = "exact-stale"
    EXACT_RETIRED = "exact-retired"
    CLAIMED = "claimed"
    CONFLICT = "conflict"
    PARTIAL = "partial"
    SCRATCH = "scratch"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedBase:
    """A build of an approved base: what it was called, and when that name served it."""

    reference: str
    tag: str
    digest: Digest
    version: str | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseMatch:
    """The base of one platform's image. `layers_*` count layers that are not empty.

    `replaced`/`added`: base layers that the current build of the base replaces or adds.
    `ancestry`: from the oldest known ancestor to the immediate base. `behind`: builds since.
    """

    platform: str
    verdict: BaseVerdict
    base: MatchedBase | None = None
    current: MatchedBase | None = None
    layers_matched: int = 0
    layers_replaced: int = 0
    layers_added: int = 0
    ancestry: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    approved: bool | None = None
    behind: int | None = None
    sentence: str = ""
