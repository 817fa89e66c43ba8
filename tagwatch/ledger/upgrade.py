"""A ledger in its newest form: made where it is missing, upgraded where it is older."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tagwatch.ledger.connection import SCHEMA_VERSION, connect, stored_version

__all__ = ["open_upgraded"]


def open_upgraded(path: Path) -> sqlite3.Connection:
    """A connection that may write. All steps of an upgrade are one transaction; none loads no more.

    Raises `LedgerError` for a foreign file and for a ledger newer than this program; `sqlite3`
    errors pass, to be translated by the caller.
    """
    connection = connect(path)
    try:
        if stored_version(connection, path) != SCHEMA_VERSION:
            _upgrade(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    from sqlite_utils import Database

    from tagwatch.ledger.schema import MIGRATIONS

    connection.execute("BEGIN IMMEDIATE")
    try:
        stored_version(connection, path)
        MIGRATIONS.apply(Database(connection, recursive_triggers=False, execute_plugins=False))
    except BaseException:
        connection.rollback()
        raise
    connection.execute("COMMIT")
