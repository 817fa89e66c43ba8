"""The repository that an image comes from has ended: moved, renamed, frozen, deleted or given up.

It is told from the name alone, so nothing need be read for it, and copies on mirrors count as what
they are copies of. A repository that was deleted is told as gone whatever its registry answers:
Docker Hub asks anonymous users for a login then. What no source was read for is a note.

Example: `FROM openjdk:17`: "openjdk:17 comes from a repository that ended on 2022-07-31: its tags
are not built any more".

Risk: nothing in it is mended any more; one day it cannot be pulled.
Remedy: use the image that took its place.
Source: the publishers' announcements, of which the finding names the one that was read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.knowledge import Retirement
from tagwatch.audit.rule.interface import Offer, Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import offer_references
from tagwatch.audit.rule.phrase import name
from tagwatch.errors import TagwatchError
from tagwatch.image.reference import Reference

__all__ = ["RULE", "check"]

_SAID = {
    "ended": "comes from a repository that ended {when}: its tags are not built any more",
    "moved": "comes from a repository that moved {when}: its tags are not built here any more",
    "renamed": "comes from a repository that was renamed {when}: "
    "its tags are not built under this name any more",
    "frozen": "comes from a repository that is frozen {when}: "
    "its tags can be pulled, and are never built again",
    "deleted": "comes from a repository that was deleted {when}: it cannot be pulled any more, "
    "whoever logs in",
}
_TOLD = 3
"""How many images to use instead are named."""


def check(subject: Subject) -> Iterator[Statement]:
    """Report a tag of a repository that has ended."""
    end = _end(subject)
    if end is None or subject.at < _begins(end.since):
        return
    is_deleted = end.kind == "deleted"
    severity = Severity.ERROR if is_deleted else None
    since = "since" if end.kind == "frozen" else "on" if len(end.since) > 7 else "in"
    yield Statement(
        message=f"{name(subject.target)} "
        + _SAID[end.kind].format(when=f"{since} {end.since}")
        + ("" if end.sure else ", as far as we know"),
        remedy=_in_words(end),
        offers=_offers(end),
        severity=severity if end.sure else Severity.NOTE,
        subject=end.kind,
        evidence={
            "kind": end.kind,
            "since": end.since,
            "use": ", ".join(end.to),
            "source": end.source,
            **({"note": end.note} if end.note else {}),
        },
    )


def again(subject: Subject) -> datetime | None:
    """Return when a repository's end comes that is known before; None where it came."""
    end = _end(subject)
    return _begins(end.since) if end is not None and subject.at < _begins(end.since) else None


def _end(subject: Subject) -> Retirement | None:
    reference = subject.target.reference
    if reference is None:
        return None
    tag = subject.target.selector or reference.effective_tag
    return subject.knowledge.retirement_of(reference.repository, tag)


def _begins(since: str) -> datetime:
    """Return the first moment of a day, month or year."""
    year, month, day = (*map(int, since.split("-")), 1, 1)[:3]
    return datetime(year, month, day, tzinfo=UTC)


def _offers(end: Retirement) -> tuple[Offer, ...]:
    """Return the offers of images to use instead: each repository alone, whatever its tags are."""
    found: list[Offer] = []
    for one in end.to[:_TOLD]:
        image, space, remark = one.partition(" ")
        if (reference := _image(image)) is not None:
            found += offer_references([reference], text=f"use {{}}{space}{remark}")
    return tuple(found)


def _in_words(end: Retirement) -> str:
    """Return the advice where no image can be named."""
    told = [one for one in end.to[:_TOLD] if _image(one.partition(" ")[0]) is None]
    if told:
        return f"use {', or '.join(told)}"
    return "choose another image"


def _image(text: str) -> Reference | None:
    """Return the image of a name with a registry in it; None for words."""
    if "/" not in text:
        return None
    try:
        return Reference.parse(text)
    except TagwatchError:
        return None


RULE = Rule(
    **row("image-retired"),
    title="image that has ended",
    check=check,
    again=again,
)
