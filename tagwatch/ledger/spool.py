"""The evidence of one run: as much as a small run has in memory, the rest in a file of its own.

So that the memory of a night is bounded by what is under way, not by the number of tags.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path
from sqlite3 import Connection, OperationalError, connect
from typing import Any, NamedTuple

from tagwatch.audit.model.evidence import Evidence, Newer, SelectedEvidence
from tagwatch.audit.model.outline import Outline
from tagwatch.errors import LedgerFailedError
from tagwatch.ledger.codec import decode_quickly, encode
from tagwatch.ledger.connection import Translated, connect_read_only
from tagwatch.ledger.evidence import beginning_of
from tagwatch.ledger.judged import lines_again
from tagwatch.ledger.piece import Stretch
from tagwatch.ledger.record import Judged

__all__ = ["Spool", "lines_of", "stretches_of"]

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


class Folded(NamedTuple):
    """The evidence of one repository, in a list of the ledger that nobody has read yet."""

    keys: Collection[str]
    judged: Judged
    at: datetime


class Spool(Mapping[str, Evidence]):
    """Evidence by key, in the order in which it came. Once there is a file, all of it is there."""

    def __init__(self, at_hand: int = _AT_HAND) -> None:
        self._most = at_hand
        self._at_hand: dict[str, Evidence | bytes] = {}
        self._values = 0
        """So much at hand is no text, at least."""
        self._file: Connection | None = None
        self._ledger = Path()
        self._folded: dict[str, Folded] = {}
        """What stands in a list of the ledger, by what its keys begin with."""
        self._ready: dict[str, dict[str, bytes]] = {}
        """The lists that were read last: those of whom the run speaks at the moment."""
        self._newest: Evidence | None = None
        """What was asked for last: whoever judges an image asks for it again and again."""
        self._seen: set[str] = set()
        """Those that were read, and are not kept as they were read when they are read again."""

    def put(self, evidence: Evidence) -> None:
        """Keep `evidence`, in place of what its key had before."""
        is_one_of_few = self._values < _READY
        self._values += is_one_of_few
        self._keep(evidence.key, evidence if is_one_of_few else encode(evidence))

    def put_list(self, keys: Collection[str], judged: Judged, at: datetime, ledger: Path) -> None:
        """Keep all evidence of one repository, in its list in the ledger as long as that will do.

        Most is read once, one repository after the other. `keys`: they begin alike, see
        `beginning_of`. It may be read when that which wrote to the ledger is closed, and by another
        thread.
        """
        self._ledger = ledger
        self._folded[beginning_of(next(iter(keys)))] = Folded(keys, judged, at)

    def number_of(self, start: str, count: int) -> int | None:
        """Return the number of a list whose keys begin so, where it has so many and is unread."""
        folded = self._folded.get(start)
        if folded is None or folded.judged.lists is None or len(folded.keys) != count:
            return None
        return folded.judged.lists.evidence

    def _unfold(self, key: str) -> None:
        """Take what is in the list of this key, where one has it, out of that."""
        if not self._folded or (start := beginning_of(key)) not in self._folded:
            return
        folded = self._folded.pop(start)
        for one, line in self._ready.pop(start, {}).items() or self._read(folded):
            self._keep(one, line)

    def _read(self, folded: Folded) -> Iterator[tuple[str, bytes]]:
        keys, judged, at = folded
        with Translated(self._ledger):
            yield from lines_again(self._reader, judged, sorted(keys), at)

    def _listed(self, key: str) -> bytes | None:
        """Return a line that stands in a list; None where the key is in none.

        A list is read at most twice: who asks again after many others asks here and there.
        """
        if not self._folded or (folded := self._folded.get(start := beginning_of(key))) is None:
            return None
        if start not in self._ready:
            if start in self._seen or len(folded.keys) > self._most:
                self._unfold(key)
                return None
            self._seen.add(start)
            self._ready[start] = dict(self._read(folded))
            while sum(map(len, self._ready.values())) > self._most:
                del self._ready[next(iter(self._ready))]
        return self._ready[start].get(key)

    @cached_property
    def _reader(self) -> Connection:
        connection = connect_read_only(self._ledger, by_one=False)
        if connection is None:
            raise LedgerFailedError(
                f"the ledger {str(self._ledger)!r} was changed by a newer program"
            )
        weakref.finalize(self, connection.close)
        return connection

    def _keep(self, key: str, held: Evidence | bytes) -> None:
        self._newest = None
        self._unfold(key)
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
        if (line := self._listed(key)) is not None:
            return line
        if key in self._at_hand:
            held = self._at_hand[key]
            return held if isinstance(held, bytes) else encode(held)
        found = self._rows("SELECT line FROM evidence WHERE key = ?", key)
        for (line,) in found:
            return bytes(line)
        raise KeyError(key)

    def __getitem__(self, key: str) -> Evidence:
        newest = self._newest
        if newest is not None and newest.key == key:
            return newest
        found = self._at_hand.get(key)
        if found is None:
            found = self._newest = decode_quickly(Evidence, self.line(key))
        elif isinstance(found, bytes):
            found = self._newest = decode_quickly(Evidence, found)
            if self._values < _READY:
                self._at_hand[key] = found
                self._values += 1
        return found

    def outline(self, key: str) -> Evidence | Outline:
        """Return what a list says of a key's evidence; of a text the rest is passed over."""
        held = self._at_hand.get(key)
        if held is None:
            held = self.line(key)
        return decode_quickly(Outline, held) if isinstance(held, bytes) else held

    def __contains__(self, key: object) -> bool:
        if key in self._at_hand:
            return True
        folded = self._folded.get(beginning_of(str(key)))
        if folded is not None:
            return key in folded.keys
        return any(self._rows("SELECT 1 FROM evidence WHERE key = ?", str(key)))

    def __iter__(self) -> Iterator[str]:
        yield from self._at_hand
        for folded in tuple(self._folded.values()):
            yield from folded.keys
        yield from (key for (key,) in self._rows("SELECT key FROM evidence ORDER BY n"))

    def __len__(self) -> int:
        ((filed,),) = self._rows("SELECT count(*) FROM evidence") or ((0,),)
        unread = sum(len(folded.keys) for folded in self._folded.values())
        return len(self._at_hand) + unread + int(filed)

    def _rows(self, sql: str, *parameters: str) -> Iterable[tuple[Any, ...]]:
        return self._file.execute(sql, parameters) if self._file is not None else ()


