"""The approved base that an image is built on. Layers decide; labels and annotations are claims."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from tagwatch.image.digest import Digest
from tagwatch.value import dataclass

__all__ = ["LEFT", "BaseMatch", "BaseVerdict", "MatchedBase"]


class BaseVerdict(StrEnum):
    """The verdict on what an image is built on."""

    EXACT_CURRENT = "exact-current"
    """The layers show the base, and its tag still serves this build."""
    EXACT_STALE = "exact-stale"
    """The layers show the base, but its tag now serves another build."""
    EXACT_RETIRED = "exact-retired"
    """The layers show the base, but its tag no longer serves any build for this platform."""
    CLAIMED = "claimed"
    """Only a claim names the base; the layers do not show it."""
    CONFLICT = "conflict"
    """The layers contradict the claim."""
    PARTIAL = "partial"
    """Only some of a base's layers are found, or the claim names a deeper base than they show."""
    SCRATCH = "scratch"
    """It is built on nothing (`FROM scratch`)."""
    UNKNOWN = "unknown"


LEFT = frozenset({BaseVerdict.EXACT_STALE, BaseVerdict.EXACT_RETIRED})
"""The verdicts on an image whose base has another build by now, or none."""
_EXACT = frozenset(
    {BaseVerdict.EXACT_CURRENT, BaseVerdict.EXACT_STALE, BaseVerdict.EXACT_RETIRED}
    | {BaseVerdict.CONFLICT}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedBase:
    """A build of a base: its name, and when that name served it."""

    reference: str
    tag: str
    digest: Digest | None = None
    """None where only a claim names the base, and it gives no digest."""
    version: str | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseMatch:
    """The base of one platform's image. `layers_*` count layers that are not empty."""

    platform: str
    verdict: BaseVerdict
    base: MatchedBase | None = None
    """What the layers show; under the verdict `claimed`, what the claim says.

    None under `conflict` where the layers only show which base it is not.
    """
    current: MatchedBase | None = None
    """The build that the base's tag serves now."""
    layers_matched: int = 0
    layers_replaced: int = 0
    """How many of the base's layers its current build replaces."""
    layers_added: int = 0
    """How many layers the current build of the base adds."""
    ancestry: tuple[str, ...] = ()
    """From the oldest known ancestor to the immediate base."""
    claims: tuple[str, ...] = ()
    behind: int | None = None
    """How many other builds the base's tag has served since this one."""
    sentence: str = ""
    aliases: tuple[str, ...] = ()
    """Other names of the same base layers, where nothing says which one was meant."""

    @property
    def is_exact(self) -> bool:
        """Return True where the layers show the base, whatever is claimed or its tag serves now."""
        return self.verdict in _EXACT and self.base is not None
