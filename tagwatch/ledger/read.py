"""What the ledger knows, read through plain sqlite3: all that a warm `check` needs of this room.

Values are imported by the method that gives them: `check` asks for evidence only.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from tagwatch.audit.model.history import UNRECORDED, Interval
from tagwatch.errors import LedgerError, LedgerFailedError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.ledger.codec import (
    decode,
    digest_of_bytes,
    digest_to_bytes,
    expand,
    micros,
    moment,
    moment_or_none,
    text_of,
)
from tagwatch.ledger.connection import (
    UNRECORDED_EVIDENCE,
    Translated,
    connect_read_only,
    is_emptied,
    see_only,
)
from tagwatch.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from tagwatch.audit.model.base_build import BaseBuild
    from tagwatch.audit.model.evidence import Evidence
    from tagwatch.audit.model.history import Change
    from tagwatch.audit.verdict.news import News
    from tagwatch.audit.verdict.result import AuditResult
    from tagwatch.image.snapshot import Document
    from tagwatch.ledger.outbox import Message, MessageState
    from tagwatch.ledger.record import Known, Move, Run

__all__ = ["CONFIGURED", "Reader"]

CONFIGURED = "config:"
"""How the names of places begin that hold what one configuration brings, not what a user did."""

_BASE_BUILDS = """
  SELECT first_seen, last_seen, ended, body FROM base_build
  WHERE ?1 IS NULL OR reference IN (SELECT value FROM json_each(?1))
  ORDER BY reference, first_seen, platform, digest, manifest"""
_RUNS = """
  SELECT id, kind, at, finished_at, complete, errors, warnings, notes, not_checked, moved, project
  FROM run """
_RESULT = "SELECT id, result, targets, evidence FROM run WHERE "
_MAX_PARAMETERS = 500
_MOMENT_SECONDS = 0.05
_MOMENTS = 20
# SQLite keeps the order of a CROSS JOIN. It must begin with tags, from which every other table is
# reached by its primary key. `tag` has no index by `id`: reached from another table, each row would
# search all tags of its repository. The planner chooses that for plain joins with `imported` and
# `move` (2026-11: to read 8,000 moves took 4.4 s, now 0.05 s).
_INTERVAL = """
  SELECT t.name, d.bytes, i.first_seen,
         coalesce(i.last_seen,
                  max(i.first_seen, coalesce(t.seen_at, 0), coalesce(r.covered_at, 0),
                      coalesce(r.seen_at, 0))),
         i.ended_at, i.version, i.verdict
  FROM repository r
  CROSS JOIN tag t ON t.repository_id = r.id
  CROSS JOIN interval i ON i.repository_id = r.id AND i.tag_id = t.id
  CROSS JOIN digest d ON d.repository_id = r.id AND d.id = i.digest_id
  WHERE r.registry = ? AND r.path = ?"""
_NOW = """
  SELECT t.name, d.bytes
  FROM repository r
  CROSS JOIN tag t ON t.repository_id = r.id
  CROSS JOIN interval i ON i.repository_id = r.id AND i.tag_id = t.id AND i.n = t.n
  CROSS JOIN digest d ON d.repository_id = r.id AND d.id = i.digest_id
  WHERE r.registry = ? AND r.path = ? AND i.ended_at IS NULL AND i.last_seen IS NULL
  ORDER BY t.name"""
_IMPORTED = """
  SELECT i.kind, t.name, d.bytes, i.first_seen, i.last_seen, i.ended, i.version, i.verdict
  FROM repository r
  CROSS JOIN tag t ON t.repository_id = r.id
  CROSS JOIN imported i ON i.repository_id = r.id AND i.tag_id = t.id
  CROSS JOIN digest d ON d.repository_id = r.id AND d.id = i.digest_id
  WHERE r.registry = ? AND r.path = ?"""
_TAGS_OF_DIGEST = """
  SELECT name FROM tag WHERE repository_id = ?1 AND id IN (
    SELECT tag_id FROM interval WHERE repository_id = ?1 AND digest_id = ?2
    UNION SELECT tag_id FROM imported WHERE repository_id = ?1 AND digest_id = ?2)"""
_DOCUMENTS = """
  SELECT d.digest, t.name, d.raw FROM document d JOIN media_type t ON t.id = d.media_type_id"""
_MOVE = """
  SELECT r.registry, r.path, t.name, b.bytes, a.bytes, i.first_seen, m.change
  FROM repository r
  CROSS JOIN tag t ON t.repository_id = r.id
  CROSS JOIN move m ON m.repository_id = r.id AND m.tag_id = t.id
  CROSS JOIN interval i ON i.repository_id = r.id AND i.tag_id = t.id AND i.n = m.n
  CROSS JOIN digest a ON a.repository_id = r.id AND a.id = i.digest_id
  CROSS JOIN digest b ON b.repository_id = r.id AND b.id = m.before_id"""
"""Tags have no index by number: sought from their moves, each would be among all of them."""
_MARKED = """
  SELECT t.name, t.listed_at, t.failed, iif(t.first_listed > r.whole_since, t.first_listed, NULL)
  FROM repository r CROSS JOIN tag t ON t.repository_id = r.id
  WHERE r.registry = ? AND r.path = ?
    AND (t.listed_at IS NOT NULL OR t.failed IS NOT NULL OR t.first_listed > r.whole_since)"""
_UNEXPLAINED = "SELECT repository_id FROM move WHERE change IS NULL"


class Reader:
    """A ledger that is only read. Every method raises `LedgerError` and nothing else.

    Bound to the thread that opened it; readers and one writer may work at the same time.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, origins: Mapping[str, str]
    ) -> None:
        self._connection = connection
        self.path = path
        self._own = see_only(connection, origins)

    @classmethod
    def open(cls, path: Path, origins: Mapping[str, str] = MappingProxyType({})) -> Self:
        """Open the ledger at `path`; one that an older tagwatch wrote is upgraded first.

        `origins`: by host, the endpoint that is configured for it. Only what they said is known; a
        host that is missing speaks for itself.
        Raises `LedgerError`: missing, damaged, foreign, newer; empty, as only a scan begins anew.
        """
        if is_emptied(path) and not _is_being_made(path):
            raise LedgerFailedError(
                f"the ledger {str(path)!r} is empty: all that it remembered is gone",
                hint="`tagwatch ledger restore FILE` takes a backup; "
                "else the next scan begins a new one",
            )
        with Translated(path):
            connection = connect_read_only(path)
            if connection is None:
                from tagwatch.ledger.upgrade import open_upgraded

                open_upgraded(path).close()
                connection = connect_read_only(path)
            if connection is None:
                raise LedgerError(f"the ledger {str(path)!r} changed while it was being opened")
            return cls(connection, path, origins)

    def close(self) -> None:
        """Close the file. Closing twice is no error."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with Translated(self.path):
            return self._connection.execute(sql, parameters).fetchall()

    def _each(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        """Yield the rows one by one: there is one for each tag of a repository, and no limit."""
        with Translated(self.path):
            yield from self._connection.execute(sql, parameters)

    # What a repository is

    def repositories(self) -> tuple[Repository, ...]:
        """Return every repository that was ever read or imported, sorted."""
        rows = self._rows("SELECT registry, path FROM repository ORDER BY registry, path")
        return tuple(Repository(registry=registry, path=path) for registry, path in rows)

    def known(self, repository: Repository) -> Known:
        """Return what the next crawl of `repository` may skip.

        Where nobody can be named for it, everything is listed and asked again.
        """
        from tagwatch.ledger.record import Known

        names = (repository.registry, repository.path)
        rows = self._rows(
            "SELECT watermark, full_at, audited, doubted_at, whole_since FROM repository "
            "WHERE registry = ? AND path = ?",
            names,
        )
        if not rows:
            return Known()
        ((watermark, full_at, audited, doubted_at, whole_since),) = rows
        tags = {tag: digest_of_bytes(raw) for tag, raw in self._each(_NOW, names)}
        marked = self._rows(_MARKED, names)
        return Known(
            tags=tags,
            watermark=watermark,
            full_at=moment_or_none(full_at),
            audited=audited,
            doubted_at=moment_or_none(doubted_at),
            listed=frozenset(name for name, at, *_ in marked if at and name not in tags),
            failing={name: failed for name, _, failed, _ in marked if failed is not None},
            whole_since=moment_or_none(whole_since),
            new_tags={name: moment(at) for name, *_, at in marked if at is not None},
        )

    def origin(self, repository: Repository) -> str:
        """Return whose word all this is: an endpoint's, '' for the registry itself, '?' for nobody.

        `?`: an earlier schema holds it, and nobody was recorded.
        """
        rows = self._rows(
            "SELECT coalesce((SELECT origin FROM repository WHERE registry = ?1 AND path = ?2), "
            "origin_of(?1))",
            (repository.registry, repository.path),
        )
        return str(rows[0][0])

    # What a tag was

    def intervals(self, repository: Repository, tag: str | None = None) -> tuple[Interval, ...]:
        """Return the past of one tag, or of every tag, by tag and then oldest first."""
        from tagwatch.ledger.timeline import imported_of, timeline

        only, parameters = ("", ()) if tag is None else (" AND t.name = ?", (tag,))
        own = self._intervals(repository, only, parameters)
        rows = self._rows(
            f"{_IMPORTED}{only} ORDER BY i.kind, t.name, i.n",
            (repository.registry, repository.path, *parameters),
        )
        return timeline(own, [imported_of(row) for row in rows])

    def at(self, repository: Repository, tag: str, when: datetime) -> Interval | None:
        """Return what `tag` was at `when`; None where it was not there, or nothing is known."""
        from tagwatch.ledger.timeline import served_at

        return served_at(self.intervals(repository, tag), when)

    def tags_of_digest(
        self, digest: Digest, repository: Repository | None = None
    ) -> tuple[tuple[Repository, Interval], ...]:
        """Return every tag that ever served `digest`, in one repository or in all, oldest first."""
        found = [
            (home, interval)
            for home, home_id, digest_id in self._homes(digest)
            if repository in (None, home)
            for (tag,) in self._rows(_TAGS_OF_DIGEST, (home_id, digest_id))
            for interval in self.intervals(home, tag)
            if interval.digest == digest
        ]
        return tuple(sorted(found, key=lambda pair: (pair[1].first_seen, pair[0], pair[1].tag)))

    def repositories_of_digest(self, digest: Digest) -> tuple[Repository, ...]:
        """Return the repositories that a tag ever served `digest` in, sorted."""
        return tuple(sorted(home for home, _, _ in self._homes(digest)))

    def _homes(self, digest: Digest) -> Iterator[tuple[Repository, int, int]]:
        """Yield the repositories that know `digest`, with their ids and its id."""
        raw = digest_to_bytes(digest)
        for registry, path, home_id, digest_id in self._rows(
            "SELECT r.registry, r.path, r.id, d.id FROM digest d JOIN repository r "
            "ON r.id = d.repository_id WHERE substr(d.bytes, 1, 4) = ? AND d.bytes = ?",
            (raw[:4], raw),
        ):
            yield Repository(registry=registry, path=path), home_id, digest_id

    def _intervals(
        self, repository: Repository, only: str, parameters: tuple[object, ...] = ()
    ) -> list[Interval]:
        from tagwatch.ledger.timeline import interval_of

        rows = self._each(
            f"{_INTERVAL}{only} ORDER BY t.name, i.n",
            (repository.registry, repository.path, *parameters),
        )
        return [interval_of(row) for row in rows]

    # Documents

    def stored_documents(self, where: Repository | Iterable[Digest]) -> frozenset[Digest]:
        """Return the digests, of a repository or of these, whose documents are stored."""
        if isinstance(where, Repository):
            rows = self._rows(
                "SELECT d.digest FROM repository r "
                "JOIN repository_document rd ON rd.repository_id = r.id "
                "JOIN document d ON d.id = rd.document_id WHERE r.registry = ? AND r.path = ?",
                (where.registry, where.path),
            )
        else:
            rows = self._of_digests("SELECT digest FROM document d", where)
        return frozenset(digest_of_bytes(raw) for (raw,) in rows)

    def newest_document(self) -> int:
        """Return a number up to which all documents are stored now; what is stored later has more.

        None is taken away while a run asks.
        """
        return int(self._rows("SELECT coalesce(max(id), 0) FROM document")[0][0])

    def documents(
        self, digests: Iterable[Digest], *, up_to: int | None = None
    ) -> Mapping[Digest, Document]:
        """Return the documents of these digests, where stored, with the bytes that were stored.

        `up_to`: what `newest_document` returned, if what was stored later is not wanted.
        """
        from tagwatch.image.snapshot import Document

        limit = f" AND d.id <= {up_to}" if up_to is not None else ""
        rows = self._of_digests(_DOCUMENTS, digests, limit)
        found = (
            Document(digest=digest_of_bytes(digest), media_type=media_type, raw=expand(raw))
            for digest, media_type, raw in rows
        )
        return {document.digest: document for document in found}

    def _of_digests(self, select: str, digests: Iterable[Digest], more: str = "") -> list[Any]:
        blobs = [digest_to_bytes(digest) for digest in digests]
        rows: list[Any] = []
        for start in range(0, len(blobs), _MAX_PARAMETERS):
            part = blobs[start : start + _MAX_PARAMETERS]
            places = ", ".join("?" * len(part))
            rows += self._rows(
                f"{select} WHERE substr(d.digest, -4) IN ({places}) "
                f"AND d.digest IN ({places}){more}",
                [*(raw[-4:] for raw in part), *part],
            )
        return rows

    # Bases

    def base_builds(self, references: Iterable[str] | None = None) -> tuple[BaseBuild, ...]:
        """Return every build seen of these bases (None: of all), by reference, oldest first."""
        from tagwatch.audit.model.base_build import BaseBuild

        wanted = None if references is None else json.dumps(list(references))
        rows = self._rows(_BASE_BUILDS, (wanted,))
        return tuple(
            replace(
                decode(BaseBuild, expand(body)),
                first_seen=moment_or_none(first_seen),
                last_seen=moment_or_none(last_seen),
                ended=bool(ended),
            )
            for first_seen, last_seen, ended, body in rows
        )

    # Evidence and cached settings

    def evidence(self, keys: Iterable[str], *, configured: str = "") -> Mapping[str, Evidence]:
        """Return the newest evidence of each key, ours where an imported one is as old. One query.

        Of what configurations bring, only that of the place `configured` counts; of what this
        ledger saw, only what was made of the words of the same endpoints. What is damaged is left
        out, as if it had never been stored.
        """
        rows = self._rows(
            "SELECT key, at, source, body, piece, text_at FROM evidence_now "
            "WHERE key IN (SELECT value FROM json_each(?1)) AND (source IN (?2, ?3, ?4) "
            "OR (substr(source, 1, ?5) <> ?6 AND source <> 'seen' "
            "AND substr(source, 1, 5) <> 'seen ')) ORDER BY coalesce(at, 0), source = ?4",
            (
                json.dumps(list(keys)),
                *(configured, UNRECORDED_EVIDENCE, self._own),
                *(len(CONFIGURED), CONFIGURED),
            ),
        )
        newest = {key: stored for key, *stored in rows}
        found = {key: _evidence_of(key, *stored) for key, stored in newest.items()}
        return {key: evidence for key, evidence in found.items() if evidence is not None}

    def state_of_remembered(self, project: str, at: datetime) -> bytes:
        """See `reuse.state_of_remembered`."""
        from tagwatch.ledger.reuse import state_of_remembered  # only reports ask

        with Translated(self.path):
            return state_of_remembered(self._connection, project, self._own, at)

    def evidence_keys(self) -> tuple[str, ...]:
        """Return every key that evidence is stored for, sorted."""
        return tuple(key for (key,) in self._rows("SELECT DISTINCT key FROM evidence ORDER BY key"))

    def cached(self, name: str, key: str) -> str | None:
        """Return the text that `Ledger.cache` stored under `name` for this content hash."""
        rows = self._rows(
            "SELECT CAST(body AS BLOB) FROM cache WHERE name = ? AND key = ?", (name, key)
        )
        try:
            return rows[0][0].decode() if rows else None
        except UnicodeDecodeError:
            return None  # damaged: it is read again

    # Runs and results

    def runs(
        self, limit: int = 30, *, project: str | None = None, kind: str | None = None
    ) -> tuple[Run, ...]:
        """Return the newest runs, newest first: of all, or of one project or kind.

        What an earlier schema holds is any project's, until the first one scans.
        """
        from tagwatch.ledger.timeline import run_of

        rows = self._rows(
            f"{_RUNS}WHERE (?1 IS NULL OR project IN (?1, '')) AND (?2 IS NULL OR kind = ?2) "
            "ORDER BY id DESC LIMIT ?3",
            (project, kind, limit),
        )
        return tuple(run_of(row) for row in rows)

    def projects(self) -> tuple[str, ...]:
        """Return the projects that have scanned, by name."""
        rows = self._rows(
            "SELECT DISTINCT project FROM run WHERE kind = 'scan' AND finished_at IS NOT NULL "
            "AND project != '' ORDER BY project"
        )
        return tuple(name for (name,) in rows)

    def result(self, run_id: int) -> AuditResult | None:
        """Return the run's answer; None where it did not finish or its result was forgotten."""
        return self._result("id = ?", (run_id,))

    def outline(self, run_id: int) -> AuditResult | None:
        """Return the run's answer without targets and evidence; see `result`."""
        return self._result("id = ?", (run_id,), whole=False)

    def known_by(
        self, at: datetime, project: str, lists: Collection[str]
    ) -> Mapping[str, bytes] | None:
        """Return what these lists in the answer of a scan are known by, until when apart.

        Equal: they say the same. None where there is no such answer.
        """
        rows = self._rows(
            "SELECT max(id) FROM run WHERE kind = 'scan' AND at = ? AND project = ? "
            "AND result IS NOT NULL",
            (micros(at), project),
        )
        if rows[0][0] is None:
            return None
        found = self._rows(
            "SELECT p.name, piece.hash FROM part p JOIN piece ON piece.id = p.piece_id "
            "WHERE p.run_id = ? ORDER BY p.name",
            (rows[0][0],),
        )
        return {name: known for name, known in found if name in lists}

    def last_result(
        self, kind: str = "scan", *, project: str | None = None, whole: bool = True
    ) -> AuditResult | None:
        """Return the answer of the newest finished run of this kind: of all, or of one project.

        `whole` False: without targets and evidence.
        """
        of = (kind,) if project is None else (kind, project)
        where = "" if project is None else " AND project IN (?, '')"
        return self._result(f"kind = ? AND result IS NOT NULL{where}", of, whole=whole)

    def news_told(self, run_id: int, result: AuditResult | None = None) -> News | None:
        """Return what a run told when it finished; None where it did not, or was forgotten.

        `result`: its answer, where that was read: its findings are then in memory only once.
        A run of before schema 8 is compared with the answer before it.
        """
        from tagwatch.audit.verdict.news import news_of
        from tagwatch.ledger.telling import news_told

        result = result or self.outline(run_id)
        if result is None:
            return None
        ((before_id, at),) = self._rows(
            "SELECT before_id, (SELECT at FROM run b WHERE b.id = run.before_id) "
            "FROM run WHERE id = ?",
            (run_id,),
        )
        if before_id is None:
            previous = self.previous_result(run_id)
            standing = previous.findings if previous else ()
            return news_of(result, standing, before=previous.at if previous else None)
        with Translated(self.path):
            return news_told(self._connection, run_id, moment_or_none(at), result)

    def previous_result(self, run_id: int) -> AuditResult | None:
        """Return the answer of the newest finished run before this one, of the same kind.

        Without targets and evidence: it serves to tell what is different.
        """
        return self._result(
            "id < ? AND result IS NOT NULL AND kind = (SELECT kind FROM run WHERE id = ?)",
            (run_id, run_id),
            whole=False,
        )

    def _result(
        self, condition: str, parameters: tuple[object, ...], *, whole: bool = True
    ) -> AuditResult | None:
        from tagwatch.ledger.answer import result_of

        rows = self._rows(_RESULT + condition + " ORDER BY id DESC LIMIT 1", parameters)
        if not rows or rows[0][1] is None:
            return None
        with Translated(self.path):
            return result_of(self._connection, *rows[0], whole=whole)

    # Moves

    def messages(self, *states: str, project: str = "") -> tuple[Message, ...]:
        """Return a project's alerts in these states (none: all), oldest first; see `outbox`."""
        from tagwatch.ledger.outbox import read_messages

        with Translated(self.path):
            return read_messages(self._connection, states, project=project)

    def oldest_run(self) -> datetime | None:
        """Return when the oldest run began that `Ledger.forget` may drop; None where none is."""
        from tagwatch.ledger.maintenance import oldest_run

        with Translated(self.path):
            return oldest_run(self._connection)

    def standing_since(self, project: str) -> Mapping[str, datetime]:
        """Return since when each finding of a project stands, by its fingerprint.

        One that says something else by now stands since it was there first. Where that run is
        forgotten, it stands since the oldest one that is remembered.
        """
        rows = self._rows(
            "SELECT s.fingerprint, s.from_run, s.to_run, "
            "coalesce(r.at, (SELECT min(at) FROM run WHERE project = ?1)) FROM standing s "
            "LEFT JOIN run r ON r.id = s.from_run WHERE s.project = ?1 "
            "ORDER BY s.fingerprint, s.from_run",
            (project,),
        )
        found: dict[str, datetime] = {}
        ended: dict[str, int | None] = {}
        for fingerprint, from_run, to_run, at in rows:
            if fingerprint not in found or ended[fingerprint] != from_run:
                found[fingerprint] = moment(at)
            ended[fingerprint] = to_run
        return {one: at for one, at in found.items() if ended[one] is None}

    def count_messages(self, project: str = "") -> Mapping[MessageState, int]:
        """Return how many alerts of a project are in each state; every state is a key."""
        from tagwatch.ledger.outbox import count_messages

        with Translated(self.path):
            return count_messages(self._connection, project)

    def newest_change(self, repository: Repository, tag: str) -> Change | None:
        """Return the change behind the tag's newest explained move; None where there is none."""
        from tagwatch.audit.model.history import Change

        rows = self._rows(
            f"{_MOVE} WHERE r.registry = ? AND r.path = ? AND t.name = ? "
            "AND m.change IS NOT NULL ORDER BY m.n DESC LIMIT 1",
            (repository.registry, repository.path, tag),
        )
        return decode(Change, expand(rows[0][-1])) if rows else None

    def changes(self, repository: Repository, tag: str | None = None) -> tuple[Change, ...]:
        """Return the changes behind the moves of one tag, or of every tag, oldest first.

        Moves without a verdict, and those whose change is damaged, are left out.
        """
        from tagwatch.audit.model.history import Change

        only, parameters = ("", ()) if tag is None else (" AND t.name = ?", (tag,))
        rows = self._rows(
            f"{_MOVE} WHERE r.registry = ? AND r.path = ? AND m.change IS NOT NULL{only} "
            "ORDER BY t.name, m.n",
            (repository.registry, repository.path, *parameters),
        )
        found = []
        for row in rows:
            try:
                found.append(decode(Change, expand(row[-1])))
            except LedgerError:  # `suppress` would load `contextlib` on the warm path
                continue
        return tuple(found)

    def reasons(
        self, repository: Repository, tag: str | None = None
    ) -> Mapping[tuple[str, datetime], str]:
        """Return why tags moved, by tag and the moment at which the move was seen.

        Moves without a verdict, and those whose reason is damaged, are left out.
        """
        from tagwatch.ledger.record import Why

        only, parameters = ("", ()) if tag is None else (" AND t.name = ?", (tag,))
        rows = self._rows(
            f"{_MOVE} WHERE r.registry = ? AND r.path = ? AND m.change IS NOT NULL{only}",
            (repository.registry, repository.path, *parameters),
        )
        found = {}
        for _, _, name, _, _, first_seen, change in rows:
            try:
                found[name, moment(first_seen)] = decode(Why, expand(change)).reason
            except LedgerError:
                continue
        return found

    def unexplained_moves(self) -> tuple[Move, ...]:
        """Return moves without a verdict: an interrupted run leaves them for the next one."""
        from tagwatch.ledger.record import Move

        rows = self._rows(
            f"{_MOVE} WHERE r.id IN ({_UNEXPLAINED}) AND m.change IS NULL "
            "ORDER BY i.first_seen, r.path, t.name"
        )
        return tuple(
            Move(
                repository=Repository(registry=registry, path=path),
                tag=tag,
                before=digest_of_bytes(before),
                after=digest_of_bytes(after),
                at=moment(at),
            )
            for registry, path, tag, before, after, at, _ in rows
        )


def _is_being_made(path: Path) -> bool:
    """Return True where another process makes the ledger in this moment."""
    from time import sleep

    for _ in range(_MOMENTS):
        sleep(_MOMENT_SECONDS)
        if not is_emptied(path):
            return True
    return False


def _evidence_of(
    key: str,
    at: int | None,
    source: str,
    body: bytes | None,
    piece: bytes | None,
    text_at: int | None,
) -> Evidence | None:
    """Return stored evidence, which holds until `at`; None where it is damaged."""
    from tagwatch.audit.model.evidence import Evidence, until

    try:
        evidence = decode(Evidence, text_of(key, body, piece, text_at))
        if source == UNRECORDED_EVIDENCE:
            evidence = replace(evidence, origin=UNRECORDED)
        return until(evidence, moment(at)) if at is not None else evidence
    except LedgerError:
        return None
