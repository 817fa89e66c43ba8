"""Phrases that rules share: what an image is now, what to write instead, which day it was.

Also the moments at which such phrases stop being true: a rule that counts days says when its answer
may differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from tagwatch.audit.model.evidence import Evidence, Status
from tagwatch.audit.model.history import Seen
from tagwatch.audit.rule.interface import Subject
from tagwatch.image.digest import short_digest
from tagwatch.image.reference import DOCKER_HUB, Reference
from tagwatch.source.target import Target

__all__ = ["ENOUGH", "WATCH", "day", "days", "facts", "first_after", "instead", "later", "listed"]
__all__ += [
    "OWN_REMEDY",
    "instead_of_gone",
    "may_be_pulled",
    "midnight",
    "name",
    "now",
    "now_again",
    "published_here",
    "served_now",
]

ENOUGH = "old enough from"
"""The words after which a statement says until when an image is too young."""
WATCH = "watch"
"""The kind of a target that is an entry of the watch list: it has no text that a fix could edit."""

OWN_REMEDY = "published here ({}): let a release write its version, where others copy this"
"""What to do about `latest` of an image that the repository publishes, by which of its files."""
_LISTED = 5
"""How many items a message lists before it only counts the rest."""


def name(target: Target) -> str:
    """Return the reference in brief, or the text as written where it is not resolved."""
    return target.text if target.reference is None else target.reference.brief


def may_be_pulled(subject: Subject) -> bool:
    """Return False for a name under which nothing can be pulled, as far as that is known.

    Its repository was deleted, which `image-retired` says, or it has Docker Hub's official form and
    is none: it was built here under that name, and a registry that was asked did not know better.
    """
    reference, knowledge = subject.target.reference, subject.knowledge
    if reference is None or knowledge.deletion_of(reference.repository) is not None:
        return False
    repository = reference.repository
    owner, _, own = repository.path.rpartition("/")
    if repository.registry != DOCKER_HUB or owner != "library" or not knowledge.official:
        return True
    if own in knowledge.official or repository.name in knowledge.retired:
        return True
    status = subject.evidence.resolution.status if subject.evidence is not None else None
    return status is not None and status not in (Status.NOT_FOUND, Status.UNAVAILABLE)


def published_here(target: Target) -> str:
    """Return the file of this repository that publishes the target; empty where none does."""
    return target.facts.get("published_by", "")


def now(subject: Subject) -> str:
    """Return what the target is now, as the end of a sentence; empty where that is not known.

    `6.2.24 today (sha256:0123456789ab)`, or the digest, and that no version of it can be named.
    """
    evidence = subject.evidence
    if evidence is None or evidence.resolution.digest is None:
        return ""
    resolution = evidence.resolution
    read_at = evidence.at or subject.at
    when = "today" if read_at.date() == subject.at.date() else f"as of {day(read_at)}"
    digest = short_digest(evidence.resolution.digest)
    what = resolution.name if resolution.status is Status.RESOLVED else None
    if what is None:
        return f"{digest} {when}, and no version of it can be named"
    return f"{what} {when} ({digest})"


def now_again(subject: Subject) -> datetime | None:
    """Return when `now` will differ: at the midnights that begin and end the day of the reading."""
    read_at = subject.evidence.at if subject.evidence is not None else None
    if read_at is None:
        return None
    return first_after(subject.at, midnight(read_at.date()), midnight(read_at.date(), 1))


def facts(evidence: Evidence | None) -> dict[str, str]:
    """Return the facts that a finding about a tag carries for reports and machine formats."""
    if evidence is None:
        return {}
    resolution = evidence.resolution
    found = {
        "tag": resolution.tag,
        "version": resolution.version,
        "digest": resolution.digest,
        "basis": resolution.basis.value if resolution.digest else None,
        "read_at": evidence.at.isoformat().replace("+00:00", "Z") if evidence.at else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def instead(target: Target, tag: str | None, digest: str | None = None) -> str:
    """Return the reference to write instead, in the registry and repository of `target`.

    A digest stands alone where what reads the file takes no tag beside it.
    """
    assert target.reference is not None
    repository = target.reference.repository
    text = str(
        Reference(repository=repository, tag=None if digest and target.tag_or_digest else tag)
    )
    return f"{text}@{digest}" if digest else text


def instead_of_gone(subject: Subject) -> Iterator[Reference]:
    """Yield what to write instead of a tag that does not exist, the best first.

    Of one that was there the newest of its line comes first, of one that never was the tag that is
    typed alike.
    """
    target, evidence = subject.target, subject.evidence
    assert target.reference is not None
    assert evidence is not None
    repository, resolution = target.reference.repository, evidence.resolution
    newer = resolution.newer
    was_there = evidence.gone_since is not None
    later = [tag for tag in (newer.patch, newer.minor, newer.major) if tag]
    tags = [*later, *resolution.nearest] if was_there else [*resolution.nearest, *later]
    yield from (Reference(repository=repository, tag=tag) for tag in dict.fromkeys(tags))


def served_now(evidence: Evidence) -> str | None:
    """Return the digest that the reference's tag serves now, whatever digest is written beside it.

    None where the tag is gone, or where only a publisher's commits tell of it: they name no digest
    of a registry.
    """
    last = evidence.history[-1] if evidence.history else None
    if last is None or last.ended or last.kind is Seen.COMMITTED:
        return None
    return last.digest


def day(at: datetime) -> str:
    """Return the UTC day, `2026-05-02`."""
    return at.date().isoformat()


def days(since: datetime, at: datetime) -> int:
    """Return the whole days between two moments, never less than 0."""
    return max(0, (at - since).days)


def later(since: datetime, days: int = 0, span: timedelta = timedelta(0)) -> datetime | None:
    """Return the moment `days` and `span` after `since`; None outside the years a date can have."""
    try:
        return since + timedelta(days=days) + span
    except OverflowError:
        return None


def midnight(on: date, days: int = 0) -> datetime | None:
    """Return the UTC midnight at which the day `days` after `on` begins; None as for `later`."""
    return later(datetime.combine(on, time(), UTC), days)


def first_after(at: datetime, *moments: datetime | None) -> datetime | None:
    """Return the first of `moments` that is after `at`; None where none is."""
    return min((one for one in moments if one is not None and one > at), default=None)


def listed(items: tuple[str, ...]) -> str:
    """Return the first five of `items`, and how many more there are."""
    shown = ", ".join(items[:_LISTED])
    more = len(items) - _LISTED
    return f"{shown} and {more} more" if more > 0 else shown
