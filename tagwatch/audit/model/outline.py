"""What a list of images says of the evidence of each."""

from __future__ import annotations

from datetime import datetime

from tagwatch.audit.model.evidence import Resolution
from tagwatch.value import dataclass

__all__ = ["Outline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """Three fields of `Evidence`: to read no more of a stored text takes a fifth of the whole."""

    resolution: Resolution
    at: datetime | None = None
    origin: str = ""
