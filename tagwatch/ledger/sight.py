"""One snapshot into the ledger: which intervals last, begin and end.

What a snapshot may say: a tag that was observed is covered; a complete FULL or SINCE, or a NEWEST
that holds, covers every open interval without naming it, so that an unchanged night writes no
interval; only a complete FULL, or a 404 for a tag that a complete SELECTED or NEWEST asked, ends
one. What a NEWEST that does not hold leaves out is paused: nobody knows what it serves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import count
from typing import Any

from tagwatch.audit.model.history import UNRECORDED
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import FORGET_WATERMARK, Gone, RepositorySnapshot, Scope
from tagwatch.ledger.codec import digest_of_bytes, digest_to_bytes, micros
from tagwatch.ledger.record import Move, Stored
from tagwatch.value import dataclass

__all__ = ["Interned", "repository_number", "store_snapshot"]

_NEWEST = """
  SELECT t.name, t.id, t.n, i.digest_id, d.bytes, i.ended_at IS NULL,
         i.ended_at IS NULL AND i.last_seen IS NOT NULL,
         coalesce(iif(i.ended_at IS NULL, i.last_seen, NULL),
           max(coalesce(i.ended_at, i.first_seen), coalesce(t.seen_at, 0),
               coalesce(r.covered_at, 0),
               iif(i.ended_at IS NULL, coalesce(r.seen_at, 0), 0))),
         coalesce(iif(i.ended_at IS NULL, i.last_seen, NULL),
           max(i.first_seen, coalesce(t.seen_at, 0), coalesce(r.swept_at, 0),
               iif(i.ended_at IS NULL, coalesce(r.seen_at, 0), 0)))
  FROM repository r
  CROSS JOIN tag t ON t.repository_id = r.id
  CROSS JOIN interval i ON i.repository_id = r.id AND i.tag_id = t.id AND i.n = t.n
  CROSS JOIN digest d ON d.repository_id = r.id AND d.id = i.digest_id
  WHERE r.id = ?"""

_TAGS = "SELECT name, listed_at, failed, first_listed FROM tag WHERE repository_id = ?"
_FOUND = "SELECT id, origin FROM repository WHERE registry = ? AND path = ?"
_ADOPT = (
    "UPDATE tag SET listed_at = NULL, failed = NULL, first_listed = NULL WHERE repository_id = ?1",
    """
    UPDATE OR REPLACE main.base_build SET origin = origin_of(reference) WHERE origin = '?'
      AND reference > (SELECT registry || '/' || path || ':' FROM main.repository WHERE id = ?1)
      AND reference < (SELECT registry || '/' || path || ';' FROM main.repository WHERE id = ?1)""",
    """
    UPDATE main.repository
      SET origin = origin_of(registry), watermark = NULL, full_at = NULL, audited = NULL,
        whole_since = NULL
      WHERE id = ?1""",
)
_ABSENT = 404
_OF_THE_MOMENT = (None, 401, 403, 429)
"""No answer, and answers that say more of who asks than of the tag."""


@dataclass(frozen=True, slots=True)
class _Newest:
    """A tag's newest interval of our own.

    `is_paused`: it is open, and the tag was listed later without its digest; `known_until`: what
    it serves, or that it is gone, is known until then; `swept_at`: the same, leaving out what only
    listed moves and would not have shown a deletion.
    """

    tag_id: int
    n: int
    digest_id: int
    digest: Digest
    is_open: bool
    is_paused: bool
    known_until: int
    swept_at: int


def store_snapshot(
    connection: sqlite3.Connection, run_id: int, snapshot: RepositorySnapshot
) -> Stored:
    """Store the tags of a snapshot, in the caller's transaction; return what it changed, by tag.

    A tag is left as it is where the ledger knows something newer of it.
    """
    sight = _Sight(connection, snapshot)
    surfaced = sight.surfaced()
    moved = sight.begin()
    gone = sight.end()
    sight.cover()
    sight.date()
    newest, observed = sight.newest, sight.observed
    connection.executemany(
        "INSERT INTO move (repository_id, tag_id, n, before_id, run_id) VALUES (?, ?, ?, ?, ?)",
        [
            (sight.home, old.tag_id, old.n + 1, old.digest_id, run_id)
            for old in (newest[tag] for tag in moved)
        ],
    )
    happened = [("move", newest[tag].tag_id, newest[tag].n + 1) for tag in moved]
    happened += [("gone", newest[tag].tag_id, newest[tag].n) for tag in gone]
    connection.executemany(
        "INSERT INTO fact (kind, repository_id, tag_id, n) VALUES (?, ?, ?, ?)",
        [(kind, sight.home, tag_id, n) for kind, tag_id, n in happened],
    )
    return Stored(
        moves=tuple(
            Move(
                repository=snapshot.repository,
                tag=tag,
                before=newest[tag].digest,
                after=observed[tag],
                at=snapshot.at,
            )
            for tag in moved
        ),
        gone=tuple(
            Gone(repository=snapshot.repository, tag=tag, digest=newest[tag].digest) for tag in gone
        ),
        surfaced=tuple((snapshot.repository, tag) for tag in surfaced),
    )


class _Sight:
    """A snapshot beside what was known before it."""

    def __init__(self, connection: sqlite3.Connection, snapshot: RepositorySnapshot) -> None:
        self.connection = connection
        self.snapshot = snapshot
        self.at = micros(snapshot.at)
        self.observed = {item.tag: item.digest for item in snapshot.tags}
        failures = tuple(one for one in snapshot.failures if not one.is_limit)
        self.was_listed = snapshot.complete or (
            bool(failures) and all(one.tag is not None for one in failures)
        )
        """One tag that fails spoils no listing: what it serves is not known, the others are."""
        was_told = self.was_listed or bool(self.observed)
        self.home, origin = _found_or_made(connection, snapshot.repository)
        self.newest = self._read_newest()
        if origin == UNRECORDED and was_told:
            self._adopt()
        self.marked, self.first_listed = self._read_tags()
        self.covered_at, self.whole_since = self._read_marks()
        self.doubtful: list[_Newest] = []
        self.begun: frozenset[str] = frozenset()
        self.gone: tuple[str, ...] = ()
        self.unread = frozenset(one.tag for one in failures if one.tag is not None)
        self.failing = {
            one.tag: one.status
            for one in failures
            if one.tag is not None and one.status not in _OF_THE_MOMENT and self.was_listed
        }

    def _adopt(self) -> None:
        """Take over what an earlier schema holds, and for which nobody can be named.

        Its past goes on, so that a move since then is told. But of what a tag serves now, only what
        its origin has said counts: every interval is paused until the tag is seen again.
        """
        self._pause([one for one in self.newest.values() if one.is_open and not one.is_paused])
        for sql in _ADOPT:
            self.connection.execute(sql, (self.home,))
        self.newest = self._read_newest()

    def _read_newest(self) -> dict[str, _Newest]:
        return {
            name: _Newest(tag_id, n, digest_id, digest_of_bytes(raw), *times)
            for name, tag_id, n, digest_id, raw, *times in self.connection.execute(
                _NEWEST, (self.home,)
            )
        }

    def _read_tags(
        self,
    ) -> tuple[dict[str, tuple[int | None, int | None]], dict[str, int | None]]:
        """Return the marks of tags that have any, and when each tag was first there."""
        rows = self.connection.execute(_TAGS, (self.home,)).fetchall()
        marked = {
            name: (listed_at, failed)
            for name, listed_at, failed, _ in rows
            if listed_at is not None or failed is not None
        }
        return marked, {name: first_listed for name, *_, first_listed in rows}

    def _read_marks(self) -> tuple[int, int | None]:
        sql = "SELECT coalesce(covered_at, 0), whole_since FROM repository WHERE id = ?"
        covered_at, whole_since = self.connection.execute(sql, (self.home,)).fetchone()
        return covered_at, whole_since

    @cached_property
    def numbers(self) -> Interned:
        """The numbers of tags and digests; a tag that gets one is first there now."""
        return Interned(self.connection, self.home, first_listed=self.at)

    def begin(self) -> list[str]:
        """Open an interval for each tag that is new, moved or back; the tags that moved."""
        numbers = self.numbers
        begun, closed, moved, resumed = [], [], [], []
        for tag, digest in sorted(self.observed.items()):
            old = self.newest.get(tag)
            if old is None:
                if self.at >= self.covered_at:
                    begun.append((tag, numbers.tag(tag), 1, numbers.digest(digest)))
                continue
            same = old.digest == digest
            if self.at < old.known_until:
                continue
            if same and old.is_open:
                if old.is_paused:
                    resumed.append(old)
                continue
            if old.is_open:
                closed.append((old, old.known_until))
            if not same:
                moved.append(tag)
            begun.append((tag, old.tag_id, old.n + 1, numbers.digest(digest)))
        self._close(closed)
        if begun:
            self._part()
        self._open(begun)
        self.begun = frozenset(tag for tag, *_ in begun)
        self._pause(resumed, goes_on=True)
        return moved

    def surfaced(self) -> tuple[str, ...]:
        """Tags that a listing shows to have moved, and that were known by name alone until now."""
        seen = self.snapshot
        if seen.scope is not Scope.SINCE and not seen.holds:
            return ()
        fresh = self.observed.keys() - self.newest.keys() - seen.asked
        return tuple(sorted(tag for tag in fresh if self.marked.get(tag, (None, None))[0]))

    def end(self) -> tuple[str, ...]:
        """Close the intervals of tags that this snapshot shows to be gone, and return these."""
        self.gone = tuple(self._gone())
        self._close((old, old.swept_at) for old in map(self.newest.__getitem__, self.gone))
        self._mark_tags("listed_at", dict.fromkeys(self.gone))
        return self.gone

    def _gone(self) -> Iterator[str]:
        if not self.was_listed or self.snapshot.scope is Scope.SINCE:
            return
        missing = self.snapshot.asked - self.observed.keys()
        if self.snapshot.scope is Scope.FULL:
            missing |= self.newest.keys() - self.observed.keys() - (self.snapshot.names or set())
        missing -= self.unread
        for tag in sorted(missing & self.newest.keys()):
            if self.newest[tag].is_open and self.at >= self.newest[tag].known_until:
                yield tag

    def cover(self) -> None:
        """Note until when the open intervals are known to last, and the repository's marks."""
        self._note_audited()
        self._note_doubt()
        if self.snapshot.watermark == FORGET_WATERMARK:
            sql = "UPDATE main.repository SET watermark = NULL WHERE id = ?"
            self.connection.execute(sql, (self.home,))
        if not self.was_listed or self.snapshot.scope is Scope.SELECTED:
            self._cover_observed()
            self._note_failing()
            return
        is_since = self.snapshot.scope is Scope.SINCE
        is_whole = self.snapshot.scope is Scope.FULL or self.snapshot.holds
        self.doubtful = self._doubtful()
        self._pause([old for old in self.doubtful if not old.is_paused], goes_on=False)
        if self._unseen():
            self._cover_observed()
        elif is_since or is_whole:
            self._mark("covered_at")
            if is_whole:
                self._mark("swept_at")
        else:
            self._cover_observed()
        self._note_names()
        self._note_failing()
        self.connection.execute(
            "UPDATE main.repository SET watermark = coalesce(?, watermark) "
            "WHERE id = ? AND coalesce(full_at, 0) <= ?",
            (self.snapshot.watermark, self.home, self.at),
        )
        if not is_since and not (self.snapshot.holds and self.snapshot.by_count):
            self._mark("full_at")

    def date(self) -> None:
        """Note when each name was first there, and since when all names are known.

        A list that lacks a tag which answers is not the whole, and no earlier one is believed to
        have been: a cache lists what it was asked for.
        """
        names, scope = self.snapshot.names or frozenset(), self.snapshot.scope
        there = names | self.observed.keys()
        for name in sorted(there - self.first_listed.keys()):
            self.numbers.tag(name)
        known = ((name, self.first_listed[name]) for name in there & self.first_listed.keys())
        later = [name for name, at in known if at is None or at > self.at]
        if later:
            self._mark_tags("first_listed", dict.fromkeys(later, self.at))
        if self.snapshot.names is None or scope is Scope.SINCE:
            return
        since = self.whole_since
        if (self.snapshot.asked & self.observed.keys()) - names:
            since = None
        elif self.was_listed and not self.snapshot.is_doubted:
            since = self.at if since is None else min(since, self.at)
        if since != self.whole_since:
            sql = "UPDATE main.repository SET whole_since = ? WHERE id = ?"
            self.connection.execute(sql, (since, self.home))

    def _note_doubt(self) -> None:
        """Since when most tags are missing; a list that may be believed ends the doubt."""
        is_doubted = self.snapshot.is_doubted
        is_believed = self.was_listed and self.snapshot.names is not None
        is_believed = is_believed and self.snapshot.scope is not Scope.SINCE
        if is_doubted or is_believed:
            self.connection.execute(
                "UPDATE main.repository SET doubted_at = iif(?, coalesce(doubted_at, ?), NULL) "
                "WHERE id = ? AND (? OR doubted_at IS NOT NULL)",
                (is_doubted, self.at, self.home, is_doubted),
            )

    def _doubtful(self) -> list[_Newest]:
        """What was served before and may not be now: the listing did not tell, nor the tag.

        Where a listing leaves out what did not move, a failure may be of an image alone.
        """
        names = self.snapshot.names or frozenset()
        match self.snapshot.scope:
            case Scope.SINCE:
                doubtful = names & self.unread
            case Scope.NEWEST if self.snapshot.holds:
                doubtful = self.unread - names
            case Scope.NEWEST:
                doubtful = self.unread | names
            case _:
                doubtful = self.unread
        found = (self.newest.get(tag) for tag in sorted(doubtful - self.observed.keys()))
        return [old for old in found if old and old.is_open and self.at >= old.known_until]

    def _note_names(self) -> None:
        """Which tags are there whose digest is not known."""
        names = self.snapshot.names or frozenset()
        untold = names.difference(self.observed, self.gone)
        told = {tag for tag in untold & self.newest.keys() if self._is_told(tag)}
        listed = {name for name, (at, _) in self.marked.items() if at is not None}
        if untold - told - listed:
            for name in sorted(untold - told - listed):
                self.numbers.tag(name)
            self._mark_tags("listed_at", dict.fromkeys(untold - told - listed, self.at))
        if self.snapshot.scope is not Scope.SINCE:
            self._mark_tags("listed_at", dict.fromkeys(listed - names - self.observed.keys()))

    def _is_told(self, tag: str) -> bool:
        """True where what an interval says of a tag stands, though this listing does not tell."""
        old = self.newest[tag]
        return old.is_open and old not in self.doubtful and not old.is_paused

    def _note_failing(self) -> None:
        """Which tags were asked and could not be read, or are not there though they are listed."""
        failed = {name for name, (_, status) in self.marked.items() if status is not None}
        answered = failed & self.observed.keys() - self.failing.keys()
        absent = (self.snapshot.asked - self.observed.keys()) & (self.snapshot.names or set())
        now = dict.fromkeys(answered) | dict.fromkeys(absent, _ABSENT) | self.failing
        known = {name: status for name, (_, status) in self.marked.items()}
        self._mark_tags(
            "failed", {name: status for name, status in now.items() if known.get(name) != status}
        )

    def _mark_tags(self, column: str, values: Mapping[str, int | None]) -> None:
        self.connection.executemany(
            f"UPDATE tag SET {column} = ? WHERE repository_id = ? AND name = ?",  # noqa: S608  # our own names
            [(value, self.home, name) for name, value in sorted(values.items())],
        )

    def _note_audited(self) -> None:
        """For whom the documents are whole; what was read for others alone makes that uncertain."""
        snapshot = self.snapshot
        if not (snapshot.is_audited or snapshot.documents):
            return
        sql = "UPDATE main.repository SET audited = ? WHERE id = ? AND audited IS NOT ?"
        if snapshot.is_audited:
            self.connection.execute(sql, (snapshot.audited, self.home, snapshot.audited))
        else:
            self.connection.execute(sql, (None, self.home, snapshot.audited))

    def _unseen(self) -> bool:
        """True where the listing names a tag whose digest it does not tell, and may have moved."""
        if self.snapshot.holds:
            return False
        named = (self.snapshot.names or frozenset()) - self.observed.keys()
        return any(self.newest[tag].is_open for tag in named & self.newest.keys())

    def _cover_observed(self) -> None:
        """Tag by tag, where the snapshot does not speak for the whole repository.

        One that saw every tag that is known to be there says so of all at once: an unchanged night
        writes no tag. Other than `covered_at`, that tells nothing of tags that nobody knows.
        """
        there = {tag for tag, old in self.newest.items() if old.is_open} | self.begun
        if there and there <= self.observed.keys() | set(self.gone):
            self._mark("seen_at")
            return
        self.connection.executemany(
            "UPDATE tag SET seen_at = max(coalesce(seen_at, 0), ?) "
            "WHERE repository_id = ? AND name = ?",
            [
                (self.at, self.home, tag)
                for tag, digest in sorted(self.observed.items())
                if (old := self.newest.get(tag)) and old.is_open and old.digest == digest
            ],
        )

    def _part(self) -> None:
        """Say tag by tag what was said of all at once, before a tag begins that it was not said of.

        That is one which is told of late: every tag had been seen later, as far as was known then.
        """
        sql = "SELECT seen_at FROM main.repository WHERE id = ? AND seen_at > ?"
        row = self.connection.execute(sql, (self.home, self.at)).fetchone()
        if row is None:
            return
        self.connection.executemany(
            "UPDATE tag SET seen_at = max(coalesce(seen_at, 0), ?) "
            "WHERE repository_id = ? AND name = ?",
            [(row[0], self.home, tag) for tag, old in self.newest.items() if old.is_open],
        )
        self.connection.execute(
            "UPDATE main.repository SET seen_at = NULL WHERE id = ?", (self.home,)
        )

    def _mark(self, column: str) -> None:
        self.connection.execute(
            f"UPDATE main.repository SET {column} = max(coalesce({column}, 0), ?) WHERE id = ?",  # noqa: S608  # our own names
            (self.at, self.home),
        )

    def _open(self, begun: list[tuple[str, int, int, int]]) -> None:
        self.connection.executemany(
            "INSERT INTO interval (repository_id, tag_id, n, digest_id, first_seen) "
            "VALUES (?, ?, ?, ?, ?)",
            [(self.home, tag_id, n, digest_id, self.at) for _, tag_id, n, digest_id in begun],
        )
        self.connection.executemany(
            "UPDATE tag SET n = ?, seen_at = NULL WHERE repository_id = ? AND name = ?",
            [(n, self.home, tag) for tag, _, n, _ in begun],
        )

    def _pause(self, intervals: list[_Newest], *, goes_on: bool = False) -> None:
        """Let intervals last until they were seen last, and no longer; or let them go on."""
        self.connection.executemany(
            "UPDATE interval SET last_seen = ? "
            "WHERE repository_id = ? AND tag_id = ? AND n = ? AND ended_at IS NULL",
            [
                (None if goes_on else old.known_until, self.home, old.tag_id, old.n)
                for old in intervals
            ],
        )

    def _close(self, closed: Iterable[tuple[_Newest, int]]) -> None:
        self.connection.executemany(
            "UPDATE interval SET last_seen = ?, ended_at = ? "
            "WHERE repository_id = ? AND tag_id = ? AND n = ?",
            [(last_seen, self.at, self.home, old.tag_id, old.n) for old, last_seen in closed],
        )


