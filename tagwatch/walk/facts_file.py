"""The file that carries facts from one ledger to another: signed, dated, one fact a line.

    tagwatch-facts 2 hmac-sha256:<hex>     the signature of everything after this line
    {"at": "2026-11-24T02:00:00Z"}         when it was written
    {"key": "docker.io/library/redis:7", …}

Files of version 1, in which a diff was a JSON document, are read as well.

Whoever has the key can write such files. So only those who run the nightly scan and those who check
may know it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from tagwatch.audit.model.evidence import Evidence
from tagwatch.errors import InputError, LedgerError
from tagwatch.ledger.codec import decode, encode
from tagwatch.value import dataclass, replace

__all__ = ["MAX_BYTES", "FactsFile", "read_facts", "write_facts"]

MAX_BYTES = 32 * 1024 * 1024

_NAME = "tagwatch-facts "
_HEAD = f"{_NAME}2 hmac-sha256:"
_OLD_HEAD = f"{_NAME}1 hmac-sha256:"
_INTERVALS = 5
"""So many intervals of a tag's past go into the file, the newest ones."""
_SKEW = timedelta(hours=1)
"""How far the clocks of both sides may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsFile:
    """The content of a file of facts."""

    at: datetime
    """When it was written."""
    evidence: tuple[Evidence, ...]
    """The facts; none is younger than `at`."""


def write_facts(evidence: Iterable[Evidence], at: datetime, key: bytes) -> bytes:
    """Return the bytes of the file: the same for the same facts at the same time.

    Of a longer past only the newest `_INTERVALS` intervals are kept.
    """
    stamp = at.isoformat().replace("+00:00", "Z")
    ordered = sorted(evidence, key=lambda one: one.key)
    lines = [json.dumps({"at": stamp}).encode()]
    lines += [encode(replace(one, history=one.history[-_INTERVALS:])) for one in ordered]
    body = b"".join(line + b"\n" for line in lines)
    return f"{_HEAD}{_signature(_HEAD, body, key)}\n".encode() + body


def read_facts(raw: bytes, key: bytes, *, source: str, now: datetime) -> FactsFile:
    """Read what `write_facts` wrote; each fact gets `source` as where it comes from.

    Raises `InputError`: not such a file, signed with another key, changed since, from the future.
    """
    first, newline, body = raw.partition(b"\n")
    line = first.decode("ascii", "replace")
    head = next((one for one in (_HEAD, _OLD_HEAD) if line.startswith(one)), None)
    if not newline or head is None or len(raw) > MAX_BYTES:
        newer = line.startswith(_NAME) and head is None
        raise InputError(
            f"{source!r} holds no facts that this tagwatch reads",
            hint="it reads versions 1 and 2: upgrade tagwatch, or export with this one"
            if newer
            else "write it with `tagwatch facts export`",
        )
    signed = line.removeprefix(head)
    if not hmac.compare_digest(signed.encode(), _signature(head, body, key).encode()):
        raise InputError(
            f"the facts in {source!r} are not signed with this key, or were changed since",
            hint="compare the keys of both sides, and export again",
        )
    lines = body.splitlines()
    if head == _OLD_HEAD:
        from tagwatch.ledger.old_diff import upgraded_evidence

        lines[1:] = map(upgraded_evidence, lines[1:])
    try:
        at = datetime.fromisoformat(json.loads(lines[0])["at"])
        evidence = tuple(replace(decode(Evidence, line), source=source) for line in lines[1:])
        is_later = any(one.at is not None and one.at > at for one in evidence) or at > now + _SKEW
    except (ValueError, KeyError, IndexError, TypeError, LedgerError) as error:
        raise InputError(f"the facts in {source!r} are damaged: {error}") from error
    if is_later:
        raise InputError(
            f"the facts in {source!r} come from the future", hint="compare the clocks of both sides"
        )
    return FactsFile(at=at, evidence=evidence)


def _signature(head: str, body: bytes, key: bytes) -> str:
    return hmac.new(key, head.encode() + body, hashlib.sha256).hexdigest()
