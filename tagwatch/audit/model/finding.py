"""Findings: a rule's statement about a target, with evidence and where possible an exact fix."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tagwatch.image.digest import sha256
from tagwatch.image.reference import Reference
from tagwatch.source.target import Location, Target
from tagwatch.source.text.edit import Fix
from tagwatch.value import dataclass, field

__all__ = ["Finding", "Fix", "Severity", "fingerprint"]


class Severity(StrEnum):
    """How bad: `error` and `warning` ask for action, `note` informs, `off` is not evaluated."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    OFF = "off"

    @property
    def rank(self) -> int:
        """3 for error down to 0 for off."""
        return ("off", "note", "warning", "error").index(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule says. `unknown` marks a verdict that could not be reached, with its reason in
    `message`; `evidence` holds short facts by name for reports and machine formats.
    """

    rule: str
    severity: Severity
    message: str
    location: Location
    fingerprint: str
    reference: Reference | None = None
    text: str = ""
    remedy: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)
    fix: Fix | None = None
    unknown: bool = False


def fingerprint(rule: str, target: Target, *, ordinal: int = 0, subject: str = "") -> str:
    """A name for a finding that stays when lines move, digests change or days pass.

    Made of rule, path, canonical name and tag without digest, stage or service, and ordinal.
    """
    reference = target.reference
    name = target.text
    if reference is not None:
        name = reference.repository.name + (f":{reference.tag}" if reference.tag else "")
    parts = (rule, target.location.path, name + subject, target.group or "", str(ordinal))
    raw = "\0".join(parts).encode(errors="surrogatepass")  # a file of odd bytes
    return sha256(raw)
