"""The answer of a run, stored: what it lists stands in pieces that other answers may hold, too.

Answers of schemas before 12 that could not be divided then stand in the columns of their run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from tagwatch.audit.model.coverage import Reading
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.verdict.result import AuditResult, Ignored
from tagwatch.image.snapshot import Failure, Remark
from tagwatch.ledger.codec import decode, encode, expand
from tagwatch.ledger.evidence import beginning_of, goes_on
from tagwatch.ledger.piece import Stretch, lines_in, store_stretches
from tagwatch.ledger.record import Listing, Lists
from tagwatch.ledger.sharing import sharing
from tagwatch.ledger.spool import Spool, stretches_of
from tagwatch.source.target import Problem, Target, parts_of
from tagwatch.value import replace

__all__ = ["result_of", "store_parts", "without_lists"]

_KINDS: Mapping[str, type] = {
    "findings": Finding,
    "ignored": Ignored,
    "problems": Problem,
    "failures": Failure,
    "remarks": Remark,
    "targets": Target,
}
"""The fields of an answer that are lists, with what they list."""
_WHOLE = ("targets", "evidence")
"""What an outline lacks: it grows with every image, not with what is wrong."""


def without_lists(result: AuditResult) -> AuditResult:
    """Return what of an answer does not grow with the number of images."""
    empty: dict[str, Any] = dict.fromkeys(_KINDS, ())
    return replace(result, **empty, evidence={}, readings={})


def store_parts(
    connection: sqlite3.Connection,
    run_id: int,
    result: AuditResult,
    listings: Iterable[Listing] = (),
) -> Iterator[tuple[Listing, Lists]]:
    """Store what the answer of a run lists, in the caller's transaction.

    Return the lists of those listings that the next answers may hold as they are.
    """
    wanted = {f"{one.repository.name}:": one for one in listings}
    evidence = _Evidence(result, wanted)
    targets = tuple(parts_of(result.targets))
    lists: dict[str, Iterable[Stretch]] = {
        name: (_stretch_of(getattr(result, name)),) for name in _KINDS if name != "targets"
    }
    lists["readings"] = (_stretch_of(result.readings.items()),)
    lists["evidence"] = evidence.stretches()
    lists["targets"] = map(_stretch_of, targets)
    connection.execute("DELETE FROM part WHERE run_id = ?", (run_id,))
    numbers: dict[str, Sequence[int | None]] = {}
    for name, stretches in lists.items():
        number, numbers[name] = store_stretches(connection, stretches, result.at)
        if number is not None:
            connection.execute(
                "INSERT INTO part (run_id, name, piece_id) VALUES (?, ?, ?)",
                (run_id, name, number),
            )
    of_part = dict(zip(map(id, targets), numbers["targets"], strict=True))
    for start, number in evidence.numbered(numbers["evidence"]):
        one = wanted[start]
        parts = tuple(filter(None, (of_part.get(id(part)) for part in one.parts)))
        if number is not None and len(parts) == len(one.parts):
            yield one, Lists(evidence=number, targets=parts)


def _stretch_of(values: Collection[Any]) -> Stretch:
    return Stretch(lines=lambda: map(encode, values), number=getattr(values, "number", None))


class _Evidence:
    """The evidence of an answer, which takes note of what can be told of later nights, too."""

    def __init__(self, result: AuditResult, wanted: Mapping[str, Listing]) -> None:
        self._result = result
        self._wanted = wanted
        self._found: list[tuple[str, int]] = []
        """What the keys of each stretch begin with, and their number."""
        self._of_this_night: set[str] = set()

    def stretches(self) -> Iterator[Stretch]:
        """Yield a stretch for each repository."""
        adapted = getattr(self._result.evidence, "adapted", {})
        self._of_this_night.update(map(beginning_of, adapted))
        for start, count, stretch in stretches_of(self._result.evidence):
            self._found.append((start, count))
            if stretch.number is None and start in self._wanted:
                lines = partial(self._noting, start, stretch.lines)
                yield Stretch(lines=lines)
            else:
                yield stretch

    def _noting(self, start: str, lines: Callable[[], Iterable[bytes]]) -> Iterator[bytes]:
        for line in lines():
            if start not in self._of_this_night and not goes_on(line, self._result.at):
                self._of_this_night.add(start)
            yield line

    def numbered(self, numbers: Iterable[int | None]) -> Iterator[tuple[str, int | None]]:
        """Yield what goes on with time, by what the keys begin with, with its number."""
        for (start, count), number in zip(self._found, numbers, strict=True):
            one = self._wanted.get(start)
            if one is not None and one.images == count and start not in self._of_this_night:
                yield start, number


def result_of(
    connection: sqlite3.Connection,
    run_id: int,
    body: bytes,
    targets: bytes | None,
    evidence: bytes | None,
    *,
    whole: bool,
) -> AuditResult:
    """Return the answer of a run, without targets and evidence where not `whole`.

    `body`, `targets`, `evidence`: the columns of its row. Raises `LedgerError` where it is damaged.
    """
    result = decode(AuditResult, expand(body))
    if evidence is not None and whole:
        result = replace(
            result,
            targets=tuple(decode(Target, line) for line in expand(targets or b"").splitlines()),
            evidence=_by_key(expand(evidence).splitlines()),
        )
    found: dict[str, Any] = {}
    parts = connection.execute("SELECT name, piece_id FROM part WHERE run_id = ?", (run_id,))
    for name, number in parts.fetchall():
        if name in _WHOLE and not whole:
            continue
        lines = lines_in(connection, number, result.at)
        if name == "evidence":
            found[name] = _by_key(lines)
        elif name == "readings":
            found[name] = dict(decode(tuple[str, Reading], line) for line in lines)
        elif name in _KINDS:
            found[name] = tuple(_values(_KINDS[name], lines))
    return replace(result, **found)


def _by_key(lines: Iterable[bytes]) -> Mapping[str, Evidence]:
    spool = Spool(0)
    for line in lines:
        spool.put_line(decode(Evidence, line).key, line)
    return spool


def _values(kind: type, lines: Iterable[bytes]) -> Iterator[Any]:
    """Yield what is listed; what a value has in common with the one before it, they share.

    That is the place and the repository of ten thousand tags, and half of what they take.
    """
    before: Any = None
    for line in lines:
        before = sharing(decode(kind, line), before)
        yield before
