"""The end of life of what a target runs, by the bundled facts: shared by two rules."""

from __future__ import annotations

from datetime import date

from tagwatch.audit.knowledge import Cycle, Product
from tagwatch.audit.rule.interface import Subject
from tagwatch.value import dataclass

__all__ = ["ReleaseEnd", "release_end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEnd:
    """A release line that ends or is over, of which product, and on which version's word.

    `ends` None: it is over since a day that is not known. `told`: of which day the facts are.
    """

    product: Product
    cycle: Cycle
    version: str
    ends: date | None
    told: str

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
    """When the support of the target's release line ends; None where that is not known."""
    target, evidence, knowledge = subject.target, subject.evidence, subject.knowledge
    if evidence is None or target.reference is None or target.selector is not None:
        return None
    product = knowledge.product_of(target.reference.repository)
    version = evidence.resolution.version
    cycle = product.cycle_of(version) if product is not None and version is not None else None
    if product is None or version is None or cycle is None:
        return None
    if cycle.ends is None and not cycle.is_over:
        return None
    as_of = f", by facts of {knowledge.as_of.isoformat()}" if knowledge.as_of else ""
    return ReleaseEnd(product=product, cycle=cycle, version=version, ends=cycle.ends, told=as_of)
