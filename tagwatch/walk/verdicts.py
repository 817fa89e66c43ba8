"""Verdicts of moves: each move that has none in the ledger gets one, which is stored with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.change.verdict import ChangeContext, explain_change
from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.history import seen_serving
from tagwatch.audit.reading.image import NOT_READ, Image, read_image, with_reasons
from tagwatch.audit.reading.stated_version import says_more
from tagwatch.audit.verdict.result import RepositoryChange
from tagwatch.audit.version.resolve import resolve_tag
from tagwatch.errors import NotFoundError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Reference
from tagwatch.image.snapshot import Failure
from tagwatch.ledger.record import Move
from tagwatch.ledger.write import Ledger
from tagwatch.value import replace
from tagwatch.walk.site import Site

__all__ = ["explain_moves"]


def explain_moves(
    ledger: Ledger,
    moves: Iterable[Move],
    memory: Memory,
    bases: BaseIndex,
    site: Site,
    unread: Mapping[Digest, Failure],
) -> Iterator[RepositoryChange]:
    """Yield the change behind each move of one repository; each is stored before it is yielded.

    `unread`: why parts of images were not read.
    """
    defaults = site.policy.defaults
    for move in moves:
        reference = Reference(repository=move.repository, tag=move.tag)
        change = explain_change(
            _image(reference, move.before, _version_before(memory, move), memory, unread),
            _image(reference, move.after, _version_now(memory, move.tag), memory, unread),
            tag=move.tag,
            at=move.at,
            context=ChangeContext(
                bases=bases,
                immutable=site.policy.is_immutable(reference),
                audited=defaults.audited,
                compared=defaults.compared,
                alone=True,
                platform=defaults.leading,
            ),
        )
        ledger.set_verdict(move, change)
        yield RepositoryChange(repository=move.repository, change=change)


def _image(
    reference: Reference,
    digest: Digest,
    version: str | None,
    memory: Memory,
    unread: Mapping[Digest, Failure],
) -> Image:
    image = read_image(digest, memory.documents, reference=reference.canonical)
    image = with_reasons(image, {digest: _reason(why) for digest, why in unread.items()})
    past = memory.intervals.get(reference.tag or "", ())
    image = replace(image, seen=seen_serving(past, digest))
    if version is None or not says_more(version, reference.tag or ""):
        return image
    return replace(image, version=version, version_from="alias")


def _reason(failure: Failure) -> str:
    """Return why a part was not read; what its registry no longer has is no matter of time."""
    if failure.code == NotFoundError.code:
        return "the manifest is gone from its registry"
    return f"{failure.message}, so it {NOT_READ}"


def _version_now(memory: Memory, tag: str) -> str | None:
    return resolve_tag(tag, memory.table).version


def _version_before(memory: Memory, move: Move) -> str | None:
    """Return the version of what the tag served before the move, as it was named at the time."""
    for interval in reversed(memory.intervals.get(move.tag, ())):
        if interval.digest == move.before and interval.first_seen < move.at:
            return interval.version
    return None
