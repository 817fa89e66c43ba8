"""The evidence of one run: as much as a small run has in memory, the rest in a file of its own.

So that the memory of a night is bounded by what is under way, not by the number of tags.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import IO

from tagwatch.audit.evidence import Asked, Evidence
from tagwatch.ledger.codec import decode_quickly, encode

__all__ = ["Spool", "lines_of"]

_AT_HAND = 2_000
"""Some 6 MB; a run that has no more reads nothing back."""


class Spool(Mapping[str, Evidence]):
    """Evidence by key, in the order in which it came. The file has no name and ends with this."""

    def __init__(self, at_hand: int = _AT_HAND) -> None:
        self._most = at_hand
        self._at_hand: dict[str, Evidence] = {}
        self._places: dict[str, int] = {}
        self._file: IO[bytes] | None = None

    def put(self, evidence: Evidence) -> None:
        """Keep `evidence`, in place of what its key had before."""
        key = evidence.key
        if key in self._at_hand or (key not in self._places and len(self._at_hand) < self._most):
            self._at_hand[key] = evidence
            return
        file = self._open()
        self._places[key] = file.seek(0, 2)
        file.write(encode(evidence) + b"\n")

    def line(self, key: str) -> bytes:
        """The stored form of a key's evidence."""
        if key in self._at_hand:
            return encode(self._at_hand[key])
        place, file = self._places[key], self._open()
        file.seek(place)
        return file.readline().removesuffix(b"\n")

    def __getitem__(self, key: str) -> Evidence:
        found = self._at_hand.get(key)
        return decode_quickly(Evidence, self.line(key)) if found is None else found

    def __contains__(self, key: object) -> bool:
        return key in self._at_hand or key in self._places

    def __iter__(self) -> Iterator[str]:
        yield from self._at_hand
        yield from self._places

    def __len__(self) -> int:
        return len(self._at_hand) + len(self._places)

    def _open(self) -> IO[bytes]:
        if self._file is None:
            import tempfile  # loads much, and most runs need none

            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as this
            weakref.finalize(self, self._file.close)
        return self._file


def lines_of(evidence: Mapping[str, Evidence]) -> Iterator[bytes]:
    """The stored form of each, in order; what was written once is not encoded again."""
    source = evidence.source if isinstance(evidence, Asked) else evidence
    for key in evidence:
        yield source.line(key) if isinstance(source, Spool) else encode(evidence[key])
