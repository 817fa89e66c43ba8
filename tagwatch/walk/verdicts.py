"""Verdicts of moves: each move that has none in the ledger gets one.

It is stored where no later run could say more. A verdict that is unknown only because an image
was not read (its registry failed, the pull limit was spent, nobody asked for it) is told and not
stored.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.change.verdict import ChangeContext, explain_change
from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Change, seen_serving
from tagwatch.audit.reading.image import Image, read_image
from tagwatch.audit.reading.stated_version import says_more
from tagwatch.audit.verdict.result import RepositoryChange
from tagwatch.audit.version.resolve import resolve_tag
from tagwatch.image.digest import Digest
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference
from tagwatch.ledger.record import Move
from tagwatch.ledger.write import Ledger
from tagwatch.value import dataclass, replace
from tagwatch.walk.site import Site

__all__ = ["Explained", "explain_moves"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The change behind a move. `is_final`: it is stored, and no later run says otherwise."""

    move: Move
    change: Change
    is_final: bool

    @property
    def told(self) -> RepositoryChange:
        """The change as results show it."""
        return RepositoryChange(repository=self.move.repository, change=self.change)


def explain_moves(
    ledger: Ledger,
    moves: Iterable[Move],
    memory: Memory,
    bases: BaseIndex,
    site: Site,
    *,
    lost: Container[Digest] = (),
) -> Iterator[Explained]:
    """Yield the change behind each move of one repository; a final one is stored before that.

    `lost`: digests that the registry was asked for and no longer has.
    """
    audited = site.policy.defaults.audited
    for move in moves:
        reference = Reference(repository=move.repository, tag=move.tag)
        before = _image(reference, move.before, _version_before(memory, move), memory)
        after = _image(reference, move.after, _version_now(memory, move.tag), memory)
        change = explain_change(
            before,
            after,
            tag=move.tag,
            at=move.at,
            context=ChangeContext(
                bases=bases,
                immutable=site.policy.is_immutable(reference),
                audited=audited,
                platform=audited[0],
            ),
        )
        is_final = (
            change.verdict is not Verdict.UNKNOWN
            or move.before in lost
            or not (_may_be_read(before, audited) or _may_be_read(after, audited))
        )
        if is_final:
            ledger.set_verdict(move, change)
        yield Explained(move=move, change=change, is_final=is_final)


def _may_be_read(image: Image, audited: Iterable[Platform]) -> bool:
    """Return True where a part of the image that is audited was not read, and yet may be."""
    if image.problem:
        return not image.is_unintelligible
    wanted = [
        part
        for part in image.platforms
        if any(part.platform.serves(platform) for platform in audited)
    ]
    # Where an index offers none of the audited platforms, the first one is read in their place.
    return any(
        part.problem and not part.is_unintelligible for part in wanted or image.platforms[:1]
    )


def _image(reference: Reference, digest: Digest, version: str | None, memory: Memory) -> Image:
    image = read_image(digest, memory.documents, reference=reference.canonical)
    past = memory.intervals.get(reference.tag or "", ())
    image = replace(image, seen=seen_serving(past, digest))
    if version is None or not says_more(version, reference.tag or ""):
        return image
    return replace(image, version=version, version_from="alias")


def _version_now(memory: Memory, tag: str) -> str | None:
    return resolve_tag(tag, memory.table).version


def _version_before(memory: Memory, move: Move) -> str | None:
    """Return the version of what the tag served before the move, as it was named at the time."""
    for interval in reversed(memory.intervals.get(move.tag, ())):
        if interval.digest == move.before and interval.first_seen < move.at:
            return interval.version
    return None
