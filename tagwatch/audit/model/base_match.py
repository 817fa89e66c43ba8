"""Which approved base an image stands on, by layers: labels and annotations are claims."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from tagwatch.image.digest import Digest
from tagwatch.value import dataclass

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


_EXACT = frozenset(
    {BaseVerdict.EXACT_CURRENT, BaseVerdict.EXACT_STALE, BaseVerdict.EXACT_RETIRED}
    | {BaseVerdict.CONFLICT}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedBase:
    """A build of a base: what it was called, and when that name served it.

    `digest` None: only a claim names the base, and it names no digest.
    """

    reference: str
    tag: str
    digest: Digest | None = None
    version: str | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseMatch:
    """The base of one platform's image. `layers_*` count layers that are not empty.

    `replaced`/`added`: base layers that the current build of the base replaces or adds.
    `ancestry`: from the oldest known ancestor to the immediate base. `behind`: builds since.
    `aliases`: other names of the same base layers, where nothing says which was meant.
    `conflict`: `base` is what the layers say, None where they only say what it is not; `claimed`:
    `base` is what the claim says.
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
    behind: int | None = None
    sentence: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def is_exact(self) -> bool:
        """True where the layers show the base, whatever is claimed and whatever its tag serves."""
        return self.verdict in _EXACT and self.base is not None
