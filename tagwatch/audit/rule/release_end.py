"""The end of life of what a target runs, by the bundled knowledge. Three rules share it."""

from __future__ import annotations

from datetime import date, datetime

from tagwatch.audit.model.evidence import is_readable
from tagwatch.audit.model.knowledge import Cycle, How, Product
from tagwatch.audit.rule.inside import Inside, inside
from tagwatch.audit.rule.interface import Subject
from tagwatch.audit.rule.phrase import midnight, name
from tagwatch.value import dataclass

__all__ = ["ReleaseEnd", "contents", "known_ends", "release_ends"]

_RENAMED = {"Vinyl Cache": "Varnish (now Vinyl Cache)"}
"""Products whose image keeps the name that they had: a reader knows that one."""
_OUTLIVES = 365
"""How many days a line with long support may outlive the line after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEnd:
    """The end of a release line that a target has inside."""

    product: Product
    cycle: Cycle
    """The version's release line; where it is of none that is known, the next one after it."""
    version: str
    ends: date | None
    """The last day of `cycle`; None where it is over since a day that is not known."""
    told: str
    """The end of a sentence that gives the day of the knowledge: `, by facts of 2026-11-01`."""
    how: How = How.EXACT
    is_main: bool = True
    """False for a runtime that the tag names beside the image's own product."""
    sure: bool = True
    """False for a guess: it gives a note at most."""

    @property
    def is_before(self) -> bool:
        """True where the version is of no known line and comes before `cycle`."""
        return self.how in (How.BEFORE, How.GAP)

    @property
    def over_at(self) -> datetime | None:
        """The first moment at which the version's line is over; None where that is not known."""
        if self.ends is None:
            return None
        return midnight(self.ends, _OUTLIVES if self.how is How.BEFORE else 1)

    def is_past(self, on: date) -> bool:
        """Return True where the line is over on that day."""
        return self.ends is None or self.ends < on

    @property
    def line(self) -> str:
        """The line that ends, as the middle of a sentence: `whose line 5.0`."""
        if self.is_before:
            return f"of a line before {self.cycle.name}, which"
        return f"whose {'last ' if self.how is How.FLOATING else ''}line {self.cycle.name}"

    @property
    def facts(self) -> dict[str, str]:
        """The facts that a finding carries."""
        return {
            "product": self.product.name,
            "cycle": self.cycle.name,
            "ends": self.ends.isoformat() if self.ends else "over",
            "version": self.version,
            **({} if self.sure else {"guess": "by the name"}),
        }

    def begin(self, subject: Subject) -> str:
        """Return what the target is, as the beginning of a sentence: `redis:5 is Redis 5`."""
        seems = "" if self.sure else ", by its name,"
        verb, end = ("is", "") if self.is_main else ("has", " inside")
        product = _RENAMED.get(self.product.name, self.product.name)
        return f"{name(subject.target)}{seems} {verb} {product} {self.version}{end}"


def contents(subject: Subject) -> tuple[Inside, ...]:
    """Return what the target has inside: by what was read, else by its text."""
    reference, evidence = subject.target.reference, subject.evidence
    if reference is None or subject.target.selector is not None:
        return ()
    resolution = evidence.resolution if evidence is not None and is_readable(evidence) else None
    return inside(reference, subject.knowledge, resolution)


def release_ends(subject: Subject) -> tuple[ReleaseEnd, ...]:
    """Return the ends of the target's release lines, whether to come or past, its own first.

    A line that is not known has an end only once it must be over.
    """
    return tuple(
        end
        for end in known_ends(subject)
        if not (end.is_before and end.over_at and subject.at < end.over_at)
    )


def known_ends(subject: Subject) -> tuple[ReleaseEnd, ...]:
    """Return what `release_ends` returns, but on whatever day: an old line's end may be to come."""
    as_of = subject.knowledge.as_of
    return tuple(
        ReleaseEnd(
            product=one.product,
            cycle=one.line.cycle,
            version=one.version,
            ends=one.line.cycle.ends,
            told=f", by facts of {as_of.isoformat()}" if as_of else "",
            how=one.line.how,
            is_main=one.is_main,
            sure=one.sure,
        )
        for one in contents(subject)
        if not one.is_system and (one.line.cycle.ends is not None or one.line.cycle.is_over)
    )
