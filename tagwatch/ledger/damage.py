"""What is stored and cannot be read any more: found row by row, and mended where that is possible.

Evidence, cached texts, documents and builds of bases can be read or made again: such a row is
dropped. A run's answer and an alert cannot: what the rest of the row says is kept. Names and times
that are damaged are told only; there a backup helps.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.history import Change
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import LedgerError, TagwatchError
from tagwatch.image.digest import digest_of
from tagwatch.image.reference import Reference, Repository
from tagwatch.ledger.codec import (
    compress,
    decode_quickly,
    digest_of_bytes,
    encode,
    expand,
    expand_lines,
    text_of,
)
from tagwatch.ledger.connection import OWN, is_own
from tagwatch.ledger.judged import lists_in
from tagwatch.ledger.judgement import judgement_in
from tagwatch.ledger.piece import hash_of, hash_of_others, reached
from tagwatch.source.target import Location, Target
from tagwatch.value import dataclass

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Damage", "bare_finding", "damages", "mend"]

_LATEST = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""
_AGAIN = "it is dropped, and the next scan makes it again"
_BY_REGISTRY = "it is dropped, and the next scan reads it again where its registry has it"
_TIMES = {
    "repository": ("full_at", "covered_at", "swept_at", "seen_at", "whole_since"),
    "tag": ("seen_at", "listed_at", "first_listed"),
    "interval": ("first_seen", "last_seen", "ended_at"),
    "imported": ("first_seen", "last_seen"),
    "base_build": ("first_seen", "last_seen"),
    "evidence": ("at", "text_at"),
    "judged": ("at", "again_at", "judgement_again_at"),
    "cache": ("at",),
    "run": ("at", "finished_at"),
    "event": ("at",),
    "outbox": ("at", "next_at", "claimed_at", "settled_at"),
}
_EVIDENCE = """
  SELECT id, key, source, piece_id, body, piece, text_at FROM evidence_now ORDER BY id"""
_DOCUMENTS = """
  SELECT d.id, d.digest, t.name, d.raw FROM document d
  LEFT JOIN media_type t ON t.id = d.media_type_id"""
_DROP = {
    "evidence": "DELETE FROM evidence WHERE rowid = ?",
    "source": "DELETE FROM source WHERE rowid = ?",
    "media_type": "DELETE FROM media_type WHERE rowid = ?",
    "judged": "DELETE FROM judged WHERE rowid = ?",
    "base_build": "DELETE FROM base_build WHERE rowid = ?",
    "standing": "DELETE FROM standing WHERE rowid = ?",
    "cache": "DELETE FROM cache",
    # which of its texts is damaged does not matter: it cannot be sent any more
    "outbox": "UPDATE outbox SET state = 'held', payload = '', headline = '', "
    "receiver = 'unknown', channel = 'unknown', dedup_key = 'damaged ' || rowid, "
    "address = NULL, mentioned_in = NULL, "
    "error = 'it was damaged on disk', settled_at = coalesce(settled_at, at) WHERE rowid = ?",
}
"""What mends a row of which a text or a time is damaged, by table."""
_FIRST = {
    "judged": ("UPDATE evidence SET judged_id = NULL WHERE judged_id = ?",),
    "source": ("DELETE FROM evidence WHERE source_id = ?",),
    "media_type": (
        "DELETE FROM repository_document WHERE document_id IN "
        "(SELECT id FROM document WHERE media_type_id = ?)",
        "DELETE FROM document WHERE media_type_id = ?",
    ),
}
"""What is done before that: a number may be given again, and would bring rows of another."""
_REMEDIES = {
    "evidence": _AGAIN,
    "source": "all evidence of it is dropped, until it is made or imported again",
    "media_type": "all documents of it are dropped, and the next scan reads them again",
    "judged": _AGAIN,
    "base_build": _AGAIN,
    "standing": "it is dropped, and told as new where it still stands",
    "cache": "all such texts are dropped, and read again when they are needed",
    "outbox": "it is listed as one that was not delivered",
}
_WORDS = {
    "source": "a source of evidence:",
    "media_type": "a media type of documents:",
    "judged": "what was made of repository",
    "outbox": "alert",
    "base_build": "a build of a base:",
    "standing": "a finding:",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What cannot be read any more, in one row."""

    what: str
    """What is wrong, without a full stop."""
    remedy: str = ""
    """What comes of it once it is mended; empty where only a backup helps."""
    mend: tuple[tuple[str, tuple[object, ...]], ...] = ()
    """The statements that mend it, each with its parameters."""

    def __str__(self) -> str:
        if not self.mend:
            return self.what
        return f"{self.what}; with --mend {self.remedy}"


