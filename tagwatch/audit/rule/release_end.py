"""The end of life of what a target runs, by the bundled knowledge. Two rules share it."""

from __future__ import annotations

from datetime import date, datetime

from tagwatch.audit.model.evidence import Resolution
from tagwatch.audit.model.knowledge import Cycle, How, Product
from tagwatch.audit.rule.interface import Subject
from tagwatch.audit.rule.phrase import midnight
from tagwatch.value import dataclass

__all__ = ["ReleaseEnd", "known_end", "release_end"]

_OUTLIVES = 365
"""How many days a line with long support may outlive the line after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEnd:
    """The end of the release line that a target's version is of."""

    product: Product
    cycle: Cycle
    """The version's release line; where `is_before`, the first line after it that is known."""
    version: str
    ends: date | None
    """The last day of `cycle`; None where it is over since a day that is not known."""
    told: str
    """The end of a sentence that gives the day of the knowledge: `, by facts of 2026-11-01`."""
    is_before: bool = False
    """True where the version is older than every release line that the knowledge names."""

    @property
    def over_at(self) -> datetime | None:
        """The first moment at which the version's line is over; None where that is not known."""
        if self.ends is None:
            return None
        return midnight(self.ends, _OUTLIVES if self.is_before else 1)

    @property
    def line(self) -> str:
        """The line that ends, as the middle of a sentence: `whose line 5.0`."""
        before = "of a line before" if self.is_before else "whose line"
        return f"{before} {self.cycle.name}{', which' if self.is_before else ''}"

    @property
    def facts(self) -> dict[str, str]:
        """The facts that a finding carries."""
        return {
            "product": self.product.name,
            "cycle": self.cycle.name,
            "ends": self.ends.isoformat() if self.ends else "over",
            "version": self.version,
        }


def release_end(subject: Subject) -> ReleaseEnd | None:
    """Return the end of the target's release line, whether to come or past; None if not known.

    A line older than all that are known has an end only once it must be over.
    """
    end = known_end(subject)
    is_open = end is not None and end.is_before and end.over_at and subject.at < end.over_at
    return None if is_open else end


def known_end(subject: Subject) -> ReleaseEnd | None:
    """Return what `release_end` returns, but on whatever day: an old line's end may be to come."""
    target, evidence, knowledge = subject.target, subject.evidence, subject.knowledge
    if evidence is None or target.reference is None or target.selector is not None:
        return None
    product = knowledge.product_of(target.reference.repository)
    version = evidence.resolution.version
    if product is None or version is None:
        return None
    line = None if _is_of_another_product(evidence.resolution) else product.line_of(version)
    if line is None or (line.cycle.ends is None and not line.cycle.is_over):
        return None
    cycle, is_before = line.cycle, line.how is How.BEFORE
    as_of = f", by facts of {knowledge.as_of.isoformat()}" if knowledge.as_of else ""
    return ReleaseEnd(
        product=product,
        cycle=cycle,
        version=version,
        ends=cycle.ends,
        told=as_of,
        is_before=is_before,
    )


def _is_of_another_product(resolution: Resolution) -> bool:
    """Return True for `wordpress:cli-2.12.0`: its version is not that of the image's product."""
    from tagwatch.image.tag import parse_tag  # few checks come here

    return resolution.tag is not None and bool(parse_tag(resolution.tag).product)
