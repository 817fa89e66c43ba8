"""Why a tag moved: one verdict a change, from manifests and configs alone."""

from __future__ import annotations

from datetime import datetime

from tagwatch.audit.model.diff import ImageDiff, Verdict
from tagwatch.image.digest import Digest
from tagwatch.value import dataclass

__all__ = ["Change", "Verdict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A tag's step from one digest to another. `reason` explains the verdict in one sentence."""

    tag: str
    before: Digest
    after: Digest
    at: datetime
    verdict: Verdict
    reason: str = ""
    version_before: str | None = None
    version_after: str | None = None
    diff: ImageDiff | None = None
    """None: nobody told it."""
