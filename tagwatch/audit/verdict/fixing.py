"""What `--fix` would write, by strategy: an offer for each place, which `verdict.hand` judges.

It is pure. An offer may rest on what a tag beside a digest serves now; what is not known of that is
noted by the hand, and a walk looks it up.
"""

from __future__ import annotations

from enum import StrEnum

from tagwatch.audit.fact.resolving import may_have_served
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.rule.interface import Candidate, Offer
from tagwatch.audit.rule.offering import builds, lower, offer_builds, offer_tags
from tagwatch.audit.rule.phrase import WATCH
from tagwatch.audit.verdict.hand import AT_ONCE, Hand
from tagwatch.audit.verdict.mending import comment_of, says_more
from tagwatch.errors import UsageError
from tagwatch.image.reference import Reference
from tagwatch.image.tag import parse_tag
from tagwatch.source.target import Target

__all__ = ["Strategy", "is_fixable", "offers_of", "strategy_of"]


class Strategy(StrEnum):
    """A choice of which fixes to make."""

    FINDINGS = "findings"
    """Make the fixes that findings offer, the worst finding's first."""
    PIN = "pin"
    """Write every reference as `tag@digest`, and renew a digest whose tag moved."""
    PATCH = "bump:patch"
    """Replace every tag by the newest of its patch series that passes."""
    MINOR = "bump:minor"
    """Replace every tag by the newest of its major version that passes."""


def strategy_of(named: Strategy | str) -> Strategy:
    """Return the strategy of that name. Raises `UsageError`."""
    try:
        return Strategy(named)
    except ValueError as error:
        raise UsageError(
            f"no such strategy: {named!r}", hint=f"one of {', '.join(Strategy)}"
        ) from error


def is_fixable(target: Target) -> bool:
    """Return True for a target that is pulled as its file writes it."""
    reference = target.reference
    if reference is None or target.kind == WATCH or "built" in target.facts:
        return False
    # a kustomization without tag and digest: the manifest that it transforms has the tag
    return target.kind != "kustomize" or bool(reference.tag or reference.digest)


def offers_of(strategy: Strategy, target: Target, found: Evidence, hand: Hand) -> tuple[Offer, ...]:
    """Return what the strategy would write instead; none for `FINDINGS`, whose rules offer it."""
    if strategy is Strategy.FINDINGS or not is_fixable(target):
        return ()
    if strategy is Strategy.PIN:
        return _pins(target, found, hand)
    return _bumps(target, found, strategy, hand)


def _pins(target: Target, found: Evidence, hand: Hand) -> tuple[Offer, ...]:
    assert target.reference is not None
    reference, resolution = target.reference, found.resolution
    if reference.digest is not None:
        return _renewals(target, found, hand)
    if resolution.digest is None:
        return ()
    stands = reference.tag is not None and reference.tag in resolution.aliases
    tag = reference.tag if stands else resolution.tag or reference.effective_tag
    older = builds(found) if stands else ()
    digests = (resolution.digest, *older)
    return offer_builds(target, tag, digests, concrete=resolution.tag, writes=True)


def _renewals(target: Target, found: Evidence, hand: Hand) -> tuple[Offer, ...]:
    """Return the offer to replace a pinned digest by a newer one of its tag.

    None where the tag never served the pinned digest: either of the two may be meant.
    """
    assert target.reference is not None
    tag, pinned = target.reference.tag or comment_of(target), target.reference.digest
    if tag is None or not _may_belong(tag, target, found):
        return ()
    known = hand.known(tag, target)
    past = known if known is not None and known.history else found
    now = known.resolution.digest if known else None
    digests = (*((now,) if now else ()), *builds(past, after=pinned))
    if not digests or pinned in digests[:1]:
        return ()
    concrete = known.resolution.tag if known and says_more(target) else tag
    newer = (one for one in digests if one != pinned)
    return offer_builds(target, tag, newer, concrete=concrete, writes=True)


def _may_belong(tag: str, target: Target, found: Evidence) -> bool:
    """Return False where what is known of the digest shows that `tag` never served it."""
    if found.pin is None:
        return True
    if target.reference is not None and target.reference.tag is not None:
        return found.pin.served_by_tag is not False
    served = map(parse_tag, found.pin.tags or found.resolution.aliases)
    return tag in (found.pin.tags or ()) or may_have_served(parse_tag(tag), served)


def _bumps(target: Target, found: Evidence, strategy: Strategy, hand: Hand) -> tuple[Offer, ...]:
    assert target.reference is not None
    reference, newer = target.reference, found.resolution.newer
    tags = lower(newer, "patch")
    if strategy is Strategy.MINOR:
        tags = (*lower(newer, "minor"), *tags)
    if reference.digest is None:
        return offer_tags(target, *tags, writes=True)
    candidates: list[Candidate] = []
    unknown = 0
    for tag in dict.fromkeys(tags):
        known = hand.known(tag, target, wants=unknown < AT_ONCE)
        unknown += known is None
        if known is not None and known.resolution.digest is not None:
            beside = Reference(
                repository=reference.repository, tag=tag, digest=known.resolution.digest
            )
            candidates.append(Candidate(reference=beside, concrete=tag))
    return (Offer(candidates=tuple(candidates), writes=True),) if candidates else ()