def damages(connection: sqlite3.Connection) -> Iterator[Damage]:
    """Yield all that cannot be read, of a ledger of this program's schema that SQLite can read."""
    with _raw(connection):
        texts = tuple(_texts(connection))
        yield from (damage for _, _, damage in texts)
        told = {(table, key) for table, key, _ in texts}
        for table, key, damage in (*_times(connection), *_bodies(connection)):
            if (table, key) not in told:
                told.add((table, key))
                yield damage
        unread = {key for table, key in told if table == "piece"}
        for run_id in _answers_with(connection, unread):
            if ("run", run_id) not in told:
                yield _answer_damage((run_id,))


def mend(connection: sqlite3.Connection, found: Iterable[Damage]) -> Iterator[str]:
    """Mend what can be mended, in the caller's transaction; yield what was, a sentence each."""
    for damage in found:
        for sql, parameters in damage.mend:
            connection.execute(sql, parameters)
        if damage.mend:
            yield f"{damage.what}; {damage.remedy}"


def bare_finding(
    fingerprint: str, rule: str, severity: str, repository: str | None, path: str
) -> Finding:
    """Return a finding that stands and whose text is damaged: all that its row says of it."""
    home = Repository.parse(repository) if repository else None
    return Finding(
        rule=rule,
        severity=Severity(severity),
        message="the text of this finding was damaged in the ledger",
        location=Location(path=path, line=1, column=1, end_line=1, end_column=1),
        fingerprint=fingerprint,
        reference=Reference(repository=home) if home is not None else None,
    )


@contextmanager
def _raw(connection: sqlite3.Connection) -> Iterator[None]:
    """Read texts as the bytes that are stored: what is no UTF-8 must not end the reading."""
    before, connection.text_factory = connection.text_factory, bytes
    try:
        yield
    finally:
        connection.text_factory = before


def _texts(connection: sqlite3.Connection) -> Iterator[tuple[str, int, Damage]]:
    """Yield rows with a text that is no text, with the table and the row's place in it."""
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for name in sorted(raw.decode() for (raw,) in tables if not raw.startswith(b"sqlite_")):
        info = connection.execute(f"PRAGMA table_info({name})").fetchall()
        columns = [column.decode() for _, column, kind, *_ in info if kind == b"TEXT"]
        if not columns:
            continue
        of = _place(connection, name)
        rows = connection.execute(f"SELECT {of}, {', '.join(columns)} FROM {name}")  # noqa: S608  # our own names
        for key, *texts in rows:
            for column, text in zip(columns, texts, strict=True):
                if text is not None and not _is_text(text):
                    yield name, key, _damage(name, key, column)
                    break


def _place(connection: sqlite3.Connection, table: str) -> str:
    """Return what numbers the rows of a table; 0 where nothing does."""
    try:
        connection.execute(f"SELECT rowid FROM {table} LIMIT 1")  # noqa: S608  # our own names
    except sqlite3.OperationalError:
        return "0"  # WITHOUT ROWID
    return "rowid"


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _times(connection: sqlite3.Connection) -> Iterator[tuple[str, int, Damage]]:
    """Yield rows with a time that no calendar has."""
    for table, columns in _TIMES.items():
        wrong = " OR ".join(f"{column} NOT BETWEEN 0 AND {_LATEST}" for column in columns)
        of = _place(connection, table)
        for (key,) in connection.execute(f"SELECT {of} FROM {table} WHERE {wrong}"):  # noqa: S608  # our own names
            yield table, key, _damage(table, key, "time")


