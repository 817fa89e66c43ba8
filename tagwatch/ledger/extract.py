"""What an extract tells of tags: their past, stored beside what this ledger saw itself.

It stands in the same tables, under an origin that names the place which it came from. No endpoint
has such a name: what does not ask for extracts (a scan, say) never meets them. `WithExtracts` does
ask, and is a reader like any other. What this ledger saw comes first: an extract tells of the time
before that.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

from tagwatch.audit.model.history import UNRECORDED, Change, Interval, Seen
from tagwatch.errors import LedgerError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.ledger.codec import compress, digest_to_bytes, encode, micros
from tagwatch.ledger.connection import Translated, connect_read_only
from tagwatch.ledger.read import CONFIGURED, Reader
from tagwatch.ledger.timeline import preceded
from tagwatch.value import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from tagwatch.ledger.sight import Interned

__all__ = ["Past", "WithExtracts", "drop_pasts", "past_of", "store_pasts"]

_OF_EXTRACTS = "extract "
"""How an origin begins that names the place of an extract; endpoints begin otherwise."""
_KINDS = tuple(Seen)
_VIEWS = (
    """
    CREATE TEMP VIEW repository AS
    SELECT id, registry, path, told_by(origin) AS origin, watermark, full_at, covered_at, swept_at,
           audited, doubted_at, revision, seen_at
    FROM main.repository WHERE told_by(origin) IS NOT NULL""",
    "CREATE TEMP VIEW base_build AS SELECT * FROM main.base_build WHERE 0",
)
_ORIGINS = "SELECT id, origin FROM main.repository WHERE substr(origin, 1, ?) = ?"
_TABLES = ("interval", "imported", "move", "digest", "tag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The past of a tag, as one ledger tells it another one."""

    repository: Repository
    tag: str
    intervals: tuple[Interval, ...]
    """By kind, oldest first."""
    changes: tuple[Change, ...] = field(default_factory=tuple)
    """What is known of its moves, oldest first."""
    origin: str = ""
    """Whose word it is; see `Evidence.origin`."""

    def doubt(self, at: datetime) -> str:
        """Return what cannot be true of it, as told at `at`; empty where all can.

        Raises `LedgerError`, `ValueError` for a digest that is none.
        """
        tags = [*(one.tag for one in self.intervals), *(one.tag for one in self.changes)]
        if any(tag != self.tag for tag in tags):
            return "a past of another tag"
        for one in self.intervals:
            digest_to_bytes(one.digest)
            if micros(one.first_seen) < 0 or max(one.last_seen, one.ended_at or at) > at:
                return "a past at an impossible time"
        kinds = [_KINDS.index(one.kind) for one in self.intervals]
        if kinds != sorted(kinds):
            return "intervals in disorder"
        for _, kind in groupby(self.intervals, key=lambda one: one.kind):
            own = tuple(kind)
            if any(one.last_seen < one.first_seen for one in own):
                return "an interval that ends before it begins"
            if own[0].kind is Seen.SEEN and not _is_in_order(own):
                return "intervals that overlap"
        return ""


def _is_in_order(own: tuple[Interval, ...]) -> bool:
    """Return True where each interval of one tag ended, and before the next one began."""
    ends = [one.ended_at for one in own]
    return all(
        end is not None and one.last_seen <= end <= later.first_seen
        for one, end, later in zip(own, ends, own[1:], strict=False)
    )


def past_of(ledger: Reader, repository: Repository, tag: str) -> Past:
    """Return all that a ledger can pass on of a tag's past. Raises `LedgerError`."""
    return Past(
        repository=repository,
        tag=tag,
        intervals=tuple(
            sorted(
                ledger.intervals(repository, tag),
                key=lambda one: (_KINDS.index(one.kind), one.first_seen),
            )
        ),
        changes=ledger.changes(repository, tag),
        origin=ledger.origin(repository),
    )


