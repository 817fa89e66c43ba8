"""Facts of other ledgers: `tagwatch facts` exports and imports them, `check` imports, too.

They travel in a file that is signed and dated and has one fact a line:

    tagwatch-facts 2 hmac-sha256:<hex>     the signature of everything after this line
    {"at": "2026-11-24T02:00:00Z"}         when it was written
    {"key": "docker.io/library/redis:7", …}

Files of version 1, in which a diff was a JSON document, are read as well. Whoever has the key can
write such files. So only those who run the nightly scan and those who check may know it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tagwatch.audit.model.evidence import Evidence, is_readable
from tagwatch.config.load import read_secret
from tagwatch.config.settings import Facts
from tagwatch.errors import ConfigError, InputError, LedgerError, RegistryError
from tagwatch.image.reference import Repository
from tagwatch.ledger.codec import decode, encode
from tagwatch.ledger.read import Reader
from tagwatch.source.target import Target
from tagwatch.value import dataclass, replace
from tagwatch.walk.look_up import Asking
from tagwatch.walk.site import Site, configured_place, source_name
from tagwatch.walk.watch_list import prefix_of

__all__ = [
    "MAX_BYTES",
    "FactsFile",
    "bring_facts",
    "export_facts",
    "import_facts",
    "read_facts",
    "write_facts",
]

_OLD = timedelta(days=7)
_FETCHED_AGAIN = timedelta(hours=1)
_FETCH_SECONDS = 10.0
_LEAST_KEY = 16
_CACHE = "facts"


def export_facts(targets: Sequence[Target], site: Site, settings: Facts) -> tuple[bytes, int]:
    """Return a signed file of facts, and how many it holds.

    The facts are what this ledger saw itself of the targets' repositories and of the watch list;
    imported ones are not passed on. Raises `ConfigError`, `InputError`, `LedgerError`.
    """
    key = _key(settings, site)
    if not site.database.is_file():
        raise InputError("there is no ledger to export from", hint="run `tagwatch scan` first")
    names = {target.reference.repository.name for target in targets if target.reference}
    names |= set(_watched(site))
    with Reader.open(site.database, site.origins) as ledger:
        keys = [one for one in ledger.evidence_keys() if _is_of(one, names)]
        found = [
            one
            for one in ledger.evidence(keys).values()
            if one.source == "seen" and is_readable(one)
        ]
    return write_facts(found, site.at, key), len(found)


def import_facts(site: Site, settings: Facts) -> FactsFile:
    """Read the file or URL, check its signature, and store its facts beside our own.

    Raises `ConfigError`, `InputError`, `RegistryError`, `LedgerError`.
    """
    key = _key(settings, site)
    return _keep(_read(site, settings), key, site, settings, place=source_name(settings, site))


def bring_facts(site: Site, asking: Asking) -> tuple[str, ...]:
    """Import the facts that the configuration names, where they are new; return warnings.

    A URL is fetched once an hour at most, for ten seconds at most, and no longer than `asking`
    allows. Facts that cannot be had give a warning; a wrong signature raises `InputError`.
    """
    settings = site.settings.facts
    if settings is None:
        return ()
    is_url = "://" in settings.source
    if is_url and (asking.offline or _was_fetched(site)):
        return _age_warnings(site, settings)
    name, place = source_name(settings, site), configured_place(site)
    try:
        key = _key(settings, site)
        raw = _configured(site, settings, asking.max_seconds)
    except (ConfigError, InputError, RegistryError) as error:
        kept_at, _ = _kept(site, place)
        if kept_at is None:
            return (f"the facts in {name!r} are not used: {error.message}",)
        return (f"the facts in {name!r} are those of {kept_at:%Y-%m-%d}: {error.message}",)
    if _kept(site, place)[1] != _mark(raw, key):
        _keep(raw, key, site, settings, place=place)
    return _age_warnings(site, settings)


def _keep(raw: bytes, key: bytes, site: Site, settings: Facts, *, place: str) -> FactsFile:
    from tagwatch.ledger.write import Ledger

    facts = read_facts(raw, key, source=source_name(settings, site), now=site.at)
    with Ledger.open(site.database, site.origins) as ledger:
        ledger.replace_evidence(place, facts.evidence)
        ledger.cache(_CACHE, _newest(place), f"{facts.at.isoformat()} {_mark(raw, key)}", site.at)
        ledger.cache(_CACHE, _fetched(place), site.at.isoformat(), site.at)
    return facts


def _configured(site: Site, settings: Facts, max_seconds: float | None) -> bytes:
    if Path(settings.source).is_fifo():  # reading it would wait for a writer, perhaps for ever
        raise InputError("it is a named pipe", hint="name a file")
    return _read(site, settings, max_seconds)


def _read(site: Site, settings: Facts, max_seconds: float | None = None) -> bytes:
    if "://" in settings.source:
        from tagwatch.registry.extract import fetch_extract
        from tagwatch.walk.loop import run

        seconds = min(max_seconds or _FETCH_SECONDS, _FETCH_SECONDS)
        fetched = fetch_extract(settings.source, site.environment, limit=MAX_BYTES, seconds=seconds)
        return run(fetched)
    try:
        with Path(settings.source).open("rb") as file:
            return file.read(MAX_BYTES + 1)  # one byte more shows `read_facts` that it is too large
    except OSError as error:
        raise InputError(
            f"it cannot be read: {error.strerror or error}",
            hint="`tagwatch facts export --output FILE` writes one",
        ) from error


def _key(settings: Facts, site: Site) -> bytes:
    """Return the shared secret. Raises `ConfigError`."""
    if not settings.key_env and settings.key_file is None:
        raise ConfigError(
            "no key is configured for facts",
            hint="facts: {source: …, key_env: NAME} or key_file: PATH; or --key-env, --key-file",
        )
    key = read_secret(settings.key_env, settings.key_file, site.environment).encode()
    if len(key) < _LEAST_KEY:
        raise ConfigError(
            f"the key for facts is shorter than {_LEAST_KEY} bytes",
            hint="`openssl rand -hex 32` makes a good one",
        )
    return key


def _age_warnings(site: Site, settings: Facts) -> tuple[str, ...]:
    name = source_name(settings, site)
    kept_at, _ = _kept(site, configured_place(site))
    if kept_at is None:
        return (f"the facts in {name!r} are not used: they were not fetched yet",)
    age = site.at - kept_at
    if age <= _OLD:
        return ()
    return (f"the facts in {name!r} are {age.days} days old: is the nightly scan still running?",)


def _mark(raw: bytes, key: bytes) -> str:
    """Return a mark of a file and the key that it was checked with.

    Where either changes, the file is checked and imported again.
    """
    return hashlib.sha256(key + raw).hexdigest()


def _was_fetched(site: Site) -> bool:
    stamp = _remembered(site, _fetched(configured_place(site)))
    return stamp is not None and site.at - datetime.fromisoformat(stamp) < _FETCHED_AGAIN


def _kept(site: Site, place: str) -> tuple[datetime | None, str]:
    """Return when the facts stored for `place` were written, and the mark of their file."""
    stamp, _, digest = (_remembered(site, _newest(place)) or "").partition(" ")
    return datetime.fromisoformat(stamp) if stamp else None, digest


def _remembered(site: Site, key: str) -> str | None:
    if not site.database.is_file():
        return None
    with Reader.open(site.database, site.origins) as ledger:
        return ledger.cached(_CACHE, key)


def _newest(place: str) -> str:
    return f"{place}\0newest"


def _fetched(place: str) -> str:
    return f"{place}\0fetched"


def _watched(site: Site) -> Iterator[str]:
    for watch in site.settings.watch:
        prefix = prefix_of(watch.image)
        if prefix is None:
            yield Repository.parse(watch.image).identity.name
        else:
            yield f"{prefix.host}/{prefix.path}"


def _is_of(key: str, names: Iterable[str]) -> bool:
    """Return True for evidence of one of these repositories; `names` ending in `/` are prefixes."""
    return any(
        key.startswith(name)
        and (name.endswith("/") or key[len(name) : len(name) + 1] in (":", "@"))
        for name in names
    )


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
