"""What a range of commits does to images, as answers tell it.

`walk/pull_request.py` makes these values, `publish/pull_request.py` tells them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tagwatch.audit.model.evidence import Resolution
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.model.history import Change
from tagwatch.audit.verdict.line_change import Kind
from tagwatch.image.reference import Reference
from tagwatch.image.snapshot import Failure
from tagwatch.source.target import Location, Problem
from tagwatch.value import dataclass

__all__ = ["Age", "ImageChange", "PullRequest", "Side"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How old an image is, and how old it has to be."""

    since: datetime
    clock: str
    """What `since` is the time of: `pushed`, `first seen` or `first listed`."""
    is_known: bool
    """False where it may have been there before, as far as anybody knows."""
    cooldown: timedelta

    def is_young(self, at: datetime) -> bool:
        """Return True where it is known to be younger than it has to be."""
        return self.is_known and at - self.since < self.cooldown


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """An image before or after the change."""

    text: str
    """As the line has it, or shorter: see `Reference.brief`."""
    reference: Reference | None = None
    resolution: Resolution | None = None
    """None where nothing is known of it."""
    built_at: datetime | None = None
    """By its publisher's word."""
    source: str = ""
    """Where its code is, by the image's own word; anybody may have written it."""
    revision: str = ""
    """The commit of that, by the same word."""
    why: str = ""
    """Why nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChange:
    """One step from an image to another, with every place that takes it."""

    kind: Kind
    step: str
    """`patch`, `minor`, `major`, `back`; empty where the tags stand in no order."""
    old: Side | None
    new: Side | None
    places: tuple[Location, ...]
    age: Age | None = None
    """Of the image after; None where nothing tells."""
    change: Change | None = None
    """What differs between the two images, with the verdict."""
    why: str = ""
    """Why the two were not compared."""
    findings: tuple[Finding, ...] = ()
    """What is said of the line after, and was not said before."""
    places_of_old: tuple[Location, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """All that a range of commits does to images."""

    at: datetime
    named: str
    """The range as somebody wrote it."""
    base: str
    """The commit where the head left the base."""
    head: str
    """The commit of the head."""
    changes: tuple[ImageChange, ...] = ()
    failures: tuple[Failure, ...] = ()
    problems: tuple[Problem, ...] = ()
    """What could not be read of the files after the change."""
    complete: bool = True

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding that the change brings."""
        return tuple(finding for one in self.changes for finding in one.findings)
