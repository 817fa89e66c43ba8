"""The file in which facts travel: signed, dated, and with one fact a line.

    tagwatch-facts 3
    ed25519-0123456789abcdef <signature>      who signed the line before, and the one after this
    {"at": …, "counter": …, "sha256": …}      what the facts are, of which registries
    {"key": "docker.io/library/redis:7", …}

The header holds the SHA-256 of the facts, so the signature covers them, too. It is verified before
anything is parsed. Versions 1 and 2 were signed with a secret that every reader had, and so could
have been written by any of them: they are refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from tagwatch.audit.model.evidence import Evidence
from tagwatch.config.settings import PublicKey
from tagwatch.errors import InputError, LedgerError
from tagwatch.image.unicode import cleaned
from tagwatch.ledger.codec import decode, encode
from tagwatch.signature import (
    KEY_BYTES,
    SIGNATURE_BYTES,
    Signer,
    from_text,
    key_id_of,
    to_text,
    verify,
)
from tagwatch.value import dataclass, replace

__all__ = ["MAX_BYTES", "FactsFile", "read_facts", "write_facts"]

MAX_BYTES = 32 * 1024 * 1024
_NAME = b"tagwatch-facts "
_HEAD = b"tagwatch-facts 3"
_SHARED_KEY = (b"tagwatch-facts 1 ", b"tagwatch-facts 2 ")
_MAX_LINE = 64 * 1024
"""How long the signature's line and the header may be."""
_INTERVALS = 5
"""So many intervals of a tag's past go into the file, the newest ones."""
_SKEW = timedelta(hours=1)
"""How far the clocks of both sides may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsFile:
    """The content of a file of facts."""

    name: str
    """What the file is called by who writes it, night after night."""
    at: datetime
    """When it was written."""
    expires_at: datetime
    """From when on nothing should rest on it."""
    counter: int
    """Greater than that of each file of this name and key that was written before."""
    evidence: tuple[Evidence, ...]
    """The facts; none is younger than `at`."""
    origins: tuple[str, ...] = ()
    """The registries that the facts speak of, and no others, as hosts."""
    key_id: str = ""
    """Whose signature was found good."""


def _host_of(fact: Evidence) -> str:
    """Return the registry that a fact speaks of."""
    return fact.key.partition("/")[0]


def write_facts(facts: FactsFile, signer: Signer) -> bytes:
    """Return the bytes of the file: the same for the same facts.

    Of a longer past only the newest `_INTERVALS` intervals are kept. `origins` are taken from the
    facts.
    """
    ordered = sorted(facts.evidence, key=lambda one: one.key)
    lines = (encode(replace(one, history=one.history[-_INTERVALS:])) for one in ordered)
    body = b"".join(line + b"\n" for line in lines)
    told = {
        "name": facts.name,
        "counter": facts.counter,
        "at": _stamp(facts.at),
        "expires": _stamp(facts.expires_at),
        "origins": sorted({_host_of(one) for one in ordered}),
        "facts": len(ordered),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    header = json.dumps(told).encode()
    signature = to_text(signer.sign(_signed(header)))
    by = f"{key_id_of(signer.public_key)} {signature}".encode()
    return b"\n".join((_HEAD, by, header, body))


def read_facts(raw: bytes, keys: Iterable[PublicKey], *, source: str, now: datetime) -> FactsFile:
    """Read what `write_facts` wrote; each fact gets `source` as where it comes from.

    Whether it expired, or is older than one that was read before, is for the caller to say. Raises
    `InputError`: not such a file, signed with a key that is not among `keys`, changed since, of
    registries that the key does not speak for, from the future.
    """
    line, header, body = _parts(raw, source)
    key = _checked_key(line, header, tuple(keys), source, now)
    try:
        facts = _parsed(header, body, source)
    except (
        ArithmeticError,
        AttributeError,
        KeyError,
        LedgerError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise InputError(f"the facts in {source!r} are damaged: {error}") from error
    is_later = any(one.at is not None and one.at > facts.at for one in facts.evidence)
    if is_later or facts.at > now + _SKEW:
        raise InputError(
            f"the facts in {source!r} come from the future", hint="compare the clocks of both sides"
        )
    for host in facts.origins:
        if key.registries and host not in key.registries:
            raise InputError(
                f"the facts in {source!r} are of {host!r}, for which {key.id} does not speak",
                hint=f"facts.public_keys.{key.id}.registries says for which it does",
            )
    return replace(facts, key_id=key.id)


def _parts(raw: bytes, source: str) -> tuple[bytes, bytes, bytes]:
    """Return the signature's line, the header, and the facts. Raises `InputError`."""
    if raw.startswith(_SHARED_KEY):
        raise InputError(
            f"the facts in {source!r} are signed with a secret that every reader has",
            hint="make a key pair with `tagwatch facts keygen`, export with it, "
            "and name its public key under facts.public_keys here",
        )
    head, *rest = raw.split(b"\n", 3)
    if head != _HEAD or len(rest) != 3 or len(raw) > MAX_BYTES:
        newer = head.startswith(_NAME) and head != _HEAD
        raise InputError(
            f"{source!r} holds no facts that this tagwatch reads",
            hint="it reads version 3: upgrade tagwatch, or export with this one"
            if newer
            else "write it with `tagwatch facts export`",
        )
    line, header, body = rest
    if max(len(line), len(header)) > _MAX_LINE:
        raise InputError(f"the facts in {source!r} are damaged: a header without end")
    return line, header, body


