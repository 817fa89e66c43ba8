"""The evidence of one run: as much as a small run has in memory, the rest in a file of its own.

So that the memory of a night is bounded by what is under way, not by the number of tags.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping
from sqlite3 import Connection, OperationalError, connect
from typing import Any

from tagwatch.audit.model.evidence import Evidence, Newer, SelectedEvidence
from tagwatch.errors import LedgerFailedError
from tagwatch.ledger.codec import decode_quickly, encode

__all__ = ["Spool", "lines_of"]

_AT_HAND = 2_000
"""Some 6 MB; a run that has no more reads nothing back."""
_READY = 500
"""So much of it is kept as values: these take seven times as much as what is stored of them."""
_NONE = Newer()
_PRIVATE = ""
"""SQLite's name for a file that nobody else sees and that ends with its connection."""
_ROOM = "make room where temporary files go (SQLITE_TMPDIR, TMPDIR, /var/tmp, /tmp)"
_MAKE = """
  PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
  CREATE TABLE evidence (n INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, line BLOB NOT NULL);
  BEGIN"""
_PUT = """
  INSERT INTO evidence (key, line) VALUES (?, ?)
  ON CONFLICT (key) DO UPDATE SET line = excluded.line"""


class Spool(Mapping[str, Evidence]):
    """Evidence by key, in the order in which it came. Once there is a file, all of it is there."""

    def __init__(self, at_hand: int = _AT_HAND) -> None:
        self._most = at_hand
        self._at_hand: dict[str, Evidence | bytes] = {}
        self._file: Connection | None = None

    def put(self, evidence: Evidence) -> None:
        """Keep `evidence`, in place of what its key had before."""
        is_one_of_few = len(self._at_hand) < _READY
        self._keep(evidence.key, evidence if is_one_of_few else encode(evidence))

    def _keep(self, key: str, held: Evidence | bytes) -> None:
        if self._file is None and (key in self._at_hand or len(self._at_hand) < self._most):
            self._at_hand[key] = held
            return
        try:
            if self._file is None:
                self._file = connect(_PRIVATE, isolation_level=None, check_same_thread=False)
                weakref.finalize(self, self._file.close)
                self._file.executescript(_MAKE)
                self._file.executemany(_PUT, map(_row, self._at_hand.items()))
                self._at_hand.clear()
            self._file.execute(_PUT, _row((key, held)))
        except OperationalError as error:
            raise LedgerFailedError(
                f"the temporary file of a run could not be written: {error}", hint=_ROOM
            ) from error

    def put_line(self, key: str, line: bytes) -> None:
        """Keep evidence that is encoded already, as `put` does."""
        self._keep(key, line)

    def line(self, key: str) -> bytes:
        """The stored form of a key's evidence."""
        if key in self._at_hand:
            held = self._at_hand[key]
            return held if isinstance(held, bytes) else encode(held)
        found = self._rows("SELECT line FROM evidence WHERE key = ?", key)
        for (line,) in found:
            return bytes(line)
        raise KeyError(key)

    def __getitem__(self, key: str) -> Evidence:
        found = self._at_hand.get(key)
        if found is None:
            return decode_quickly(Evidence, self.line(key))
        if isinstance(found, bytes):
            found = self._at_hand[key] = decode_quickly(Evidence, found)
        return found

    def __contains__(self, key: object) -> bool:
        return key in self._at_hand or any(
            self._rows("SELECT 1 FROM evidence WHERE key = ?", str(key))
        )

    def __iter__(self) -> Iterator[str]:
        yield from self._at_hand
        yield from (key for (key,) in self._rows("SELECT key FROM evidence ORDER BY n"))

    def __len__(self) -> int:
        ((filed,),) = self._rows("SELECT count(*) FROM evidence") or ((0,),)
        return len(self._at_hand) + int(filed)

    def _rows(self, sql: str, *parameters: str) -> Iterable[tuple[Any, ...]]:
        return self._file.execute(sql, parameters) if self._file is not None else ()


def _row(kept: tuple[str, Evidence | bytes]) -> tuple[str, bytes]:
    key, held = kept
    return key, held if isinstance(held, bytes) else encode(held)


def lines_of(evidence: Mapping[str, Evidence]) -> Iterator[bytes]:
    """The stored form of each, in order; what was written once is not encoded again."""
    source: Mapping[str, Evidence] = evidence
    adapted: Mapping[str, tuple[Newer, Newer]] = {}
    if isinstance(evidence, SelectedEvidence):
        source, adapted = evidence.source, evidence.adapted
    for key in evidence:
        line = source.line(key) if isinstance(source, Spool) else None
        if line is not None and key in adapted:
            line = _adapted(line, *adapted[key])
        yield encode(evidence[key]) if line is None else line


def _adapted(line: bytes, known: Newer, told: Newer) -> bytes | None:
    """Return encoded evidence with other newer tags; None where it is to be encoded again."""
    before, after = (b'"newer":' + encode(one) for one in (known, told))
    if line.count(before) != 1 or told == _NONE:  # what is left out has no name in it
        return None
    return line.replace(before, after)
