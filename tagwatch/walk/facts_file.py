"""The file in which facts travel: signed, dated, and compressed as the ledger is.

    tagwatch-facts 4
    ed25519-0123456789abcdef <signature>      who signed the line before, and the one after this
    {"at": …, "counter": …, "sha256": …}      what the facts are, of which registries
    <the facts>

The facts are lines of JSON, one a fact, with the past of the tag that it is about; together they
are compressed by `codec.compress_alike`. They are values, not a database: nothing of them is run,
equal facts are equal bytes whatever SQLite is there, and what a later tagwatch adds to them is
passed over. Whoever imports them stores them in its ledger's own tables (`ledger/extract.py`).

The header holds the SHA-256 of what follows it, so the signature covers that, too. It is verified
before anything is parsed or expanded. Version 3 had each fact as it is, without pasts; it is read.
Versions 1 and 2 were signed with a secret that every reader had, and so could have been written by
any of them: they are refused.
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
from tagwatch.ledger.codec import compress_alike, decode, encode, expand
from tagwatch.ledger.extract import Past
from tagwatch.signature import (
    KEY_BYTES,
    SIGNATURE_BYTES,
    Signer,
    from_text,
    key_id_of,
    to_text,
    verify,
)
from tagwatch.value import dataclass, field, replace

__all__ = ["MAX_BYTES", "FactsFile", "read_facts", "tag_of", "write_facts"]

MAX_BYTES = 32 * 1024 * 1024
_NAME = b"tagwatch-facts "
_HEAD = b"tagwatch-facts 4"
_PLAIN_HEAD = b"tagwatch-facts 3"
_SHARED_KEY = (b"tagwatch-facts 1 ", b"tagwatch-facts 2 ")
_MAX_LINE = 64 * 1024
"""How long the signature's line and the header may be."""
_MAX_EXPANDED = 128 * 1024 * 1024
_OF_A_HEADER = ("counter", "name", "origins", "bases")
_INTERVALS = 5
"""So many intervals of a tag's past a fact has by itself, the newest ones."""
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
    pasts: tuple[Past, ...] = ()
    """What the tags were that the facts are about."""
    bases: tuple[str, ...] | None = None
    """The bases that images were compared with, sorted; None where the file does not say."""
    origins: tuple[str, ...] = ()
    """The registries that the facts speak of, and no others, as hosts."""
    key_id: str = ""
    """Whose signature was found good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsLine:
    """A fact, and the past of the tag that it is about, where no fact before it has it."""

    fact: Evidence
    past: Past | None = field(default=None)


def tag_of(fact: Evidence) -> tuple[str, str]:
    """Return the names of the repository and the tag that a fact is about; no tag: of a digest."""
    tag = fact.history[-1].tag if fact.history else ""
    return fact.key.partition("@")[0].rpartition(":")[0], tag


def _host_of(fact: Evidence) -> str:
    """Return the registry that a fact speaks of."""
    return fact.key.partition("/")[0]


def write_facts(facts: FactsFile, signer: Signer) -> bytes:
    """Return the bytes of the file: the same for the same facts.

    Of a longer past only the newest `_INTERVALS` intervals are kept. `origins` are taken from the
    facts.
    """
    ordered = sorted(facts.evidence, key=lambda one: one.key)
    past_of = {(one.repository.name, one.tag): one for one in facts.pasts}
    lines = []
    for fact in ordered:
        known = past_of.pop(tag_of(fact), None)  # of facts about one tag, the first one tells it
        recent = replace(fact, history=fact.history[-_INTERVALS:])
        lines.append(encode(FactsLine(fact=recent, past=known)) + b"\n")
    text = b"".join(lines)
    body = compress_alike(text)
    told = {
        "name": facts.name,
        "counter": facts.counter,
        "at": _stamp(facts.at),
        "expires": _stamp(facts.expires_at),
        "origins": sorted({_host_of(one) for one in ordered}),
        "bases": facts.bases,
        "facts": len(ordered),
        "size": len(text),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    header = json.dumps(told).encode()
    signature = to_text(signer.sign(_signed(_HEAD, header)))
    by = f"{key_id_of(signer.public_key)} {signature}".encode()
    return b"\n".join((_HEAD, by, header, body))


def read_facts(raw: bytes, keys: Iterable[PublicKey], *, source: str, now: datetime) -> FactsFile:
    """Read what `write_facts` wrote; each fact gets `source` as where it comes from.

    Whether it expired, or is older than one that was read before, is for the caller to say. Raises
    `InputError`: not such a file, signed with a key that is not among `keys`, changed since, of
    registries that the key does not speak for, from the future.
    """
    head, line, header, body = _parts(raw, source)
    key = _checked_key(line, _signed(head, header), tuple(keys), source, now)
    try:
        facts = _parsed(header, body, source, is_plain=head == _PLAIN_HEAD)
    except (
        ArithmeticError,
        AttributeError,
        KeyError,
        LedgerError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise InputError(
            f"the facts in {source!r} are damaged: {error}",
            hint="fetch them, or export them, again",
        ) from error
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


def _parts(raw: bytes, source: str) -> tuple[bytes, bytes, bytes, bytes]:
    """Return the first line, the signature's, the header, and the facts. Raises `InputError`."""
    if raw.startswith(_SHARED_KEY):
        raise InputError(
            f"the facts in {source!r} are signed with a secret that every reader has",
            hint="make a key pair with `tagwatch facts keygen`, export with it, "
            "and name its public key under facts.public_keys here",
        )
    head, *rest = raw.split(b"\n", 3)
    is_known = head in (_HEAD, _PLAIN_HEAD)
    if not is_known or len(rest) != 3 or len(raw) > MAX_BYTES:
        newer = head.startswith(_NAME) and not is_known
        raise InputError(
            f"{source!r} holds no facts that this tagwatch reads",
            hint="it reads versions 3 and 4: upgrade tagwatch, or export with this one"
            if newer
            else "write it with `tagwatch facts export`",
        )
    line, header, body = rest
    if max(len(line), len(header)) > _MAX_LINE:
        raise InputError(f"the facts in {source!r} are damaged: a header without end")
    return head, line, header, body