def store_pasts(connection: sqlite3.Connection, place: str, pasts: Iterable[Past]) -> None:
    """Store what an extract tells, in place of all of before, in the caller's transaction."""
    drop_pasts(connection, place)
    by_home = sorted(
        {(one.repository, one.origin, one.tag): one for one in pasts}.items(),
        key=lambda item: item[0],
    )
    for (repository, origin), group in groupby(by_home, key=lambda item: item[0][:2]):
        told = connection.execute(
            "INSERT INTO main.repository (registry, path, origin) VALUES (?, ?, ?) RETURNING id",
            (repository.registry, repository.path, f"{_named(place)}{json.dumps(origin)}"),
        ).fetchone()
        from tagwatch.ledger.sight import Interned  # who reads a past has no use for it

        numbers = Interned(connection, int(told[0]))
        for _, past in group:
            _store(connection, numbers, past)


def drop_pasts(connection: sqlite3.Connection, place: str) -> None:
    """Drop what the extract of a place told, in the caller's transaction."""
    prefix = _named(place)
    homes = [row[:1] for row in connection.execute(_ORIGINS, (len(prefix), prefix))]
    for table in _TABLES:
        connection.executemany(f"DELETE FROM {table} WHERE repository_id = ?", homes)  # noqa: S608  # our own names
    connection.executemany("DELETE FROM main.repository WHERE id = ?", homes)


def _named(place: str) -> str:
    """Return how the origins of a place's extract begin."""
    return f"{_OF_EXTRACTS}{json.dumps(place)} "


def _store(connection: sqlite3.Connection, numbers: Interned, past: Past) -> None:
    tag = numbers.tag(past.tag)
    begun: dict[tuple[Digest, datetime], int] = {}
    for kind, group in groupby(past.intervals, key=lambda one: one.kind):
        for n, one in enumerate(group, start=1):
            times = (micros(one.first_seen), micros(one.last_seen))
            if kind is not Seen.SEEN:
                connection.execute(
                    "INSERT INTO imported (repository_id, tag_id, kind, n, digest_id, "
                    "first_seen, last_seen, ended, version, verdict) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(numbers.home, tag, _KINDS.index(kind), n, numbers.digest(one.digest)),
                        *(*times, int(one.ended), one.version, one.verdict),
                    ),
                )
                continue
            begun[one.digest, one.first_seen] = n
            end = None if one.ended_at is None else micros(one.ended_at)
            connection.execute(
                "INSERT INTO interval (repository_id, tag_id, n, digest_id, first_seen, last_seen, "
                "ended_at, version, verdict) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(numbers.home, tag, n, numbers.digest(one.digest), *times, end),
                    *(one.version, one.verdict),
                ),
            )
    connection.execute(
        "UPDATE tag SET n = ? WHERE repository_id = ? AND id = ?",
        (max(begun.values(), default=0), numbers.home, tag),
    )
    connection.executemany(
        "INSERT OR REPLACE INTO move (repository_id, tag_id, n, before_id, run_id, change) "
        "VALUES (?, ?, ?, ?, 0, ?)",
        [
            (
                *(numbers.home, tag, begun[one.after, one.at]),
                *(numbers.digest(one.before), compress(encode(one))),
            )
            for one in past.changes
            if (one.after, one.at) in begun
        ],
    )


class _OfPlace(Reader):
    """The extract of one place: a reader that sees what it tells, and nothing else."""

    def __init__(self, connection: sqlite3.Connection, path: Path, place: str) -> None:
        self._connection = connection
        self.path = path
        self._own = place
        prefix = _named(place)

        def told_by(origin: str) -> str | None:
            return str(json.loads(origin[len(prefix) :])) if origin.startswith(prefix) else None

        connection.create_function("told_by", 1, told_by, deterministic=True)
        connection.create_function("origin_of", 1, lambda _: "", deterministic=True)
        for view in _VIEWS:
            connection.execute(view)
        self.repositories_told = frozenset(self.repositories())

    def homes(self, digest: Digest) -> Iterator[tuple[Repository, int, int]]:
        """Yield the repositories that know `digest`, with their ids and its id."""
        return self._homes(digest)


