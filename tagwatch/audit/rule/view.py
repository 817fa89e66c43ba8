"""What is known of a candidate, where it was not read: what its tag tells, now and before.

A digest's evidence is that of its tag at the time when that served it. So rules judge the image,
and not what became of the tag later.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.evidence import Evidence, Pin, Resolution, Status
from tagwatch.audit.model.history import Change, Interval, Seen
from tagwatch.audit.rule.phrase import served_now
from tagwatch.image.reference import Reference
from tagwatch.value import dataclass, replace

__all__ = ["View", "as_pin", "listing", "told_by", "views"]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known of a candidate, now or at an earlier move of its tag."""

    evidence: Evidence | None
    is_alias: bool = False
    """True where the evidence is that of another tag of the same image."""
    is_past: bool = False
    """True for a move before the one that brought the candidate: only rules about moves speak."""
    is_listing: bool = False
    """True where only its name is known, and since when: only rules about the past speak."""


def views(
    facts: Evidence | None,
    reference: Reference,
    standing: Evidence | None,
    pulled: str | None,
    *,
    goes_back: bool,
) -> Iterator[View]:
    """Yield what is known of a candidate: today, when its tag began to serve it, and on the way.

    `standing` and `pulled` are the evidence of what stands and the digest that it pulls.
    `goes_back`: what its tag does today says nothing of it.
    """
    if facts is None:
        yield View(evidence=None)
        return
    if facts.resolution.digest == pulled is not None and standing is not None:
        # the same image by another name: what its tag went through counts as well
        told = told_by(standing, reference)
        if told is not None:
            yield View(evidence=told, is_alias=True)
    history = facts.history
    place = _last(history, reference.digest) if reference.digest else len(history) - 1
    if place is None or place < 0:
        yield View(evidence=facts)
        return
    if place < len(history) - 1:
        change = _step(facts, place)
        then = replace(facts, history=history[: place + 1], change=change, gone_since=None)
        yield View(evidence=then)
    if not goes_back or place == len(history) - 1:
        yield View(evidence=facts)
    before = _last(history, pulled)
    start = 0 if before is None or before >= place else before
    for step in range(start + 1, place):
        if (change := _step(facts, step)) is not None:
            then = replace(facts, history=history[: step + 1], change=change)
            yield View(evidence=then, is_past=True)


def listing(told: Evidence, reference: Reference) -> View | None:
    """Return what the evidence of a reference tells of a new tag that nobody has asked for yet.

    None where it does not tell since when that is there.
    """
    if reference.digest is not None or reference.tag not in told.new_tags:
        return None
    resolution = Resolution(
        input=str(reference), status=Status.NO_VERSION, reference=reference, tag=reference.tag
    )
    evidence = Evidence(
        key=reference.canonical,
        resolution=resolution,
        at=told.at,
        source=told.source,
        origin=told.origin,
        known_since=told.known_since,
        new_tags=told.new_tags,
        documents_asked=False,
    )
    return View(evidence=evidence, is_listing=True)


def _last(history: tuple[Interval, ...], digest: str | None) -> int | None:
    """Return the place of the last interval that served `digest`."""
    return next((i for i in range(len(history) - 1, -1, -1) if history[i].digest == digest), None)


def _step(facts: Evidence, place: int) -> Change | None:
    """Return the move that began an interval, as far as it is known."""
    history = facts.history
    now = history[place]
    stored = [
        one for one in facts.changes_before if (one.at, one.after) == (now.first_seen, now.digest)
    ]
    if stored:
        return stored[0]
    before = history[place - 1] if place else None
    if before is None or now.verdict is None or Seen.COMMITTED in (now.kind, before.kind):
        return None
    from tagwatch.audit.model.diff import Verdict  # few candidates have moves behind them

    return Change(
        tag=now.tag,
        before=before.digest,
        after=now.digest,
        at=now.first_seen,
        verdict=Verdict(now.verdict),
        version_before=before.version,
        version_after=now.version,
    )


def as_pin(facts: Evidence, reference: Reference) -> Evidence:
    """Return the evidence of a tag as that of the tag and the digest that it serves."""
    tags = facts.resolution.aliases or ((reference.tag,) if reference.tag else ())
    pin = Pin(exists=True, served_by_tag=True, tags=tags, platform_only=False)
    return replace(facts, key=reference.canonical, pin=pin)


def told_by(told: Evidence, reference: Reference) -> Evidence | None:
    """Return what the evidence of a reference tells of another one of its repository.

    Of another tag that serves the same image, that it does; of a digest that the tag serves or
    served, when that was. None where it tells nothing.
    """
    tag, digest = reference.tag, reference.digest
    resolution = told.resolution
    if digest in (None, resolution.digest) and tag in (resolution.tag, *resolution.aliases):
        same = replace(told, key=reference.canonical, pin=None)
        return same if digest is None else as_pin(same, reference)
    place = _last(told.history, digest)
    if digest is None or place is None or told.history[place].tag != tag:
        return None
    interval = told.history[place]
    is_now = digest == served_now(told)
    return Evidence(
        key=reference.canonical,
        resolution=Resolution(
            input=str(reference),
            status=Status.RESOLVED if interval.version else Status.NO_VERSION,
            reference=reference,
            version=interval.version,
            digest=digest,
        ),
        at=told.at,
        source=told.source,
        origin=told.origin,
        history=told.history,
        moves=told.moves,
        first_seen=told.first_seen,
        known_since=told.known_since,
        new_tags=told.new_tags,
        change=told.change,
        changes_before=told.changes_before,
        gone_since=told.gone_since,
        lifecycle=told.lifecycle,
        documents_asked=False,
        pin=Pin(
            exists=True if is_now else None,
            served_by_tag=True,
            tags=(interval.tag,) if is_now else None,
            platform_only=False,
        ),
    )