def _row(kept: tuple[str, Evidence | bytes]) -> tuple[str, bytes]:
    key, held = kept
    return key, held if isinstance(held, bytes) else encode(held)


def lines_of(evidence: Mapping[str, Evidence]) -> Iterator[bytes]:
    """The stored form of each, in order; what was written once is not encoded again."""
    return _lines(evidence, evidence)


def stretches_of(evidence: Mapping[str, Evidence]) -> Iterator[tuple[str, int, Stretch]]:
    """Yield evidence in order and by repository, with what its keys begin with and its number.

    What is in a list of the ledger and is told as it is there stays in that.
    """
    source, adapted = _source_of(evidence)
    for start, some in groupby(evidence, beginning_of):
        keys = tuple(some)
        number = None
        if isinstance(source, Spool) and adapted.keys().isdisjoint(keys):
            number = source.number_of(start, len(keys))
        yield start, len(keys), Stretch(lines=partial(_lines, evidence, keys), number=number)


def _source_of(
    evidence: Mapping[str, Evidence],
) -> tuple[Mapping[str, Evidence], Mapping[str, tuple[Newer, Newer]]]:
    if isinstance(evidence, SelectedEvidence):
        return evidence.source, evidence.adapted
    return evidence, {}


def _lines(evidence: Mapping[str, Evidence], keys: Iterable[str]) -> Iterator[bytes]:
    source, adapted = _source_of(evidence)
    for key in keys:
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