def _checked_key(
    line: bytes, header: bytes, keys: tuple[PublicKey, ...], source: str, now: datetime
) -> PublicKey:
    """Return the key by which the header is signed. Raises `InputError`."""
    key_id, _, text = line.decode("ascii", "replace").partition(" ")
    key = next((one for one in keys if one.id == key_id), None)
    if key is None:
        known = ", ".join(one.id for one in keys)
        raise InputError(
            f"the facts in {source!r} are signed with {key_id[:40]!r}, "
            "which facts.public_keys does not name",
            hint=f"named there: {known}" if known else "no key is",
        )
    if key.until is not None and now >= key.until:
        raise InputError(
            f"the facts in {source!r} are signed with {key.id}, "
            f"which ended on {key.until:%Y-%m-%d}",
            hint="export with the new key",
        )
    signature = from_text(text, SIGNATURE_BYTES)
    if signature is None or not verify(
        from_text(key.text, KEY_BYTES) or b"", signature, _signed(header)
    ):
        raise InputError(
            f"the facts in {source!r} are not signed by {key.id}, or were changed since",
            hint="fetch them, or export them, again",
        )
    return key


def _parsed(header: bytes, body: bytes, source: str) -> FactsFile:
    """Return what a signed header and its facts say. Raises what parsing raises."""
    told = cleaned(json.loads(header))
    counter, name, origins = told["counter"], told["name"], told["origins"]
    if type(counter) is not int or not isinstance(name, str) or not isinstance(origins, list):
        raise TypeError("a value of the header is of another type")
    if hashlib.sha256(body).hexdigest() != told["sha256"]:
        raise ValueError("they are not those that were signed")
    lines = body.splitlines()
    evidence = tuple(replace(decode(Evidence, line), source=source) for line in lines)
    if len(evidence) != told["facts"] or any(_host_of(one) not in origins for one in evidence):
        raise ValueError("the header says another number, or other registries")
    return FactsFile(
        name=name,
        at=_moment(told["at"]),
        expires_at=_moment(told["expires"]),
        counter=counter,
        evidence=evidence,
        origins=tuple(map(str, origins)),
    )


def _signed(header: bytes) -> bytes:
    """Return what is signed: no other file begins like this, so no signature fits another one."""
    return _HEAD + b"\n" + header


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone: {text}")
    return at.astimezone(UTC)
