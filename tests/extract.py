"""Keys for extracts, and extracts made without a scan. The private keys are for tests alone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from tagwatch.audit.model.evidence import Evidence
from tagwatch.config.settings import PublicKey
from tagwatch.ledger.codec import compress_alike, expand, micros
from tagwatch.ledger.extract import Past
from tagwatch.signature import Signer, key_id_of, to_text
from tagwatch.walk.facts_file import FactsFile, write_facts

__all__ = ["NIGHTLY", "OTHER", "Pair", "lines_of", "signed", "written"]

_HOST = re.compile(rb'"key": ?"([^"/]*)')


class Pair:
    """A private key, as a variable or a file holds it, and its public one."""

    def __init__(self, seed: bytes) -> None:
        self.private = f"ed25519-private:{to_text(seed)}"
        self.signer = Signer(seed)
        self.public = PublicKey(
            id=key_id_of(self.signer.public_key), text=to_text(self.signer.public_key)
        )

    @property
    def yaml(self) -> str:
        """The entry of `facts.public_keys`."""
        return f"{self.public.id}: {self.public.text}"


NIGHTLY = Pair(b"the nightly scan of these tests.")
OTHER = Pair(b"whoever else may sign something.")


def written(
    at: datetime,
    evidence: Iterable[Evidence] = (),
    pasts: Iterable[Past] = (),
    *,
    pair: Pair = NIGHTLY,
    name: str = "shop",
    valid_for: timedelta = timedelta(days=7),
) -> bytes:
    """An extract of that moment."""
    facts = FactsFile(
        name=name,
        at=at,
        expires_at=at + valid_for,
        counter=micros(at),
        evidence=tuple(evidence),
        pasts=tuple(pasts),
        bases=(),
    )
    return write_facts(facts, pair.signer)


def signed(body: bytes, at: datetime, *, version: int = 3, **header: object) -> bytes:
    """An extract of facts that nobody of ours wrote, rightly signed all the same."""
    lines, size = body, len(body)
    if version > 3:
        body = compress_alike(body)
    told = {
        "size": size,
        "name": "shop",
        "counter": micros(at),
        "at": at.isoformat(),
        "expires": (at + timedelta(days=7)).isoformat(),
        "origins": sorted({host.decode("ascii", "replace") for host in _HOST.findall(lines)}),
        "facts": len(lines.splitlines()),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    head, line = f"tagwatch-facts {version}\n".encode(), json.dumps({**told, **header}).encode()
    by = f"{NIGHTLY.public.id} {to_text(NIGHTLY.signer.sign(head + line))}\n"
    return head + by.encode() + line + b"\n" + body


def lines_of(raw: bytes) -> list[bytes]:
    """The facts of an extract, a line each."""
    return expand(raw.split(b"\n", 3)[3]).splitlines()
