"""What a ledger holds, as the word of another endpoint: doubles serve where a port is free."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

__all__ = ["say_it_was"]

# repositories come last: the others are told by them where the ledger was written
_PLACES = (("source", "name"), ("base_build", "origin"), ("repository", "origin"))
_WAS = "(SELECT max(origin) FROM repository)"


def say_it_was(ledger: Path, registry: str) -> None:
    """Let all that one endpoint told the ledger be what `registry` told it.

    Each endpoint is an origin of its own, and nobody is told what another one said.
    """
    with closing(sqlite3.connect(ledger)) as connection:
        for table, column in _PLACES:
            connection.execute(
                f"UPDATE {table} SET {column} = replace({column}, {_WAS}, ?)",
                (registry,),
            )
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
