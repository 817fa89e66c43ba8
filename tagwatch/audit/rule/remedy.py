"""What to write instead of a release that ends: lines that live on, held against the same facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from tagwatch.audit.model.knowledge import Cycle, Product
from tagwatch.audit.rule.interface import Offer, Subject
from tagwatch.audit.rule.offering import offer_tags
from tagwatch.audit.rule.phrase import first_after, midnight
from tagwatch.audit.rule.release_end import ReleaseEnd, known_ends, release_ends
from tagwatch.audit.version.successor import (
    LASTING_DAYS,
    LIVING_DAYS,
    living_system,
    successors,
    system_ends,
    tag_on,
)
from tagwatch.value import dataclass, field

__all__ = [
    "Remedy",
    "on_living_system",
    "over_again",
    "remedy_again",
    "remedy_of",
    "remedy_where_over",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """The advice of a finding about a line that ends."""

    text: str
    """What to do, as an order, where none of the offers passes."""
    offers: tuple[Offer, ...] = ()
    """Tags of the target's repository to move to; empty where none is known."""
    facts: dict[str, str] = field(default_factory=dict)
    """The lines to move to, for the finding's facts."""


def remedy_of(subject: Subject, end: ReleaseEnd) -> Remedy:
    """Return what to move to: the nearest line that lives on, and the newest long-term line.

    Each by a tag that is built, or that the registry has; else by the line's name. Where no known
    line lives long enough, it is said that only a newer release than all of them can.
    """
    on, product = subject.at.date(), end.product
    built = _built(subject) if end.is_main else ()
    found = successors(product, end.cycle, on, built=built, is_before=end.is_before)
    facts: dict[str, str] = {}
    verb, again = ("move to", "to") if end.is_main else ("use a build with", "with")
    told: list[str] = []
    offers: list[Offer] = []
    names = (("successor", found.lasting), ("long_term", found.long_term))
    for line in found.offered:
        tag = _tag_of(line, subject, product, built) if end.is_main else None
        until = _until(line, on)
        told.append(f"{again if told else verb} {product.name} {line.name}{until}")
        offers += offer_tags(subject.target, tag, text=f"{verb} {{}}{until}")
        for name, one in names:
            if one is line:
                facts |= {name: line.name, **({f"{name}_tag": tag} if tag else {})}
    if told:
        return Remedy(text=", or ".join(told), offers=tuple(offers), facts=facts)
    return _newer_than_known(subject, end, found.newest if found.nearest else None)


def _newer_than_known(subject: Subject, end: ReleaseEnd, last: Cycle | None) -> Remedy:
    """Return the advice where no known line lives long enough; `last`: one that lives still."""
    known = f"facts of {as_of.isoformat()}" if (as_of := subject.knowledge.as_of) else "the facts"
    tag = _unknown_offer(subject, end.product) if end.is_main else None
    text = f"move to {{}}, of a line that {known} do not know"
    highest = last or end.product.highest_beside(end.cycle)
    soon = f" ({last.name} ends on {last.ends.isoformat()})" if last and last.ends else ""
    return Remedy(
        text=f"move to a release newer than {highest.name}, which {known} do not know{soon}",
        offers=offer_tags(subject.target, tag, text=text),
    )


def remedy_again(subject: Subject, product: Product) -> datetime | None:
    """Return when the advice may differ: when a line of the product ends, or lives too short."""
    moments: list[datetime | None] = []
    for line in product.cycles:
        if line.ends is not None:
            days = (1, 1 - LIVING_DAYS, 1 - LASTING_DAYS)
            moments += [midnight(line.ends, number) for number in days]
        if isinstance(line.long_term, date):
            moments.append(midnight(line.long_term))
    reference = subject.target.reference
    for end in system_ends((reference.tag if reference else None) or "", subject.knowledge):
        moments += [midnight(end, 1), midnight(end, 1 - LIVING_DAYS)]
    return first_after(subject.at, *moments)


def remedy_where_over(subject: Subject) -> Remedy | None:
    """Return what to move to where the target's own line is over; None where it is not."""
    for end in release_ends(subject):
        if end.is_main and end.is_past(subject.at.date()):
            return remedy_of(subject, end)
    return None


def over_again(subject: Subject) -> datetime | None:
    """Return when a line will be over, or where one is, when the advice may differ."""
    moments = []
    for end in known_ends(subject):
        is_open = end.over_at is not None and subject.at < end.over_at
        moments.append(end.over_at if is_open else remedy_again(subject, end.product))
    return first_after(subject.at, *moments)


def on_living_system(subject: Subject, product: Product, line: Cycle) -> Remedy:
    """Return what to move to where only the system is over: the same tag on another one.

    Where no such tag is known, the system's own nearest line that lives on.
    """
    if (main := remedy_where_over(subject)) is not None:
        return main  # the same version on another system would be over as well
    reference, on = subject.target.reference, subject.at.date()
    assert reference is not None
    tag = living_system(reference.tag or "", subject.knowledge, on, _built(subject))
    found = successors(product, line, on).lasting
    system = f"{product.name} {found.name}{_until(found, on)}" if found else "a supported release"
    return Remedy(
        text=f"use a build of the same version on {system}",
        offers=offer_tags(subject.target, tag, text="move to {}"),
    )


def _built(subject: Subject) -> Sequence[str]:
    reference = subject.target.reference
    return subject.knowledge.built_tags(reference.repository) if reference else ()


def _tag_of(line: Cycle, subject: Subject, product: Product, built: Sequence[str]) -> str | None:
    """Return a tag of the line: one that is built, else one that the registry has."""
    reference, knowledge = subject.target.reference, subject.knowledge
    assert reference is not None
    if built and reference.tag:
        tag = tag_on(line, reference.tag, product, knowledge, subject.at.date(), built)
        if tag is not None:
            return tag
    return next((tag for tag in _offers(subject) if _line_of(tag, product) is line), None)


def _offers(subject: Subject) -> tuple[str, ...]:
    """Return the newer tags that the registry has, none of which is over."""
    if subject.evidence is None:
        return ()
    newer = subject.evidence.resolution.newer
    return tuple(tag for tag in (newer.minor, *newer.minors, newer.major) if tag)


def _unknown_offer(subject: Subject, product: Product) -> str | None:
    """Return a newer tag of a line that the facts do not know, so one that began after them."""
    return next((tag for tag in _offers(subject) if _line_of(tag, product) is None), None)


def _line_of(tag: str, product: Product) -> Cycle | None:
    return product.cycle_of(tag.partition("-")[0].lstrip("vV"))


def _until(line: Cycle, on: date) -> str:
    """Return how long a line lives, in brackets; empty where no end is announced."""
    until = f"until {line.ends.isoformat()}" if line.ends else ""
    words = ["long-term"] if line.is_long_term(on) else ["supported"] if until else []
    told = [*words, until] if words == ["long-term"] else [" ".join([*words, until])]
    text = ", ".join(one for one in told if one)
    return f" ({text})" if text else ""