def repository_number(connection: sqlite3.Connection, repository: Repository) -> int:
    """The number of a repository at its origin, which is given one where it is new."""
    return _found_or_made(connection, repository)[0]


def _found_or_made(connection: sqlite3.Connection, repository: Repository) -> tuple[int, str]:
    """Return the number of a repository, and its origin."""
    names = (repository.registry, repository.path)
    row = connection.execute(_FOUND, names).fetchone()
    if row is None:
        connection.execute(
            "INSERT INTO main.repository (registry, path, origin) VALUES (?1, ?2, origin_of(?1))",
            names,
        )
        row = connection.execute(_FOUND, names).fetchone()
    return int(row[0]), str(row[1])


class Interned:
    """The numbers of one repository's tags and digests, in one transaction.

    What is new gets the next number. Each table is read at its first use only: an unchanged night
    interns nothing.
    """

    def __init__(
        self, connection: sqlite3.Connection, home: int, *, first_listed: int | None = None
    ) -> None:
        self._connection = connection
        self.home = home
        self._first_listed = first_listed

    def tag(self, name: str) -> int:
        """The number of a tag."""
        numbers, fresh = self._tags
        if name not in numbers:
            numbers[name] = next(fresh)
            self._connection.execute(
                "INSERT INTO tag (repository_id, name, id, n, first_listed) VALUES (?, ?, ?, 0, ?)",
                (self.home, name, numbers[name], self._first_listed),
            )
        return numbers[name]

    def digest(self, digest: Digest) -> int:
        """The number of a digest."""
        numbers, fresh = self._digests
        raw = digest_to_bytes(digest)
        if raw not in numbers:
            numbers[raw] = next(fresh)
            self._connection.execute(
                "INSERT INTO digest (repository_id, bytes, id) VALUES (?, ?, ?)",
                (self.home, raw, numbers[raw]),
            )
        return numbers[raw]

    @cached_property
    def _tags(self) -> tuple[dict[str, int], Iterator[int]]:
        return self._stored("SELECT name, id FROM tag WHERE repository_id = ?")

    @cached_property
    def _digests(self) -> tuple[dict[bytes, int], Iterator[int]]:
        return self._stored("SELECT bytes, id FROM digest WHERE repository_id = ?")

    def _stored(self, sql: str) -> tuple[dict[Any, int], Iterator[int]]:
        numbers = dict(self._connection.execute(sql, (self.home,)))
        return numbers, count(max(numbers.values(), default=0) + 1)
