"""Read what a moved tag serves and served on the platforms that nobody audits, to compare them.

    before     what a tag served and no run read: its index
    alone      platforms that moved while the audited ones did not: always
    uneven     platforms that moved with those, while another did not: always; and audited ones
               that were not read before
    together   platforms that moved with all others: as far as pulls are left

Each step begins when the one before it has ended for every repository, and all of them after what
is audited was read: so a short quota goes to what matters most.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from tagwatch.audit.diff.comparison import Pair, moved_alone, pairs_of
from tagwatch.audit.reading.image import UNKNOWN_PLATFORM, Image, read_image
from tagwatch.crawl.plan import Want
from tagwatch.crawl.refusal import UNFORESEEN
from tagwatch.crawl.task import Need
from tagwatch.errors import BudgetError, NotFoundError, PullLimitError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failure, Remark
from tagwatch.ledger.record import Move
from tagwatch.ledger.write import Ledger
from tagwatch.value import dataclass, field
from tagwatch.walk.loop import run
from tagwatch.walk.recall import StoredDocuments
from tagwatch.walk.site import Site

if TYPE_CHECKING:  # two images that are compared seldom have anything left to ask
    from tagwatch.walk.ask import Answers, Asker

__all__ = ["read_lone", "read_moved"]

Part = tuple[Digest, ...]

_MOST_PLATFORMS = 64
"""So many platforms of one move are read; whoever may push can list any number."""
_SHORT = frozenset({BudgetError.code, PullLimitError.code})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The parts to read of each repository, with the tags that they are of."""

    of: defaultdict[Repository, defaultdict[Part, set[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )

    def add(self, move: Move, part: Part) -> None:
        self.of[move.repository][part].add(move.tag)

    def wants(self) -> Iterator[Want]:
        for repository, parts in self.of.items():
            yield Want(repository=repository, parts=frozenset(parts))


async def read_moved(
    asker: Asker, ledger: Ledger, moves: Iterable[Move], site: Site, needs: Need
) -> Answers:
    """Read the platforms that moved, and store them; `Answers.unread` says why any were not read.

    A move counts only where what its tag serves now was read. Cost: two manifests and two configs a
    platform at most; half of it where pulls are free, because every platform was read there at
    first sight.
    """
    from tagwatch.walk.ask import Answers

    now = ledger.stored_documents(move.after for move in moves)
    moves = [move for move in moves if move.after in now]
    answers = Answers()

    async def ask(parts: _Parts) -> None:
        if parts.of and not answers.stopped:
            found = await asker.ask(parts.wants(), needs=needs & Need.ATTESTATIONS)
            # the repository itself has answered before; what nobody foresaw is told all the same
            found.failures = [one for one in found.failures if one.code == UNFORESEEN]
            found.by_repository.clear()
            answers.add(found)

    await ask(_unread_before(ledger, moves))
    *always, together = _moved_platforms(ledger, moves, site, answers)
    for parts in (*always, together):
        await ask(parts)
    answers.remarks += _not_compared(ledger, together, answers.unread)
    return answers


def read_lone(sides: Sequence[tuple[Repository | None, Image]], site: Site) -> bool:
    """Read platforms that differ between two images while another does not; True if any was asked.

    `sides`: each image with the repository that serves it.
    """
    (old_home, before), (new_home, after) = sides
    lone = [pair for pair in moved_alone(pairs_of(before, after)) if _lacks(pair)]
    if not lone or old_home is None or new_home is None:
        return False
    wants = [
        Want(repository=old_home, parts=frozenset((old.digest,) for old, _ in lone)),
        Want(repository=new_home, parts=frozenset((new.digest,) for _, new in lone)),
    ]

    from tagwatch.walk.ask import open_asker
    from tagwatch.walk.loop import Patience

    async def ask() -> None:
        with Ledger.open(site.database, site.origins) as ledger:
            run_id = ledger.begin_run("check", site.at)
            async with open_asker(site, ledger, run_id, patience=Patience()) as asker:
                await asker.ask(wants, needs=Need.ATTESTATIONS)

    run(ask())
    return True


def _unread_before(ledger: Ledger, moves: Collection[Move]) -> _Parts:
    """Return what tags served and no run has read: without it nothing is known of the move."""
    parts, stored = _Parts(), ledger.stored_documents(move.before for move in moves)
    for move in moves:
        if move.before not in stored:
            parts.add(move, (move.before,))
    return parts


def _moved_platforms(
    ledger: Ledger, moves: Iterable[Move], site: Site, answers: Answers
) -> tuple[_Parts, ...]:
    """Return what to read of each of the three kinds; see the top of this file."""
    kinds = _Parts(), _Parts(), _Parts()
    documents = StoredDocuments(ledger)
    for move in moves:
        with answers.apart(move.repository):
            _add_platforms(kinds, move, documents, site)
    return kinds


def _add_platforms(
    kinds: tuple[_Parts, _Parts, _Parts], move: Move, documents: StoredDocuments, site: Site
) -> None:
    (alone, uneven, together), defaults = kinds, site.policy.defaults
    before, after = read_image(move.before, documents), read_image(move.after, documents)
    pairs = pairs_of(before, after)
    lone = {new.digest for _, new in moved_alone(pairs)}
    moved = [pair for pair in pairs if _is_moved(pair)]
    platforms = [new.platform for _, new in moved]
    audited = any(one.serves(wanted) for one in platforms for wanted in defaults.audited)
    for pair in islice(filter(_lacks, moved), _MOST_PLATFORMS):
        part = (pair[0].digest, pair[1].digest)
        is_audited = any(map(pair[1].platform.serves, defaults.audited))
        if part[1] in lone and not audited:
            alone.add(move, part)
        elif part[1] in lone or is_audited:
            uneven.add(move, part)
        elif any(map(pair[1].platform.serves, defaults.compared)):
            together.add(move, part)


def _is_moved(pair: Pair) -> bool:
    old, new = pair
    return old.digest != new.digest and UNKNOWN_PLATFORM not in (old.platform, new.platform)


def _lacks(pair: Pair) -> bool:
    """Return True where something of a pair is missing that a registry may have."""
    return any(part.config is None and not part.is_unintelligible for part in pair)


def _not_compared(
    ledger: Ledger, together: _Parts, unread: Mapping[Digest, Failure]
) -> Iterator[Remark]:
    """Yield how many platforms were not compared, in the same words for all of a registry."""
    lacking: defaultdict[tuple[str, str], list[tuple[Repository, set[str]]]] = defaultdict(list)
    for repository, parts in together.of.items():
        stored = ledger.stored_documents(digest for part in parts for digest in part)
        for part, tags in parts.items():
            if not stored.issuperset(part):
                code = next((unread[digest].code for digest in part if digest in unread), "")
                lacking[repository.host, _why(code)].append((repository, tags))
    for (_, why), found in lacking.items():
        moved = len({(repository, tag) for repository, tags in found for tag in tags})
        said = (
            f"{_count(len(found), 'platform')} of {_count(moved, 'tag')} moved with those that are "
            f"audited and {'was' if len(found) == 1 else 'were'} not compared: {why}; "
            "later runs do not make up for it"
        )
        for repository in sorted({repository for repository, _ in found}):
            yield Remark(repository=repository, message=said)


def _why(code: str) -> str:
    if code in _SHORT:
        return "the pull quota went to the audited ones"
    if code == NotFoundError.code:
        return "what they served before is gone"
    return "their registry could not be asked" if code else "the run ended before"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
