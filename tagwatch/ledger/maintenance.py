"""What keeps a ledger good for years: forgetting, checking, copying and packing it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from time import time

from tagwatch.errors import LedgerError, LedgerFailedError
from tagwatch.image.digest import Digest, digest_of
from tagwatch.ledger.codec import digest_of_bytes, digest_to_bytes, expand, micros, moment
from tagwatch.ledger.connection import (
    SCHEMA_VERSION,
    Translated,
    connect,
    connect_as_it_is,
    is_emptied,
)
from tagwatch.ledger.piece import sweep
from tagwatch.ledger.record import Forgotten

__all__ = ["EMPTIED", "FILE", "back_up", "check", "copy_to_write", "forget", "is_damage", "mend"]

FILE = "the file: "
"""How a sentence begins that SQLite says of its file: no row is to blame."""
EMPTIED = "the file is empty: all that it held is gone; `tagwatch ledger restore` takes a backup"

_MAGIC = b"SQLite format 3\0"
_LEFT_SECONDS = 86_400.0
"""A copy takes minutes: what is a day old is nobody's work any more."""
_LINE = "\n"
_MAX_DAMAGE = 20
"""Of a file that is damaged, so many sentences say enough."""
_DIGEST = re.compile(rb"sha(?:256|384|512):[0-9a-f]{64,128}")

_UNTOLD = """
  SELECT repository_id, tag_id, n FROM fact WHERE seq > (SELECT min(told_seq) FROM project)"""
"""What some project was not told yet."""
_FORGET_HISTORY = {
    "moves": f"""
      DELETE FROM move WHERE EXISTS (SELECT 1 FROM interval i
        WHERE i.repository_id = move.repository_id AND i.tag_id = move.tag_id AND i.n = move.n
          AND i.ended_at < :before)
        AND (repository_id, tag_id, n) NOT IN ({_UNTOLD})""",  # noqa: S608  # our own text
    "intervals": f"""
      DELETE FROM interval WHERE ended_at < :before
        AND (repository_id, tag_id, n) NOT IN ({_UNTOLD})""",  # noqa: S608  # our own text
    "imported": "DELETE FROM imported WHERE ended AND last_seen < :before",
    "base_builds": "DELETE FROM main.base_build WHERE ended AND last_seen < :before",
}
_MAY_GO = """
  id NOT IN (SELECT max(id) FROM run WHERE result IS NOT NULL GROUP BY project, kind)
  AND id NOT IN (SELECT s.from_run FROM standing s JOIN standing now
    ON now.project = s.project AND now.fingerprint = s.fingerprint AND now.to_run IS NULL)
  AND NOT (kind = 'scan' AND finished_at IS NULL AND id >
    (SELECT coalesce(max(id), 0) FROM run done WHERE done.project = run.project
      AND done.kind = 'scan' AND done.finished_at IS NOT NULL))"""
"""Runs that nothing rests on: not the newest answers, nor since when a finding stands.

A scan that began after the last one that finished may still be at work.
"""
_FORGET_RUNS = {
    "runs": f"DELETE FROM run WHERE at < :before AND {_MAY_GO}",  # noqa: S608  # our own text
    "findings": """
      DELETE FROM standing WHERE to_run IS NOT NULL AND to_run NOT IN (SELECT id FROM run)
        AND :before IS NOT NULL""",
    "evidence": """
      DELETE FROM evidence WHERE rowid IN (SELECT id FROM evidence_now WHERE at < :before)""",
    "messages": """
      UPDATE outbox SET payload = '' WHERE payload <> '' AND state IN ('sent', 'dropped', 'unsure')
        AND settled_at < :before""",
}
_TOLD = (
    # An event keeps its fact from being told twice until no fact up to it is news any more.
    """
    DELETE FROM event WHERE told_in IS NOT NULL
      AND (told_in NOT IN (SELECT id FROM run) OR (fact IS NOT NULL AND at < :before))
      AND (fact IS NULL OR fact <=
        (SELECT told_seq FROM project WHERE project.name = event.project))""",
    """
    DELETE FROM fact WHERE seq <= (SELECT coalesce(min(told_seq), (SELECT max(seq) FROM fact))
        FROM project)
      AND seq NOT IN (SELECT fact FROM event WHERE is_open AND fact IS NOT NULL)
      AND :before IS NOT NULL""",
)
"""For both ages: what happened to tags and was told stands in answers and intervals, too."""
_UNREFERENCED = (
    """
    DELETE FROM judged WHERE id NOT IN
      (SELECT judged_id FROM evidence WHERE judged_id IS NOT NULL)""",
    "DELETE FROM source WHERE id NOT IN (SELECT source_id FROM evidence)",
    """
    DELETE FROM tag WHERE listed_at IS NULL AND (n > 0 OR first_listed IS NULL)
      AND NOT EXISTS (SELECT 1 FROM interval i
        WHERE i.repository_id = tag.repository_id AND i.tag_id = tag.id)
      AND NOT EXISTS (SELECT 1 FROM imported i
        WHERE i.repository_id = tag.repository_id AND i.tag_id = tag.id)""",
    """
    DELETE FROM digest WHERE (repository_id, id) IN (
      SELECT repository_id, id FROM digest
      EXCEPT SELECT repository_id, digest_id FROM interval
      EXCEPT SELECT repository_id, digest_id FROM imported
      EXCEPT SELECT repository_id, before_id FROM move)""",
)  # NOT IN would read the whole list again for each pair that is not in it: it might hold a null
_SERVED = """
  SELECT bytes FROM digest WHERE (repository_id, id) IN (
    SELECT repository_id, digest_id FROM interval
    UNION SELECT repository_id, before_id FROM move WHERE change IS NULL)
  UNION SELECT digest FROM main.base_build"""
