"""The way to a ledger that may be written: one of an older schema is brought up to date first."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tagwatch.errors import LedgerReadOnlyError
from tagwatch.ledger.connection import SCHEMA_VERSION, connect, keep_private, stored_version

__all__ = ["open_upgraded"]


def open_upgraded(path: Path) -> sqlite3.Connection:
    """Return a connection that may write. An upgrade is one transaction, whatever its steps.

    Where no step is due, the steps are not even loaded.

    Raises `LedgerError` for a foreign file and for a ledger newer than this program; `sqlite3`
    errors pass, to be translated by the caller.
    """
    connection = connect(path)
    try:
        if stored_version(connection, path) != SCHEMA_VERSION:
            with _told(path):
                _upgrade(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        keep_private(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    # the steps, and what makes them: to load them takes 50 ms, which nearly nobody needs (2026-11)
    from tagwatch.ledger.schema import apply_all

    connection.execute("BEGIN IMMEDIATE")
    try:
        stored_version(connection, path)
        apply_all(connection)
    except BaseException:
        connection.rollback()
        raise
    connection.execute("COMMIT")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of an old ledger that may not be written why somebody who only reads wants to."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if not error.sqlite_errorname.startswith("SQLITE_READONLY"):
            raise
        raise LedgerReadOnlyError(
            f"the ledger {str(path)!r} is of an older tagwatch, and may not be written",
            hint="let this version write it once: `tagwatch scan` brings it up to date",
        ) from error