class WithExtracts(Reader):
    """A ledger with what extracts tell of the time before it saw a tag itself.

    Only what they say of a repository on the word of the same origin is put before what is known
    here; see `Evidence.origin`.
    """

    _others: Mapping[str, _OfPlace] = MappingProxyType({})
    """By place; the configured one is the first."""

    @classmethod
    def open_with(cls, path: Path, origins: Mapping[str, str], configured: str) -> Self:
        """Open the ledger; see `Reader.open`. `configured`: see `Reader.evidence`."""
        ledger = cls.open(path, origins)
        try:
            ledger.hear(configured)
        except BaseException:
            ledger.close()
            raise
        return ledger

    def hear(self, configured: str) -> None:
        """Let the extracts count that were imported, and that of the place `configured`."""
        rows = self._rows(_ORIGINS, (len(_OF_EXTRACTS), _OF_EXTRACTS))
        read = json.JSONDecoder().raw_decode
        places = set()
        for _, origin in rows:
            with suppress(ValueError):  # what is damaged tells nothing
                places.add(str(read(origin, len(_OF_EXTRACTS))[0]))
        counting = [one for one in places if one == configured or not one.startswith(CONFIGURED)]
        ordered = sorted(counting, key=lambda one: (one != configured, one))
        self._others = {place: _open(self.path, place) for place in ordered}

    def close(self) -> None:
        """See `Reader.close`."""
        for other in self._others.values():
            other.close()
        super().close()

    def told_from(self, repository: Repository) -> tuple[str, ...]:
        """Return the places of the extracts that tell of a repository."""
        return tuple(place for place, _ in self._telling(repository))

    def has_seen(self, repository: Repository, tag: str | None = None) -> bool:
        """Return True where this ledger knows something of it itself."""
        return bool(super().intervals(repository, tag))

    def intervals(self, repository: Repository, tag: str | None = None) -> tuple[Interval, ...]:
        """See `Reader.intervals`."""
        found = super().intervals(repository, tag)
        for _, other in self._telling(repository):
            found = preceded(other.intervals(repository, tag), found)
        return found

    def tags_of_digest(
        self, digest: Digest, repository: Repository | None = None
    ) -> tuple[tuple[Repository, Interval], ...]:
        """See `Reader.tags_of_digest`."""
        return tuple(dict.fromkeys(super().tags_of_digest(digest, repository)))

    def _homes(self, digest: Digest) -> Iterator[tuple[Repository, int, int]]:
        yield from super()._homes(digest)
        for other in self._others.values():
            yield from other.homes(digest)

    def change(
        self, repository: Repository, before: Digest, after: Digest
    ) -> tuple[Change, bool] | None:
        """Return what is stored of a move from one digest to another: the last one, ours first.

        With it, whether an extract tells it, which leaves out what its readers may not see.
        """
        told = [(False, super().changes(repository))]
        told += [(True, other.changes(repository)) for _, other in self._telling(repository)]
        for is_told, changes in told:
            found = [one for one in changes if (one.before, one.after) == (before, after)]
            if found:
                return max(found, key=lambda one: one.at), is_told
        return None

    def reasons(
        self, repository: Repository, tag: str | None = None
    ) -> Mapping[tuple[str, datetime], str]:
        """See `Reader.reasons`."""
        found: dict[tuple[str, datetime], str] = {}
        for _, other in self._telling(repository):
            found = {**other.reasons(repository, tag), **found}
        return {**found, **super().reasons(repository, tag)}

    def origin(self, repository: Repository) -> str:
        """See `Reader.origin`; where this ledger knows nothing, the extract's word."""
        telling = self._telling(repository)
        if not telling or super().intervals(repository):
            return super().origin(repository)
        return telling[0][1].origin(repository)

    def _telling(self, repository: Repository) -> list[tuple[str, _OfPlace]]:
        """Return the extracts that tell of a repository on the word that counts here."""
        own = super().origin(repository) if super().intervals(repository) else None
        return [
            (place, other)
            for place, other in self._others.items()
            if repository in other.repositories_told
            and (own is None or other.origin(repository) in (own, UNRECORDED))
        ]


def _open(path: Path, place: str) -> _OfPlace:
    with Translated(path):
        connection = connect_read_only(path)
        if connection is None:
            raise LedgerError(f"the ledger {str(path)!r} changed while it was being opened")
        return _OfPlace(connection, path, place)
