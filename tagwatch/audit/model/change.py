"""Why a tag moved: one verdict a change, from manifests and configs alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from tagwatch.image.digest import Digest
from tagwatch.value import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
else:
    Any = object  # of fields, at run time

__all__ = ["Change", "Verdict"]


class Verdict(StrEnum):
    """How a tag came from one digest to another."""

    IDENTICAL = "identical"
    RECOMPRESSED = "recompressed"
    METADATA_ONLY = "metadata-only"
    ATTESTATION_ONLY = "attestation-only"
    PLATFORMS_CHANGED = "platforms-changed"
    REBUILT = "rebuilt"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    REPLACED = "replaced"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A tag's step from one digest to another. `reason` explains the verdict in one sentence.

    `diff` is the JSON form of `diff.ImageDiff` (facts of `tagwatch diff`), empty where unreadable.
    """

    tag: str
    before: Digest
    after: Digest
    at: datetime
    verdict: Verdict
    reason: str = ""
    version_before: str | None = None
    version_after: str | None = None
    diff: Mapping[str, Any] = field(default_factory=dict)
