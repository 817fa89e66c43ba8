"""The end of life of what a target runs, by the bundled facts: shared by two rules."""

from __future__ import annotations

from datetime import date, datetime

from tagwatch.audit.model.evidence import Resolution
from tagwatch.audit.model.knowledge import Cycle, Product
from tagwatch.audit.rule.interface import Subject
from tagwatch.audit.rule.phrase import midnight
from tagwatch.value import dataclass

__all__ = ["ReleaseEnd", "known_end", "release_end"]

_OUTLIVES = 365
"""So many days longer than the line after it a line with long support may live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEnd:
    """A release line that ends or is over, of which product, and on which version's word.

    `ends` None: it is over since a day that is not known. `is_before`: the version is of a line
    before the one that is told, so old that no facts name it. `told`: of which day the facts are.
    """

    product: Product
    cycle: Cycle
    version: str
    ends: date | None
    told: str
    is_before: bool = False

    @property
    def over_at(self) -> datetime | None:
        """The first moment at which it is over; None where that is not known."""
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
        """What a finding carries."""
        return {
            "product": self.product.name,
            "cycle": self.cycle.name,
            "ends": self.ends.isoformat() if self.ends else "over",
            "version": self.version,
        }


def release_end(subject: Subject) -> ReleaseEnd | None:
    """When the support of the target's release line ends; None where that is not known.

    Of a line before all that are known, that is said only when it must be over.
    """
    end = known_end(subject)
    is_open = end is not None and end.is_before and end.over_at and subject.at < end.over_at
    return None if is_open else end


def known_end(subject: Subject) -> ReleaseEnd | None:
    """See `release_end`; whatever day it is."""
    target, evidence, knowledge = subject.target, subject.evidence, subject.knowledge
    if evidence is None or target.reference is None or target.selector is not None:
        return None
    product = knowledge.product_of(target.reference.repository)
    version = evidence.resolution.version
    if product is None or version is None:
        return None
    cycle, is_before = product.cycle_of(version), False
    if cycle is None and not _is_of_another_product(evidence.resolution):
        cycle, is_before = product.cycle_after(version), True
    if cycle is None or (cycle.ends is None and not cycle.is_over):
        return None
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
    """True for `wordpress:cli-2.12.0`: what it counts is not what the image is named after."""
    from tagwatch.image.tag import parse_tag  # few checks come here

    return resolution.tag is not None and bool(parse_tag(resolution.tag).product)
