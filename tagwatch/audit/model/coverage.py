"""How an image is known: read in this run, remembered from an earlier one, or not at all.

An image is *read* only where each need of each rule that may speak was met by a reading of this
run; that some evidence exists is not enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from tagwatch.image.platform import Platform
from tagwatch.image.reference import Repository
from tagwatch.value import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.image.snapshot import Failure

__all__ = ["GAPS", "UNASKED", "Coverage", "Reading", "Reason", "Remembered"]
__all__ += ["State", "Terms", "whole_failures"]

UNASKED = ("stopped", "budget")
"""The codes of what nobody asked any more."""


class State(StrEnum):
    """How an image is known."""

    READ = "read"
    """Each need was met by a reading of this run."""
    REMEMBERED = "remembered"
    """Each need was met, not all of them in this run."""
    UNRESOLVED = "unresolved"
    """There is no reference to ask about."""
    UNAVAILABLE = "unavailable"
    """Something that a rule needs was never read."""


class Reason(StrEnum):
    """Why an image is remembered and was not read."""

    FRESH = "fresh"
    """It was read so lately that nobody was asked."""
    OFFLINE = "offline"
    """The run asks no registry."""
    REFUSED = "refused"
    """Its registry refused or failed."""
    STOPPED = "stopped"
    """Time, quota or a signal ended the asking before."""


GAPS = (Reason.REFUSED, Reason.STOPPED)
"""The reasons for which an image that the run wanted to read was not: that makes it incomplete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How one image is known; `reason` and `since` tell of remembered ones."""

    state: State
    reason: Reason | None = None
    since: datetime | None = None
    """When it was read last; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """How many targets are remembered for one reason, and since when the oldest of them is."""

    reason: Reason
    targets: int
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Counts of the targets by how their images are known."""

    targets: int = 0
    """The sum of the four others; what is built is not among them."""
    read: int = 0
    """Targets of which this run read all that rules need."""
    unresolved: int = 0
    """Targets that have no reference to ask about."""
    unavailable: int = 0
    """Targets of which something that rules need was never read."""
    remembered: int = 0
    """Targets that are judged, at least in part, from what earlier runs read."""
    reasons: tuple[Remembered, ...] = ()
    """The remembered ones by reason."""
    built: int = 0
    """Names of no image that is pulled, by the word of another file: it is built here, or has
    another one in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a run needs to know of each image, and what became of its asking."""

    at: datetime
    documents: bool = False
    """True where manifests and configs are needed."""
    attestations: bool = False
    audited: Sequence[Platform] = ()
    failed: Mapping[Repository, Failure]
    """The failures of whole repositories; see `whole_failures`."""
    offline: bool = False


def whole_failures(failures: Sequence[Failure]) -> dict[Repository, Failure]:
    """Return the first failure of each repository that failed as a whole."""
    found: dict[Repository, Failure] = {}
    for failure in failures:
        if failure.tag is None and not failure.is_cut:
            found.setdefault(failure.repository, failure)
    return found
