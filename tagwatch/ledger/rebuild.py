"""A ledger of which pages are damaged, written anew without what can be made again and is lost.

Only where all that cannot be had again can be read whole: what tags served, what stands, what was
told. Else a backup is better than a ledger with holes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from tagwatch.ledger.connection import APPLICATION_ID, SCHEMA_VERSION, Translated, connect_as_it_is
from tagwatch.ledger.maintenance import FILE, check, is_damage, mend
from tagwatch.ledger.restore import BESIDE, put_in_place

__all__ = ["rebuild"]

_AGAIN = {"evidence", "cache", "document", "repository_document", "base_build", "judged"}
"""Tables of which the next scan makes each row again, or reads it."""
_AGAIN_IN_WORDS = "and the next scan makes it again"
_PIECES = ("piece", "part")
"""Without some of them there is no answer of some runs: what stands is in tables of its own."""
_COPY = "INSERT INTO main.{0} SELECT * FROM old.{0} NOT INDEXED WHERE true"
"""Without a condition SQLite would copy pages as they are, those of damaged indexes, too."""
_TIDY = (
    """
    DELETE FROM main.repository_document
    WHERE document_id NOT IN (SELECT id FROM main.document)""",
    """
    UPDATE main.evidence SET judged_id = NULL
    WHERE judged_id NOT IN (SELECT id FROM main.judged)""",
    "UPDATE main.judged SET lists = NULL",
    """
    DELETE FROM main.evidence WHERE body IS NULL AND piece_id NOT IN (SELECT id FROM main.piece)""",
)


def rebuild(ledger: Path, at: datetime) -> tuple[str, ...]:
    """Write the ledger anew; what became of it, a sentence each; empty where that is no help.

    The caller holds every project's lock. The ledger of before is kept beside.
    """
    draft = ledger.with_name(f".{ledger.name}.rebuilt{ledger.suffix}")
    try:
        for end in ("", *BESIDE):
            draft.with_name(draft.name + end).unlink(missing_ok=True)
        if not any(sentence.startswith(FILE) for sentence in check(ledger)):
            return ()
        with Translated(ledger):
            source, version = connect_as_it_is(ledger)
            source.close()
            if version != SCHEMA_VERSION:
                return ()
            try:
                lost = tuple(_copied(ledger, draft))
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                if _tells_of_damage(error):
                    return ()  # what cannot be made again is damaged, too
                raise
        mended = mend(draft)
        if check(draft):
            return ()
        kept = put_in_place(draft, ledger, at)
        anew = f"the file was written anew; the ledger of before is kept as {str(kept)!r}"
        return (*lost, *mended, anew)
    finally:
        for end in ("", *BESIDE):
            with suppress(OSError):
                draft.with_name(draft.name + end).unlink(missing_ok=True)


def _tells_of_damage(error: Exception) -> bool:
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError):
        return is_damage(error)
    return True  # two rows have one key, or a text is none


def _copied(ledger: Path, draft: Path) -> Iterator[str]:
    """Copy all that can be read; yield what was lost of what can be made again."""
    uri = f"{draft.absolute().as_uri()}?mode=rwc"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS old", (f"{ledger.absolute().as_uri()}?mode=ro",))
        # No transaction: SQLite would roll it back at the first row that it cannot read.
        connection.execute("PRAGMA main.synchronous = OFF")
        connection.execute("PRAGMA main.journal_mode = MEMORY")
        made = connection.execute(
            "SELECT type, name, sql FROM old.sqlite_schema "
            "WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type = 'index', rowid"
        ).fetchall()
        for _, _, sql in made:
            connection.execute(sql)
        for kind, name, _ in made:
            if kind == "table" and name not in (*_AGAIN, *_PIECES):
                connection.execute(_COPY.format(name))
        for name in sorted(_AGAIN):
            if not _saved(connection, name):
                yield f"a part of {name!r} cannot be read; it is dropped, {_AGAIN_IN_WORDS}"
        if [name for name in _PIECES if not _saved(connection, name)]:
            yield "a part of the answers of runs cannot be read; it is dropped"
        for sql in _TIDY:
            connection.execute(sql)
        # Numbers that were given once are never given again.
        connection.execute("DELETE FROM main.sqlite_sequence")
        connection.execute("INSERT INTO main.sqlite_sequence SELECT * FROM old.sqlite_sequence")
        connection.execute(f"PRAGMA main.application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA main.user_version = {SCHEMA_VERSION}")


def _saved(connection: sqlite3.Connection, table: str) -> bool:
    """Copy what can be read of a table; True where that is all."""
    try:
        connection.execute(_COPY.format(table))
    except sqlite3.DatabaseError:
        pass
    else:
        return True
    try:
        rows = {row for order in ("ASC", "DESC") for row in _rows(connection, table, order)}
    except sqlite3.OperationalError:
        return False  # WITHOUT ROWID
    for row in sorted(rows):
        with suppress(sqlite3.DatabaseError):
            connection.execute(
                f"INSERT INTO main.{table} SELECT * FROM old.{table} WHERE rowid = ?",  # noqa: S608  # our own names
                (row,),
            )
    return False


def _rows(connection: sqlite3.Connection, table: str, order: str) -> Iterator[int]:
    """Yield the numbers of rows from one end, up to the damage."""
    try:
        for (row,) in connection.execute(f"SELECT rowid FROM old.{table} ORDER BY rowid {order}"):  # noqa: S608  # our own names
            yield row
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        return
