"""The ledger, written: every method is one transaction, on the disk when it returns.

A crash at any moment loses nothing that was acknowledged. One writer works at a time (others wait
up to half a minute); readers are never kept waiting.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.history import Change, Interval
from tagwatch.audit.verdict.news import News, RunScope, news_of
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import LedgerError, LedgerFailedError
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, Failing, Gone, RepositorySnapshot
from tagwatch.ledger.answer import store_parts, without_lists
from tagwatch.ledger.codec import (
    compress,
    compress_document,
    digest_to_bytes,
    encode,
    micros,
    moment,
)
from tagwatch.ledger.connection import OWN, Translated, refuse_a_clock_behind
from tagwatch.ledger.failing import count_nights
from tagwatch.ledger.judged import (
    go_on,
    judged_of,
    judgements_of,
    keep,
    lines_of_judged,
    note_lists,
    renew,
)
from tagwatch.ledger.maintenance import forget
from tagwatch.ledger.memory import store_history
from tagwatch.ledger.piece import is_readable
from tagwatch.ledger.read import Reader
from tagwatch.ledger.record import (
    Alert,
    Fact,
    Forgotten,
    Judged,
    Listing,
    Move,
    Stored,
    Telling,
)
from tagwatch.ledger.reuse import (
    drop_outdated,
    drop_outdated_patterns,
    drop_place,
    new_tags,
    put_evidence,
    seen_at,
    standing,
    state_of,
    state_of_all,
    state_of_bases,
    touch,
)
from tagwatch.ledger.sight import repository_number, store_snapshot
from tagwatch.ledger.telling import (
    explained,
    facts_after,
    join,
    newest_fact,
    standing_findings,
    tell,
)
from tagwatch.ledger.upgrade import open_upgraded
from tagwatch.value import replace

if TYPE_CHECKING:
    from tagwatch.audit.verdict.keeper import Judgement
    from tagwatch.ledger.extract import Past
    from tagwatch.ledger.outbox import Outbox

__all__ = ["Ledger"]

_CACHED_KEYS = 8
_DOCUMENT = "SELECT id FROM document WHERE substr(digest, -4) = ? AND digest = ?"
_PUT_MEDIA_TYPE = "INSERT OR IGNORE INTO media_type (name) VALUES (?)"
_PUT_DOCUMENT = """
  INSERT INTO document (digest, media_type_id, raw)
  VALUES (?1, (SELECT id FROM media_type WHERE name = ?2), ?3) RETURNING id"""
_PUT_BASE_BUILD = """
  INSERT INTO main.base_build
    (reference, platform, digest, manifest, origin, first_seen, last_seen, ended, body)
  VALUES (?1, ?2, ?3, ?4, origin_of(?1), ?5, ?6, ?7, ?8)
  ON CONFLICT (reference, platform, digest, manifest, origin) DO UPDATE SET
    ended = iif(coalesce(excluded.last_seen, 0) >= coalesce(last_seen, 0), excluded.ended, ended),
    first_seen = min(coalesce(first_seen, excluded.first_seen),
                     coalesce(excluded.first_seen, first_seen)),
    last_seen = max(coalesce(last_seen, excluded.last_seen),
                    coalesce(excluded.last_seen, last_seen)),
    body = excluded.body"""


class Ledger(Reader):
    """A ledger that is read and written. Every method raises `LedgerError` and nothing else.

    Bound to the thread that opened it.
    """

    @classmethod
    def open(cls, path: Path, origins: Mapping[str, str] = MappingProxyType({})) -> Self:
        """Open the ledger at `path`; it and its folder are made where missing, or upgraded.

        `origins`: see `Reader.open`; what is stored is theirs.
        Raises `LedgerError`: damaged, foreign, newer than this program, not writable.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise LedgerFailedError(
                f"the ledger's folder {str(path.parent)!r} cannot be made: {error.strerror}",
                hint="name another file with `database:`",
            ) from error
        with Translated(path):
            return cls(open_upgraded(path), path, origins)

    @contextmanager
    def in_one_step(self) -> Iterator[None]:
        """Let all that is read and written inside be one step, for every other process, too."""
        with self._transaction():
            yield

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Take the one write lock first, so that what is read stays true until the commit.

        Inside another transaction it is a part of that one.
        """
        if self._connection.in_transaction:
            yield self._connection
            return
        with Translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.execute("COMMIT")

    # Runs

    def begin_run(
        self,
        kind: str,
        at: datetime,
        *,
        project: str = "",
        scope: Iterable[Repository] | None = None,
        holder: str = "",
    ) -> int:
        """Note that a run (`scan`, `check`, …) began; its number.

        `project`: whose it is; `scope`: what it is about, None for all; `holder`: who scans, for
        people who wait. Raises `ClockError` where the ledger is ahead of `at`.
        """
        names = None if scope is None else json.dumps(sorted(one.name for one in scope))
        with self._transaction() as connection:
            refuse_a_clock_behind(connection, at)
            if kind == "scan":
                join(connection, project, self._stood_last())
                connection.execute(
                    "UPDATE project SET holder = ? WHERE name = ?", (holder or None, project)
                )
            cursor = connection.execute(
                "INSERT INTO run (kind, at, project, scope) VALUES (?, ?, ?, ?) RETURNING id",
                (kind, micros(at), project, names),
            )
            return int(cursor.fetchone()[0])

    def _stood_last(self) -> Iterator[Finding]:
        """Yield the findings of the last answer; none where it cannot be read any more."""
        with suppress(LedgerError):
            result = self._result("kind = 'scan' AND result IS NOT NULL", (), whole=False)
            yield from result.findings if result is not None else ()

    def holder(self, project: str) -> str:
        """Return who noted last that they scan for the project; empty where nobody did."""
        rows = self._rows("SELECT coalesce(holder, '') FROM project WHERE name = ?", (project,))
        return str(rows[0][0]) if rows else ""

    def stood(self, project: str) -> tuple[Finding, ...]:
        """Return the findings that stand for the project."""
        with Translated(self.path):
            return tuple(standing_findings(self._connection, project))

    def facts(self, project: str) -> tuple[Fact, ...]:
        """Return what happened to tags and was not told to `project` yet, in order."""
        with Translated(self.path):
            return facts_after(self._connection, project)

    def newest_fact(self) -> int:
        """Return the number of the newest fact, 0 where there is none."""
        with Translated(self.path):
            return newest_fact(self._connection)

    def explained(self, project: str) -> tuple[Fact, ...]:
        """Return the moves that were told to `project` without a verdict, and have one now."""
        with Translated(self.path):
            return explained(self._connection, project)

    def news(self, run_id: int, result: AuditResult, *, scope: RunScope = None) -> News:
        """Return what `result` has to tell that the project's runs before this one did not."""
        project, before, _ = self._begun(run_id)
        with Translated(self.path):
            standing = standing_findings(self._connection, project)
            return news_of(result, standing, before=before, scope=scope)

    def _begun(self, run_id: int) -> tuple[str, datetime | None, int]:
        """Return whose run it is, and when and which the one was that its news are since."""
        rows = self._rows("SELECT project, kind FROM run WHERE id = ?", (run_id,))
        if not rows:
            raise LedgerError(f"there is no run {run_id} to finish")
        ((project, kind),) = rows
        before = self._rows(
            "SELECT id, at FROM run WHERE id < ? AND kind = ? AND project = ? "
            "AND result IS NOT NULL ORDER BY id DESC LIMIT 1",
            (run_id, kind, project),
        )
        return (project, moment(before[0][1]), before[0][0]) if before else (project, None, 0)

    def finish_run(
        self,
        run_id: int,
        result: AuditResult,
        alerts: Iterable[Alert] = (),
        *,
        news: News | None = None,
        telling: Telling | None = None,
        listings: Iterable[Listing] = (),
    ) -> None:
        """Store the answer of a run, what stands after it, what it told, and the alerts of that.

        One transaction: a crash leaves all of it or nothing, so that nothing is lost or told twice.
        `news`: what `Ledger.news` returned; `telling`: what happened to tags and is told;
        `listings`: what the next answers may hold as well.
        """
        counts = result.counts()
        at = micros(result.at)
        project, _, before_id = self._begun(run_id)
        if news is None:
            news = self.news(run_id, result)
        with self._transaction() as connection:
            run = {
                "finished_at": at,
                "before_id": before_id,
                "complete": int(result.complete),
                "errors": counts[Severity.ERROR],
                "warnings": counts[Severity.WARNING],
                "notes": counts[Severity.NOTE],
                "not_checked": result.coverage.unresolved + result.coverage.unavailable,
                "moved": len(result.changes),
                "result": compress(encode(without_lists(result))),
            }
            made = store_parts(connection, run_id, result, listings)
            note_lists(connection, project, made, result.at)
            columns = ", ".join(f"{name} = ?" for name in run)
            connection.execute(
                f"UPDATE run SET {columns} WHERE id = ?",  # noqa: S608  # our own names
                (*run.values(), run_id),
            )
            connection.execute("UPDATE project SET holder = NULL WHERE name = ?", (project,))
            tell(connection, run_id, project, result, news, telling or Telling())
            for alert in alerts:
                self.outbox_of(project).store(connection, alert, result.at)

    def count_nights(
        self,
        at: datetime,
        failing: Mapping[Repository, str],
        read: Collection[Repository],
        project: str = "",
    ) -> Mapping[Repository, Failing]:
        """See `failing.count_nights`."""
        with Translated(self.path):
            return count_nights(self._connection, self._transaction, at, failing, read, project)

    @property
    def outbox(self) -> Outbox:
        """The alerts."""
        return self.outbox_of("")

    def outbox_of(self, project: str) -> Outbox:
        """Return the messages of a project."""
        from tagwatch.ledger.outbox import Outbox  # most runs tell nobody

        return Outbox(self._connection, self._transaction, project)

    # What a crawl saw

    def add(self, run_id: int, *snapshots: RepositorySnapshot) -> Stored:
        """Store what registries were seen to serve, and return what has changed.

        Safe when it returns; snapshots that are added together share the wait for the disk.
        Adding a snapshot again changes nothing.
        """
        moves: list[Move] = []
        gone: list[Gone] = []
        surfaced: list[tuple[Repository, str]] = []
        with self._transaction() as connection:
            for snapshot in snapshots:
                fresh = new_tags(connection, snapshot)
                stored = store_snapshot(connection, run_id, snapshot)
                changed = [move.tag for move in stored.moves] + [one.tag for one in stored.gone]
                drop_outdated(connection, snapshot.repository, changed, snapshot.at)
                drop_outdated_patterns(connection, snapshot.repository, changed, fresh, snapshot.at)
                moves += stored.moves
                gone += stored.gone
                surfaced += stored.surfaced
                if snapshot.documents:
                    home = repository_number(connection, snapshot.repository)
                    _store_documents(connection, home, snapshot.documents.values())
        return Stored(moves=tuple(moves), gone=tuple(gone), surfaced=tuple(surfaced))

    def set_verdict(self, move: Move, change: Change, *, version: str | None = None) -> None:
        """Explain a move: its verdict and version on the interval, and the whole change.

        `version` is `change.version_after` where it is not given.
        """
        body = compress(encode(change))
        names = (move.repository.registry, move.repository.path, move.tag)
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT i.repository_id, i.tag_id, i.n FROM repository r "
                "JOIN tag t ON t.repository_id = r.id JOIN interval i "
                "ON i.repository_id = r.id AND i.tag_id = t.id AND i.first_seen = ? "
                "JOIN digest d ON d.repository_id = r.id AND d.id = i.digest_id AND d.bytes = ? "
                "WHERE r.registry = ? AND r.path = ? AND t.name = ? ORDER BY i.n DESC LIMIT 1",
                (micros(move.at), digest_to_bytes(move.after), *names),
            ).fetchone()
            if row is None:
                raise LedgerError(
                    f"no move of {move.repository}:{move.tag} at {move.at.isoformat()} is known",
                    hint="only moves that `add` returned can be explained",
                )
            where = "WHERE repository_id = ? AND tag_id = ? AND n = ?"
            connection.execute(f"UPDATE move SET change = ? {where}", (body, *row))  # noqa: S608  # our own text
            connection.execute(
                f"UPDATE interval SET verdict = ?, version = coalesce(?, version) {where}",  # noqa: S608  # our own text
                (change.verdict.value, version or change.version_after, *row),
            )

    def set_versions(self, repository: Repository, versions: Mapping[str, str]) -> None:
        """Note the concrete version of tags as they are now; unchanged ones cost no write."""
        with self._transaction() as connection:
            home = repository_number(connection, repository)
            connection.executemany(
                "UPDATE interval SET version = ?1 FROM tag t WHERE t.repository_id = ?2 "
                "AND t.name = ?3 AND interval.repository_id = ?2 AND interval.tag_id = t.id "
                "AND interval.n = t.n AND ended_at IS NULL AND version IS NOT ?1",
                [(version, home, tag) for tag, version in sorted(versions.items())],
            )

    def import_history(self, repository: Repository, intervals: Iterable[Interval]) -> int:
        """Remember what others know of tags; how many intervals were stored.

        It tells only of the time before we saw a tag ourselves. What was imported before of the
        same tags and kind of date is replaced. Raises `LedgerError` for intervals of kind SEEN.
        """
        with self._transaction() as connection:
            return store_history(connection, repository, intervals)

    # What was judged

    def put_base_builds(self, builds: Iterable[BaseBuild]) -> None:
        """Remember builds of approved bases; of one seen before, the dates are widened."""
        with self._transaction() as connection:
            connection.executemany(_PUT_BASE_BUILD, map(_base_build_row, builds))

    def put_evidence(
        self, evidence: Iterable[Evidence], made_from: Mapping[str, bytes] | None = None
    ) -> None:
        """Store evidence by key and source; newer replaces older, never the other way round.

        `made_from`: by key, a hash of everything that the evidence was made of; see `standing`.
        """
        by_source: dict[str, list[Evidence]] = {}
        for item in evidence:
            source = self._own if item.source == OWN else item.source
            by_source.setdefault(source, []).append(item)
        with self._transaction() as connection:
            for source, items in by_source.items():
                put_evidence(connection, source, items, made_from or {})

    def state(self, repository: Repository) -> bytes:
        """See `reuse.state_of`."""
        with Translated(self.path):
            return state_of(self._connection, repository)

    def state_of_bases(self, at: datetime) -> bytes:
        """See `reuse.state_of_bases`."""
        with Translated(self.path):
            return state_of_bases(self._connection, self._own, at)

    def state_of_all(self, at: datetime) -> bytes:
        """See `reuse.state_of_all`."""
        with Translated(self.path):
            return state_of_all(self._connection, at)

    def seen_at(self, repository: Repository, at: datetime) -> bytes:
        """See `reuse.seen_at`."""
        with Translated(self.path):
            return seen_at(self._connection, repository, at)

    def judged(self, project: str, at: datetime) -> Mapping[Repository, Judged]:
        """See `judged.judged_of`."""
        with Translated(self.path):
            return judged_of(self._connection, project, at)

    def lines_of_judged(self, judged: Judged, at: datetime) -> Iterator[tuple[str, bytes]]:
        """See `judged.lines_of_judged`."""
        with Translated(self.path):
            yield from lines_of_judged(self._connection, judged.id, at)

    def is_readable(self, number: int) -> bool:
        """See `piece.is_readable`."""
        with Translated(self.path):
            return is_readable(self._connection, number)

    def put_judged(
        self, project: str, renewed: Iterable[Judged], still: Iterable[Judged], at: datetime
    ) -> None:
        """Note what was made of repositories at `at`, and what still holds then.

        The evidence of those that are renewed is stored.
        """
        with self._transaction() as connection:
            renew(connection, project, self._own, renewed, at)
            go_on(connection, (one.id for one in still), at)

    def judgements(
        self, project: str, made_from: Mapping[Repository, bytes], at: datetime
    ) -> Mapping[Repository, Judgement]:
        """See `judged.judgements_of`."""
        with Translated(self.path):
            return judgements_of(self._connection, project, made_from, at)

    def keep(self, project: str, made: Iterable[tuple[Repository, bytes, Judgement]]) -> None:
        """See `judged.keep`."""
        with self._transaction() as connection:
            keep(connection, project, made)

    def standing(self, made_from: Mapping[str, bytes]) -> Mapping[str, Evidence]:
        """See `reuse.standing`."""
        with Translated(self.path):
            return standing(self._connection, self._own, made_from)

    def touch_evidence(self, keys: Iterable[str], at: datetime) -> None:
        """Let our own evidence of these keys, which still stands, hold until `at`."""
        with self._transaction() as connection:
            touch(connection, self._own, keys, at)

    def replace_evidence(
        self, place: str, evidence: Iterable[Evidence], pasts: Iterable[Past] = ()
    ) -> None:
        """Store the evidence of an import, in place of all that this place held before.

        `pasts`: what it tells of the past of tags.

        Raises `LedgerError` for `seen`, which is our own, and for evidence that says it is.
        """
        from tagwatch.ledger.extract import store_pasts  # few runs import facts

        items = tuple(evidence)
        if any(f"{one} ".startswith(f"{OWN} ") for one in (place, *(one.source for one in items))):
            raise LedgerError(f"imported facts must carry their source, here {place!r}")
        with self._transaction() as connection:
            drop_place(connection, place)
            put_evidence(connection, place, items, {})
            store_pasts(connection, place, pasts)

    def cache(
        self, name: str, key: str, body: str, at: datetime, *, most: int = _CACHED_KEYS
    ) -> None:
        """Keep a text under `name` and its content hash; the newest few of each name stay."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO cache (name, key, at, body) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (name, key) DO UPDATE SET at = excluded.at, body = excluded.body",
                (name, key, micros(at), body),
            )
            connection.execute(
                "DELETE FROM cache WHERE name = ?1 AND key NOT IN "
                "(SELECT key FROM cache WHERE name = ?1 ORDER BY at DESC, key LIMIT ?2)",
                (name, most),
            )

    # Over the years

    def forget(
        self, at: datetime, *, history: timedelta | None = None, runs: timedelta | None = None
    ) -> Forgotten:
        """Drop what is older than this at `at` (None: keep), and unreferenced documents.

        See `maintenance.forget`. The file shrinks with `compact`.
        """
        with self._transaction() as connection:
            return forget(connection, at, history=history, runs=runs)

    def rewind(self, at: datetime) -> tuple[str, ...]:
        """Set what lies after `at` to `at`; what that was, a line for each kind.

        See `rewind.rewind`.
        """
        from tagwatch.ledger.rewind import rewind

        with self._transaction() as connection:
            return tuple(rewind(connection, at))

    def free_part(self) -> float:
        """Which part of the file is free, from 0 to 1: what forgetting left, to be used again."""
        with Translated(self.path):
            (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
            (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return free / pages if pages else 0.0

    def compact(self) -> None:
        """Write the file anew without its gaps. Needs twice its size on the disk for a moment."""
        with Translated(self.path):
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _base_build_row(build: BaseBuild) -> tuple[object, ...]:
    undated = replace(build, first_seen=None, last_seen=None, ended=False)
    return (
        build.reference,
        str(build.platform)
        + (f" {build.platform.os_version}" if build.platform.os_version else ""),
        digest_to_bytes(build.digest),
        digest_to_bytes(build.manifest),
        _micros(build.first_seen),
        _micros(build.last_seen),
        int(build.ended),
        compress(encode(undated)),
    )


def _micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def _store_documents(
    connection: sqlite3.Connection, home: int, documents: Iterable[Document]
) -> None:
    for document in documents:
        digest = digest_to_bytes(document.digest)
        found = connection.execute(_DOCUMENT, (digest[-4:], digest)).fetchone()
        if found is None:
            connection.execute(_PUT_MEDIA_TYPE, (document.media_type,))
            row = (digest, document.media_type, compress_document(document.raw))
            found = connection.execute(_PUT_DOCUMENT, row).fetchone()
        connection.execute(
            "INSERT OR IGNORE INTO repository_document (repository_id, document_id) VALUES (?, ?)",
            (home, *found),
        )