_TEXTS = """
  SELECT body FROM evidence WHERE body IS NOT NULL
  UNION ALL SELECT body FROM piece WHERE id IN (SELECT piece_id FROM evidence)"""
_DOCUMENT = "SELECT raw FROM document WHERE substr(digest, -4) = ? AND digest = ?"
_OF_PROJECTS = {"standing": "findings", "event": "events"}
_INVARIANTS = {
    "a tag has two open intervals": """
      SELECT repository_id, tag_id FROM interval WHERE ended_at IS NULL
      GROUP BY repository_id, tag_id HAVING count(*) > 1""",
    "intervals of a tag overlap": """
      SELECT a.repository_id, a.tag_id FROM interval a JOIN interval b
        ON b.repository_id = a.repository_id AND b.tag_id = a.tag_id AND b.n = a.n + 1
      WHERE a.ended_at IS NULL OR a.ended_at > b.first_seen""",
    "an interval ends before it begins": """
      SELECT repository_id, tag_id FROM interval
      WHERE last_seen < first_seen OR ended_at < last_seen
        OR (last_seen IS NULL AND ended_at IS NOT NULL)""",
    "an interval has no digest": """
      SELECT repository_id, tag_id FROM interval
      WHERE (repository_id, digest_id) NOT IN (SELECT repository_id, id FROM digest)""",
    "an interval has no tag": """
      SELECT repository_id, tag_id FROM interval
      WHERE (repository_id, tag_id) NOT IN (SELECT repository_id, id FROM tag)""",
    "two tags have one number": """
      SELECT repository_id, id FROM tag GROUP BY repository_id, id HAVING count(*) > 1""",
    "a digest stands twice": """
      SELECT repository_id, hex(bytes) FROM digest GROUP BY 1, 2 HAVING count(*) > 1""",
    "a move has no interval": """
      SELECT repository_id, tag_id FROM move
      WHERE (repository_id, tag_id, n) NOT IN (SELECT repository_id, tag_id, n FROM interval)""",
}


def forget(
    connection: sqlite3.Connection,
    at: datetime,
    *,
    history: timedelta | None,
    runs: timedelta | None,
) -> Forgotten:
    """Drop what is older, and what nothing refers to any more, in the caller's transaction.

    `history`: intervals that ended so long ago, with their moves and base builds. `runs`: runs,
    findings that were over then, evidence and the text of settled alerts; the newest answer of each
    project and kind of run stays, and so does every alert's key: an alert is never sent twice. What
    some project was not told yet stays, and so does a run that may be at work. None: keep for ever.
    """
    counts: dict[str, int] = {}
    for age, statements in ((history, _FORGET_HISTORY), (runs, _FORGET_RUNS)):
        if age is not None:
            before = {"before": micros(at - age)}
            for name, sql in statements.items():
                counts[name] = connection.execute(sql, before).rowcount
            for sql in _TOLD:
                connection.execute(sql, before)
    for sql in _UNREFERENCED:
        connection.execute(sql)
    sweep(connection)
    counts["documents"] = _forget_documents(connection)
    return Forgotten(**counts)


