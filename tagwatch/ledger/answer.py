"""The answer of a run, stored: what it lists stands in pieces that other answers may hold, too.

Answers of schemas before 12 that could not be divided then stand in the columns of their run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tagwatch.audit.model.coverage import Reading
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.verdict.result import AuditResult, Ignored
from tagwatch.image.snapshot import Failure, Remark
from tagwatch.ledger.codec import decode, encode, expand
from tagwatch.ledger.piece import lines_in, store_lines
from tagwatch.ledger.sharing import sharing
from tagwatch.ledger.spool import Spool, lines_of
from tagwatch.source.target import Problem, Target
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


def store_parts(connection: sqlite3.Connection, run_id: int, result: AuditResult) -> None:
    """Store what the answer of a run lists, in the caller's transaction."""
    lists: dict[str, Iterable[bytes]] = {
        name: map(encode, getattr(result, name)) for name in _KINDS
    }
    lists["readings"] = map(encode, result.readings.items())
    lists["evidence"] = lines_of(result.evidence)
    connection.execute("DELETE FROM part WHERE run_id = ?", (run_id,))
    for name, lines in lists.items():
        number = store_lines(connection, lines, result.at)
        if number is not None:
            connection.execute(
                "INSERT INTO part (run_id, name, piece_id) VALUES (?, ?, ?)",
                (run_id, name, number),
            )


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
