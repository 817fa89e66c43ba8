"""Verdicts of moves: each move that has none in the ledger gets one.

It is stored where no later run could say more. A verdict that is unknown only because an image
was not read (its registry failed, the pull limit was spent, nobody asked for it) is told and not
stored.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping

from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.change.judgement import ChangeContext
from tagwatch.audit.change.sign import Habit, habit_of
from tagwatch.audit.change.verdict import explain_change
from tagwatch.audit.diff.comparison import platform_name
from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import GONE, Change, seen_serving
from tagwatch.audit.reading.image import NOT_READ, Image, read_image, with_reasons
from tagwatch.audit.reading.stated_version import says_more
from tagwatch.audit.verdict.result import RepositoryChange
from tagwatch.audit.version.resolve import resolve_tag
from tagwatch.errors import NotFoundError
from tagwatch.image.digest import Digest
from tagwatch.image.platform import Platform
from tagwatch.image.reference import DOCKER_HUB, Reference
from tagwatch.image.snapshot import Failure
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
    unread: Mapping[Digest, Failure],
) -> Iterator[Explained]:
    """Yield the change behind each move of one repository; a final one is stored before that.

    `unread`: why parts of images were not read.
    """
    defaults = site.policy.defaults
    for move in moves:
        reference = Reference(repository=move.repository, tag=move.tag)
        before = _image(reference, move.before, _version_before(memory, move), memory, unread)
        after = _image(reference, move.after, _version_now(memory, move.tag), memory, unread)
        change = explain_change(
            before,
            after,
            tag=move.tag,
            at=move.at,
            context=ChangeContext(
                bases=bases,
                rank=site.policy.base_place,
                immutable=site.policy.is_immutable(reference),
                habit=_habit(memory, move, site),
                audited=defaults.audited,
                compared=defaults.compared,
                alone=True,
                platform=defaults.leading,
            ),
        )
        is_final = change.verdict is not Verdict.UNKNOWN or not any(
            _may_be_read(image, defaults.audited, change.platforms) for image in (before, after)
        )
        if is_final:
            ledger.set_verdict(move, change)
        yield Explained(move=move, change=change, is_final=is_final)


def _habit(memory: Memory, move: Move, site: Site) -> Habit:
    """Return how the repository treated its full versions; official ones are rebuilt by design."""
    habit = habit_of(memory.intervals, move.tag, move.at)
    is_library = move.repository.name.startswith(f"{DOCKER_HUB}/library/")
    is_official = is_library or site.knowledge.is_official(move.repository)
    return replace(habit, steady_days=0) if is_official else habit


def _may_be_read(image: Image, audited: Iterable[Platform], decided: Container[str]) -> bool:
    """Return True where a part of the image that is judged was not read, and yet may be.

    `decided`: the platforms because of which nothing is known, as `platform_name` has them.
    """
    if image.problem:
        return not image.is_unintelligible
    wanted = [
        part
        for part in image.platforms
        if platform_name(part.platform) in decided or any(map(part.platform.serves, audited))
    ]
    # Where an index offers none of the audited platforms, the first one is read in their place.
    return any(
        part.problem and not part.is_unintelligible for part in wanted or image.platforms[:1]
    )


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
        return GONE
    return f"{failure.message}, so it {NOT_READ}"


def _version_now(memory: Memory, tag: str) -> str | None:
    return resolve_tag(tag, memory.table).version


def _version_before(memory: Memory, move: Move) -> str | None:
    """Return the version of what the tag served before the move, as it was named at the time."""
    for interval in reversed(memory.intervals.get(move.tag, ())):
        if interval.digest == move.before and interval.first_seen < move.at:
            return interval.version
    return None
