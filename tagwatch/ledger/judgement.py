"""The stored form of a judgement: a line of what is common to it, then one of each target's.

A repository may have more tags than memory has room for what is said of each. So what was said
stays compressed, and is read one target after the other, each time somebody goes through it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain, islice

from tagwatch.audit.model.finding import Finding
from tagwatch.audit.verdict.keeper import Judgement, Told
from tagwatch.ledger.codec import compress_lines, decode_quickly, encode, expand_lines
from tagwatch.ledger.sharing import sharing
from tagwatch.value import replace

__all__ = ["judgement_in", "stored_form"]

_FEW = 200
"""The lines of so many are read at once: what reads slowly holds on to 40 kB."""


def stored_form(judgement: Judgement) -> bytes:
    """Return a judgement as the ledger keeps it."""
    head = replace(judgement, told=())
    return compress_lines(map(encode, chain((head,), judgement.told)))


def judgement_in(stored: bytes) -> Judgement:
    """Return the judgement that `stored_form` took. Raises `LedgerError` where it is damaged."""
    lines = expand_lines(stored)
    judgement = decode_quickly(Judgement, next(lines, b""))
    told = 0
    for line in lines:
        decode_quickly(Told, line)  # all of it: whoever goes through it later can trust it
        told += 1
    return replace(judgement, told=_Lines(stored, told))


class _Lines(Collection[Told]):
    """What was said, decoded as somebody goes through it."""

    def __init__(self, stored: bytes, count: int) -> None:
        self._stored = stored
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __contains__(self, told: object) -> bool:
        return any(one == told for one in self)

    def __iter__(self) -> Iterator[Told]:
        lines = islice(expand_lines(self._stored), 1, None)
        several = lines if self._count > _FEW else tuple(lines)
        return self._sharing(several)

    def _sharing(self, lines: Iterable[bytes]) -> Iterator[Told]:
        """Yield what lines say; what one finding has in common with that before it, they share.

        A night holds the findings of all tags, and this is half of what they take.
        """
        before: Finding | None = None
        for line in lines:
            told = decode_quickly(Told, line)
            shared = []
            for finding in told.findings:
                before = sharing(finding, before)
                shared.append(before)
            yield replace(told, findings=tuple(shared)) if shared else told