def _forget_documents(connection: sqlite3.Connection) -> int:
    """Drop documents that no interval, base or evidence leads to, over indexes and manifests."""
    reached: set[bytes] = set()
    waiting = set(_roots(connection))
    while waiting:
        reached |= waiting
        waiting = {found for raw in waiting for found in _named_by(connection, raw)} - reached
    stored = {raw: number for number, raw in connection.execute("SELECT id, digest FROM document")}
    dropped = [(number,) for raw, number in stored.items() if raw not in reached]
    connection.executemany("DELETE FROM document WHERE id = ?", dropped)
    connection.executemany("DELETE FROM repository_document WHERE document_id = ?", dropped)
    return len(dropped)


def oldest_run(connection: sqlite3.Connection) -> datetime | None:
    """Return when the oldest run began that `forget` may drop; None where none is."""
    (at,) = connection.execute(f"SELECT min(at) FROM run WHERE {_MAY_GO}").fetchone()  # noqa: S608  # our own text
    return moment(at) if at is not None else None


def _roots(connection: sqlite3.Connection) -> Iterator[bytes]:
    yield from (raw for (raw,) in connection.execute(_SERVED))
    for (body,) in connection.execute(_TEXTS):
        with suppress(LedgerError):  # damaged: `check` tells of it
            yield from _digests_in(expand(body))
    for (body,) in connection.execute("SELECT body FROM main.base_build"):
        yield from _digests_in(expand(body))


def _named_by(connection: sqlite3.Connection, digest: bytes) -> Iterator[bytes]:
    row = connection.execute(_DOCUMENT, (digest[-4:], digest)).fetchone()
    if row is not None:
        yield from _digests_in(expand(row[0]))


def _digests_in(text: bytes) -> Iterator[bytes]:
    for match in _DIGEST.finditer(text):
        yield digest_to_bytes(Digest(match[0].decode()))


def check(ledger: Path) -> tuple[str, ...]:
    """What is wrong with the ledger, one sentence each; empty where all is well. Writes nothing.

    Raises `LedgerError` where it is missing, foreign or newer, or cannot be read at all.
    """
    with Translated(ledger):
        connection, version = connect_as_it_is(ledger)
        with closing(connection):
            if version is None:
                return (EMPTIED,)
            damage = tuple(_damage(connection))
            if damage:
                return damage
            return tuple(_wrong_within(connection, version))


def mend(ledger: Path) -> tuple[str, ...]:
    """Mend what `check` finds and can be made again; what that was, one sentence each.

    An index that is wrong is made again; rows as `damage` says. The rest is as it was. Raises
    `LedgerError` as `check` does, and where the ledger cannot be written.
    """
    with Translated(ledger):
        connection, version = connect_as_it_is(ledger)
        connection.close()
        if version is None:
            return ()
        try:
            return tuple(_mended(ledger, version))
        except UnicodeDecodeError:
            return ()
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                return ()  # `check` tells of it
            raise


def _mended(ledger: Path, version: int) -> Iterator[str]:
    from tagwatch.ledger.damage import damages
    from tagwatch.ledger.damage import mend as mend_rows

    with closing(connect(ledger)) as connection:
        yield from _reindexed(connection)
        if version != SCHEMA_VERSION or any(_damage(connection)):
            return
        connection.execute("BEGIN IMMEDIATE")
        yield from mend_rows(connection, tuple(damages(connection)))
        connection.execute("COMMIT")


def _reindexed(connection: sqlite3.Connection) -> Iterator[str]:
    """Make the indexes again where SQLite finds something wrong; yield it where that helped."""
    before = tuple(_damage(connection))
    if not before:
        return
    try:
        connection.execute("REINDEX")
    except sqlite3.DatabaseError:
        return
    left = set(_damage(connection))
    yield from (f"{sentence}; made again" for sentence in before if sentence not in left)


def _wrong_within(connection: sqlite3.Connection, version: int) -> Iterator[str]:
    """What is wrong with what the tables hold."""
    yield from _contradictions(connection)
    if version != SCHEMA_VERSION:
        yield from _other_documents(connection)
        return
    from tagwatch.ledger.damage import damages  # whoever only writes needs none of it

    yield from map(str, damages(connection))
    yield from _contradictions_in_telling(connection)