def _bodies(connection: sqlite3.Connection) -> Iterator[tuple[str, int, Damage]]:
    """Yield rows whose body is not what it should be."""
    unread: set[int] = set()
    for table, sql, read, made in (
        (
            "piece",
            "SELECT id, hash, depth, body FROM piece",
            partial(_piece, connection),
            _piece_damage,
        ),
        ("evidence", _EVIDENCE, partial(_evidence, unread), _evidence_damage),
        ("judged", "SELECT rowid, judgement, lists, listed FROM judged", _judged, _judged_damage),
        ("base_build", "SELECT rowid, reference, body FROM base_build", _build, _build_damage),
        ("document", _DOCUMENTS, _document, _document_damage),
        ("run", "SELECT id, result, targets, evidence FROM run", _answer, _answer_damage),
        (
            "standing",
            "SELECT rowid, fingerprint, rule, severity, repository, path, body FROM standing",
            _finding,
            _finding_damage,
        ),
        (
            "event",
            "SELECT id, subject, body FROM event WHERE body IS NOT NULL",
            _went,
            _went_damage,
        ),
        (
            "move",
            "SELECT 0, repository_id, tag_id, n, change FROM move WHERE change IS NOT NULL",
            _change,
            _change_damage,
        ),
    ):
        for number, row in enumerate(connection.execute(sql)):
            if not _can_be_read(read, row):
                key = -number - 1 if table == "move" else row[0]
                if table == "piece":
                    unread.add(key)
                yield table, key, made(row)


def _can_be_read(read: Callable[[Any], object], row: Sequence[Any]) -> bool:
    try:
        read(row)
    except (TagwatchError, ValueError, TypeError, OverflowError):
        return False
    return True


def _evidence(unread: Collection[int], row: Sequence[Any]) -> None:
    """`unread`: damaged pieces, which take the evidence with them that stands there."""
    _, key, _, piece_id, *text = row
    if piece_id in unread:
        return
    if decode_quickly(Evidence, text_of(key.decode(), *text)).key.encode() != key:
        raise LedgerError("of another key")


def _judged(row: Sequence[Any]) -> None:
    json.loads(expand(row[-1]))
    if row[1] is not None:
        judgement_in(row[1])
    if row[2] is not None:
        lists_in(row[2].decode())


def _build(row: Sequence[Any]) -> None:
    decode_quickly(BaseBuild, expand(row[-1]))


def _document(row: Sequence[Any]) -> None:
    digest = digest_of_bytes(row[1])
    if row[2] is None or digest_of(expand(row[3]), algorithm=digest.partition(":")[0]) != digest:
        raise LedgerError("other bytes")


def _answer(row: Sequence[Any]) -> None:
    _, result, targets, evidence = row
    if result is not None:
        decode_quickly(AuditResult, expand(result))
    for lines, kind in ((targets, Target), (evidence, Evidence)):
        for line in expand_lines(lines) if lines is not None else ():
            decode_quickly(kind, line)


def _piece(connection: sqlite3.Connection, row: Sequence[Any]) -> None:
    _, known, depth, body = row
    content = expand(body)
    # earlier schemas knew a piece of others by the numbers of these
    if known == hash_of(depth, content):
        return
    of_others = hash_of_others(connection, depth, content) if depth else b""
    if of_others is not None and known != of_others:
        raise LedgerError("another piece")


def _finding(row: Sequence[Any]) -> None:
    decode_quickly(Finding, expand(row[-1]))


_went = _finding


def _change(row: Sequence[Any]) -> None:
    decode_quickly(Change, expand(row[-1]))


# What is wrong, and what mends it


def _damage(table: str, key: int, column: str) -> Damage:
    """Return the damage of a row in one of its columns (`time`: in one of its times)."""
    where = f"{_WORDS.get(table, table)} {key}" if key else f"a row of {table!r}"
    sql = _DROP.get(table)
    if sql is None:
        return Damage(what=f"{where} cannot be read: {column}")
    return Damage(
        what=f"{where} cannot be read",
        remedy=_REMEDIES[table],
        mend=tuple((one, (key,) if "?" in one else ()) for one in (*_FIRST.get(table, ()), sql)),
    )


def _evidence_damage(row: Sequence[Any]) -> Damage:
    rowid, key, source, *_ = row
    place = source.decode(errors="replace") if source is not None else OWN
    drop = (_DROP["evidence"], (rowid,))
    if is_own(place):
        return Damage(what=f"evidence of {_shown(key)} cannot be read", remedy=_AGAIN, mend=(drop,))
    return Damage(
        what=f"evidence of {_shown(key)} from {place!r} cannot be read",
        remedy="it is dropped, until these facts are imported again",
        # The cache notes that these facts are here already.
        mend=(drop, (_DROP["cache"], ())),
    )


