"""What rules offer to write instead: tags, or the builds that a tag served.

A rule names the candidates, the newest first, and looks at none of them: `audit.verdict.hand`
judges each by all rules, and the first that passes is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tagwatch.audit.model.evidence import Evidence, Newer
from tagwatch.audit.model.history import GONE, Change, Seen
from tagwatch.audit.rule.interface import Candidate, Offer
from tagwatch.audit.rule.phrase import served_now
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Reference
from tagwatch.source.target import Target

__all__ = [
    "BEHIND",
    "builds",
    "known_gone",
    "lower",
    "nearest",
    "offer_builds",
    "offer_homes",
    "offer_references",
]
__all__ += ["offer_tags", "offer_way_back"]

BEHIND = frozenset({"pin-untagged", "base-stale", "base-behind"})
"""Rules that say that an older build is older, which is what advice to go back is about."""


def offer_tags(
    target: Target, *tags: str | None, text: str = "write {}", writes: bool = False
) -> tuple[Offer, ...]:
    """Return the offer of the first of `tags` (None: no tag) that passes; empty without a tag."""
    assert target.reference is not None
    repository = target.reference.repository
    named = (Reference(repository=repository, tag=tag) for tag in tags if tag is not None)
    return offer_references(named, text=text, writes=writes)


def offer_references(
    references: Iterable[Reference], *, text: str = "write {}", writes: bool = False
) -> tuple[Offer, ...]:
    """Return the offer of the first of `references` that passes; empty without any."""
    candidates = tuple(Candidate(reference=one) for one in dict.fromkeys(references))
    return (Offer(candidates=candidates, text=text, writes=writes),) if candidates else ()


def offer_builds(
    target: Target,
    tag: str | None,
    digests: Iterable[str],
    *,
    text: str = "write {}",
    writes: bool = False,
    concrete: str | None = None,
    despite: frozenset[str] = frozenset(),
) -> tuple[Offer, ...]:
    """Return the offer of the first of `digests` that passes, beside `tag`; empty without any.

    `concrete` is the full tag behind the first of them.
    """
    assert target.reference is not None
    repository = target.reference.repository
    candidates = tuple(
        Candidate(
            reference=Reference(repository=repository, tag=tag, digest=Digest(digest)),
            concrete=None if place else concrete,
        )
        for place, digest in enumerate(dict.fromkeys(digests))
    )
    if not candidates:
        return ()
    return (Offer(candidates=candidates, text=text, writes=writes, despite=despite),)


def offer_way_back(
    target: Target, change: Change, evidence: Evidence, text: str
) -> tuple[Offer, ...]:
    """Return the offer of the newest build before a move that passes; empty for an older pin."""
    own, past = target.reference, evidence.history
    assert own is not None
    if own.digest not in (None, change.after):
        return ()
    moved = max((place for place, one in enumerate(past) if one.digest == change.after), default=0)
    older = (one.digest for one in reversed(past[:moved]) if one.kind is not Seen.COMMITTED)
    gone = known_gone(evidence)
    digests = [one for one in (change.before, *older) if one != change.after and one not in gone]
    return offer_builds(target, own.effective_tag, digests, text=text, despite=BEHIND)


def offer_homes(evidence: Evidence) -> tuple[Offer, ...]:
    """Return the offer of a tag, of any repository, that serves the image that is gone here."""
    return offer_references(evidence.elsewhere, text="the same digest lives in {}")


def builds(evidence: Evidence, *, after: str | None = None) -> Iterator[str]:
    """Yield the digests that the tag serves and served, the newest first.

    `after`: only what came later than this digest was served last. Nothing where the tag is gone,
    and no build that was gone when the tag left it; a publisher's commits name no digest.
    """
    if served_now(evidence) is None:
        return
    gone = known_gone(evidence)
    for one in reversed(evidence.history):
        if one.digest == after:
            return
        if one.kind is not Seen.COMMITTED and one.digest not in gone:
            yield one.digest


def known_gone(evidence: Evidence) -> frozenset[str]:
    """Return the build of which it was said, when the tag left it, that nobody can pull it."""
    change = evidence.change
    return frozenset({change.before} if change is not None and change.reason == GONE else ())


def nearest(newer: Newer) -> tuple[str | None, ...]:
    """Return the newer tags, the nearest first: the patch series, the major version, beyond."""
    return newer.patch, newer.minor, newer.major


def lower(newer: Newer, step: str) -> tuple[str, ...]:
    """Return the newest tag of a step (`patch`, `minor`, `major`) and those below it, if any."""
    first, below = {
        "patch": (newer.patch, newer.patches),
        "minor": (newer.minor, newer.minors),
        "major": (newer.major, newer.majors),
    }[step]
    return (first, *below) if first is not None else ()