def _damage(connection: sqlite3.Connection) -> Iterator[str]:
    """What SQLite finds wrong with its file: then nothing more is worth asking."""
    try:
        for (text,) in connection.execute(f"PRAGMA integrity_check({_MAX_DAMAGE})"):
            if text != "ok":
                yield f"{FILE}{text.splitlines()[-1]}"
    except UnicodeDecodeError:  # SQLite quotes the damage in its error
        yield f"{FILE}its tables cannot be read"
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        yield f"{FILE}{str(error).partition(_LINE)[0]}"


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Return True where SQLite says that the file is damaged, or no database."""
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def _contradictions(connection: sqlite3.Connection) -> Iterator[str]:
    """What is wrong with what the tables say."""
    for sentence, sql in _INVARIANTS.items():
        for home, subject in connection.execute(sql):
            yield f"{sentence}: repository {home}, {subject}"


def _other_documents(connection: sqlite3.Connection) -> Iterator[str]:
    """Documents of an older schema that are damaged."""
    for raw, body in connection.execute("SELECT digest, raw FROM document"):
        digest = digest_of_bytes(raw)
        try:
            algorithm = digest.partition(":")[0]
            intact = digest_of(expand(body), algorithm=algorithm) == digest
        except (LedgerError, ValueError):
            intact = False
        if not intact:
            yield f"a document is not what its digest says: {digest}"


def _contradictions_in_telling(connection: sqlite3.Connection) -> Iterator[str]:
    """What is wrong with what stands and what was told."""
    for project, fingerprint in connection.execute(
        "SELECT project, fingerprint FROM standing WHERE to_run IS NULL "
        "GROUP BY project, fingerprint HAVING count(*) > 1"
    ):
        yield f"a finding stands twice: {project}, {fingerprint}"
    for table in ("standing", "event"):
        for (project,) in connection.execute(
            f"SELECT DISTINCT project FROM {table} WHERE project <> '' "  # noqa: S608  # our own names
            "AND project NOT IN (SELECT name FROM project)"
        ):
            yield f"a project has {_OF_PROJECTS[table]} and is not known: {project}"


def back_up(ledger: Path, path: Path) -> None:
    """Copy the ledger to `path` while it may be in use: whole, or not at all.

    One of an older schema is copied as it is, so that there is a copy of before the upgrade. An
    older copy there is replaced, by a sound one only. Raises `LedgerError` where the ledger is
    damaged, and where `path` is the ledger itself.
    """
    if path.exists() and path.samefile(ledger):
        raise LedgerError(
            f"the ledger {str(ledger)!r} cannot be its own backup", hint="name another file"
        )
    if is_emptied(ledger):
        raise LedgerFailedError(
            f"the ledger {str(ledger)!r} is empty, and was not copied",
            hint="an older backup, if there is one, is as it was: `tagwatch ledger restore FILE`",
        )
    if not path.parent.is_dir():
        raise LedgerError(
            f"the backup {str(path)!r} could not be written: its folder does not exist",
            hint="name a file in a folder that may be written",
        )
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        _sweep(path)
        with Translated(ledger):
            source, _ = connect_as_it_is(ledger)
            with closing(source), closing(_new(unfinished)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                found = copy.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise LedgerFailedError(
                f"the ledger {str(ledger)!r} is damaged, and was not copied: "
                f"{found[0].splitlines()[-1]}",
                hint="an older backup, if there is one, is as it was: "
                "`tagwatch ledger restore FILE`",
            )
        unfinished.replace(path)
    except OSError as error:
        raise LedgerFailedError(
            f"the backup {str(path)!r} could not be written: {error.strerror}",
            hint="name a file in a folder that may be written, on a disk with room",
        ) from error
    finally:
        with suppress(NotADirectoryError):
            unfinished.unlink(missing_ok=True)


def copy_to_write(ledger: Path, path: Path) -> None:
    """Write what a ledger holds to a new file, which may be written whatever the ledger's form is.

    Raises `LedgerError`.
    """
    with Translated(ledger):
        source, _ = connect_as_it_is(ledger)
        with closing(source):
            source.execute("VACUUM INTO ?", (str(path),))


def _sweep(path: Path) -> None:
    """Remove copies beside `path` that a crash left unfinished, a day ago or longer."""
    before = time() - _LEFT_SECONDS
    for left in path.parent.glob(f".*{path.suffix}.unfinished"):
        with suppress(OSError):
            if left.stat().st_mtime < before and _is_ours(left):
                left.unlink()


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) in (b"", _MAGIC)


def _new(path: Path) -> sqlite3.Connection:
    """A connection to a new file, its owner's. Raises `OSError` where it cannot be made."""
    path.touch(mode=0o600)
    return sqlite3.connect(path)
