"""What a ledger holds, for tests that look for what must not be there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tagwatch.errors import LedgerError
from tagwatch.ledger.codec import expand

__all__ = ["TEXTS", "values_in"]

TEXTS = "SELECT key, body, piece, text_at FROM evidence_now"
"""What `codec.text_of` makes the text of evidence from."""


def values_in(path: Path) -> Iterator[bytes]:
    """Yield every value of a ledger; of one that is compressed, also what it holds."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (name,) in names:
            for row in connection.execute(f'SELECT * FROM "{name}"'):
                for value in row:
                    raw = value if isinstance(value, bytes) else str(value).encode()
                    yield raw
                    try:
                        yield expand(raw)
                    except LedgerError:
                        continue