def _judged_damage(row: Sequence[Any]) -> Damage:
    return _damage("judged", row[0], "listed")


def _build_damage(row: Sequence[Any]) -> Damage:
    what = f"a build of the base {_shown(row[1])} cannot be read"
    return Damage(what=what, remedy=_AGAIN, mend=((_DROP["base_build"], (row[0],)),))


def _document_damage(row: Sequence[Any]) -> Damage:
    try:
        digest = str(digest_of_bytes(row[1]))
    except TagwatchError:
        digest = f"number {row[0]}"
    return Damage(
        what=f"a document is not what its digest says: {digest}",
        remedy=_BY_REGISTRY,
        mend=(
            ("DELETE FROM document WHERE id = ?", (row[0],)),
            ("DELETE FROM repository_document WHERE document_id = ?", (row[0],)),
        ),
    )


def _answer_damage(row: Sequence[Any]) -> Damage:
    return Damage(
        what=f"the answer of run {row[0]} cannot be read",
        remedy="it is dropped, and the run's figures stay",
        mend=_without_answer(row[0]),
    )


def _without_answer(run_id: int) -> tuple[tuple[str, tuple[object, ...]], ...]:
    return (
        ("UPDATE run SET result = NULL, targets = NULL, evidence = NULL WHERE id = ?", (run_id,)),
        ("DELETE FROM part WHERE run_id = ?", (run_id,)),
    )


def _piece_damage(row: Sequence[Any]) -> Damage:
    return Damage(
        what=f"a piece of answers cannot be read: {row[0]}",
        remedy="it is dropped",
        mend=(
            ("DELETE FROM piece WHERE id = ?", (row[0],)),
            ("DELETE FROM evidence WHERE piece_id = ?", (row[0],)),
            ("UPDATE judged SET lists = NULL", ()),
        ),
    )


def _answers_with(connection: sqlite3.Connection, unread: Collection[int]) -> Iterator[int]:
    """Yield the runs whose answer consists of a piece that cannot be read, or is not there."""
    readable = {number for (number,) in connection.execute("SELECT id FROM piece")} - set(unread)
    whole: dict[int, bool] = {}
    for run_id, lists in groupby(
        connection.execute("SELECT run_id, piece_id FROM part ORDER BY run_id").fetchall(),
        key=lambda row: int(row[0]),
    ):
        for _, number in lists:
            if number not in whole:
                whole[number] = reached(connection, [number]) <= readable
            if not whole[number]:
                yield run_id
                break


def _finding_damage(row: Sequence[Any]) -> Damage:
    rowid, fingerprint, rule, severity, repository, path, _ = row
    what = f"the text of the finding {_shown(fingerprint)} cannot be read"
    try:
        home = repository.decode() if repository is not None else None
        bare = bare_finding(
            fingerprint.decode(), rule.decode(), severity.decode(), home, path.decode()
        )
        body = compress(encode(bare))
    except (TagwatchError, ValueError):
        return Damage(
            what=what, remedy=_REMEDIES["standing"], mend=((_DROP["standing"], (rowid,)),)
        )
    renewed = ("UPDATE standing SET body = ? WHERE rowid = ?", (body, rowid))
    return Damage(what=what, remedy=_AGAIN, mend=(renewed,))


def _went_damage(row: Sequence[Any]) -> Damage:
    bare = ("UPDATE event SET body = NULL WHERE id = ?", (row[0],))
    what = f"the text of the finding {_shown(row[1])}, which went, cannot be read"
    return Damage(what=what, remedy="the report of that run lacks it", mend=(bare,))


def _change_damage(row: Sequence[Any]) -> Damage:
    _, home, tag, n, _ = row
    sql = "UPDATE move SET change = NULL WHERE repository_id = ? AND tag_id = ? AND n = ?"
    return Damage(
        what=f"the reason of a move cannot be read: repository {home}, tag {tag}",
        remedy="it is dropped, and the next scan looks for it again",
        mend=((sql, (home, tag, n)),),
    )


def _shown(raw: bytes) -> str:
    return repr(raw.decode(errors="replace"))