def _checked_key(
    line: bytes, signed: bytes, keys: tuple[PublicKey, ...], source: str, now: datetime
) -> PublicKey:
    """Return the key by which that is signed. Raises `InputError`."""
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
    if signature is None or not verify(from_text(key.text, KEY_BYTES) or b"", signature, signed):
        raise InputError(
            f"the facts in {source!r} are not signed by {key.id}, or were changed since",
            hint="fetch them, or export them, again",
        )
    return key


def _parsed(header: bytes, body: bytes, source: str, *, is_plain: bool) -> FactsFile:
    """Return what a signed header and its facts say. Raises what parsing raises."""
    told = cleaned(json.loads(header))
    counter, name, origins, bases = (told.get(one) for one in _OF_A_HEADER)
    if type(counter) is not int or not isinstance(name, str) or not isinstance(origins, list):
        raise TypeError("a value of the header is of another type")
    if hashlib.sha256(body).hexdigest() != told["sha256"]:
        raise ValueError("they are not those that were signed")
    at = _moment(told["at"])
    if is_plain:
        text = body
    else:
        size = told["size"]
        if type(size) is not int or not 0 <= size <= _MAX_EXPANDED:
            raise ValueError(f"{size!r} bytes of facts")
        text = expand(body, most=max(size, 1))
    lines = []
    for number, raw in enumerate(text.splitlines(), start=1):
        try:
            line = FactsLine(fact=decode(Evidence, raw)) if is_plain else decode(FactsLine, raw)
            why = "" if line.past is None else _doubt(line.fact, line.past, at)
        except (LedgerError, ArithmeticError, TypeError, ValueError) as error:
            why = str(error)
        if why:
            raise ValueError(f"fact {number}: {why}")
        lines.append(line)
    facts = tuple(replace(line.fact, source=source) for line in lines)
    if len(facts) != told["facts"] or any(_host_of(one) not in origins for one in facts):
        raise ValueError("the header says another number, or other registries")
    return FactsFile(
        name=name,
        at=at,
        expires_at=_moment(told["expires"]),
        counter=counter,
        evidence=facts,
        pasts=tuple(line.past for line in lines if line.past is not None),
        bases=tuple(map(str, bases)) if isinstance(bases, list) else None,
        origins=tuple(map(str, origins)),
    )


def _doubt(fact: Evidence, past: Past, at: datetime) -> str:
    """Return what cannot be true of the past beside a fact; empty where all can."""
    if not fact.key.startswith(tuple(past.repository.name + end for end in ":@")):
        return "a past of another repository"
    return past.doubt(at)


def _signed(head: bytes, header: bytes) -> bytes:
    """Return what is signed: no other file begins like this, so no signature fits another one."""
    return head + b"\n" + header


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone: {text}")
    return at.astimezone(UTC)
