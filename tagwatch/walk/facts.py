"""Facts of other ledgers: `tagwatch facts` exports and imports them, `check` imports, too.

They travel in a signed file (`facts_file.py`). Who runs the nightly scan has the private key; who
checks has the public one, and can write no such file. The ledger remembers the counter of the
newest file of each key and name, so that an older one, rightly signed, is not taken for it. Like
all memory this begins anew where the ledger does: then only the file's expiry ends an old one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tagwatch.audit.model.diff import ConfigDiff, LayerDiff, PlatformDiff, StepDiff
from tagwatch.audit.model.evidence import Evidence, is_readable
from tagwatch.config.settings import Facts
from tagwatch.errors import ConfigError, InputError, RegistryError
from tagwatch.image.reference import Repository
from tagwatch.ledger.codec import micros
from tagwatch.ledger.read import Reader
from tagwatch.source.target import Target
from tagwatch.value import dataclass, replace
from tagwatch.walk.facts_file import MAX_BYTES, FactsFile, read_facts, write_facts
from tagwatch.walk.look_up import Asking
from tagwatch.walk.site import Site, configured_place, source_name

__all__ = ["bring_facts", "expired_facts", "export_facts", "facts_told", "import_facts"]

_OLD = timedelta(days=7)
_FETCHED_AGAIN = timedelta(hours=1)
_FETCH_SECONDS = 10.0
_CACHE = "facts"
_COUNTERS = "facts-counter"
_KEPT = 1024
"""So many places and counters are remembered: far more than one user has."""


def export_facts(targets: Sequence[Target], site: Site, settings: Facts) -> tuple[bytes, int]:
    """Return a signed file of facts, and how many it holds.

    The facts are what this ledger saw itself of the targets' repositories and of the watch list;
    imported ones are not passed on. Raises `ConfigError`, `InputError`, `LedgerError`.
    """
    from tagwatch.walk.facts_key import signer_of

    signer = signer_of(settings, site)
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
    facts = FactsFile(
        name=settings.name or site.root.name,
        at=site.at,
        expires_at=site.at + settings.valid_for,
        counter=micros(site.at),  # a clock needs no memory of the files before
        evidence=tuple(map(_for_others, found)),
    )
    return write_facts(facts, signer), len(found)


def _for_others(evidence: Evidence) -> Evidence:
    """Return what rules read of evidence: many read an extract who may not pull the image.

    Left out: commands, variables, labels, build steps and packages, masked as they are.
    """
    change = evidence.change
    if change is not None and change.diff is not None:
        diff = replace(change.diff, platforms=tuple(map(_compared, change.diff.platforms)))
        change = replace(change, diff=diff)
    platforms = tuple(
        replace(one, cmd=(), volumes=(), stop_signal="") for one in evidence.platforms
    )
    return replace(evidence, platforms=platforms, change=change)


def _compared(platform: PlatformDiff) -> PlatformDiff:
    config = platform.config
    if config is not None:
        config = ConfigDiff(
            user=config.user,
            entrypoint=config.entrypoint,
            stop_signal=config.stop_signal,
            exposed_ports=config.exposed_ports,
            volumes=config.volumes,
            os=config.os,
            os_version=config.os_version,
        )
    return replace(platform, config=config, layers=LayerDiff(), steps=StepDiff(), packages=None)


def import_facts(site: Site, settings: Facts) -> FactsFile:
    """Read the file or URL, check its signature, and store its facts beside our own.

    Raises `ConfigError`, `InputError`, `RegistryError`, `LedgerError`.
    """
    _need_keys(settings)
    name = source_name(settings, site)
    raw = _read(site, settings)
    facts = read_facts(raw, settings.public_keys, source=name, now=site.at)
    if (why := _why_refused(facts, site, place=name)) is not None:
        raise InputError(
            f"the facts in {name!r} are refused: {why}", hint="fetch them, or export them, again"
        )
    _keep(facts, _mark(raw, settings), site, place=name)
    return facts


def bring_facts(site: Site, asking: Asking) -> tuple[str, ...]:
    """Import the facts that the configuration names, where they are new; return warnings.

    A URL is fetched once an hour at most, for ten seconds at most, and no longer than `asking`
    allows. Facts that cannot be had, that expired, or that are older than those of before give a
    warning; a wrong signature raises `InputError`.
    """
    settings = site.settings.facts
    if settings is None or not settings.source:
        return ()
    name, place = source_name(settings, site), configured_place(site)
    kept = _kept(site, place)
    if kept is not None and not _is_believed(kept, settings, site):
        _forget(site, place)
        kept = None
    is_fresh = kept is not None and site.at - kept.fetched_at < _FETCHED_AGAIN
    if "://" in settings.source and (asking.offline or is_fresh):
        return _age_warnings(site, settings)
    try:
        _need_keys(settings)
        raw = _configured(site, settings, asking.max_seconds)
    except (ConfigError, InputError, RegistryError) as error:
        if kept is None:
            return (f"the facts in {name!r} are not used: {error.message}",)
        said = f"the facts in {name!r} are those of {kept.at:%Y-%m-%d}: {error.message}"
        return (said, *_age_warnings(site, settings))
    mark = _mark(raw, settings)
    if kept is None or kept.mark != mark or "://" in settings.source:
        facts = read_facts(raw, settings.public_keys, source=name, now=site.at)
        if (why := _why_refused(facts, site, place=place)) is not None:
            said = f"the facts in {name!r} are refused: {why}"
            return (said, *(_age_warnings(site, settings) if kept is not None else ()))
        _keep(facts, mark, site, place=place)
    return _age_warnings(site, settings)


def expired_facts(evidence: Mapping[str, Evidence], site: Site) -> frozenset[str]:
    """Return the sources whose facts are among the evidence, and expired.

    So are facts of which the ledger does not remember who signed them: a tagwatch that knew no
    public keys brought them.
    """
    settings = site.settings.facts
    configured = "" if settings is None else source_name(settings, site)
    expired = set()
    for source in {one.source for one in evidence.values()} - {"seen"}:
        places = [source, configured_place(site)] if source == configured else [source]
        kept = [found for place in places if (found := _kept(site, place)) is not None]
        if all(site.at >= one.expires_at for one in kept):
            expired.add(source)
    return frozenset(expired)


def facts_told(evidence: Mapping[str, Evidence], expired: frozenset[str]) -> str:
    """Return the sources of evidence that this ledger did not see itself, with number and age."""
    brought: dict[str, list[Evidence]] = {}
    for one in evidence.values():
        if one.source != "seen":
            brought.setdefault(one.source, []).append(one)
    told = []
    for source, facts in sorted(brought.items()):
        oldest = min((one.at for one in facts if one.at is not None), default=None)
        since = f", read {oldest:%Y-%m-%d %H:%M} UTC or later" if oldest else ""
        end = ", expired" if source in expired else ""
        told.append(f"{source}: {len(facts)} of {len(evidence)}{since}{end}")
    return "; ".join(told)


def _why_refused(facts: FactsFile, site: Site, *, place: str) -> str | None:
    """Return why rightly signed facts are not taken: they expired, or newer ones are known."""
    if site.at >= facts.expires_at:
        return f"they expired on {facts.expires_at:%Y-%m-%d %H:%M} UTC"
    stored = _remembered(site, _COUNTERS, _stream(facts))
    kept = _kept(site, place)
    newest = max(int(stored or 0), kept.counter if kept is not None else 0)
    if facts.counter >= newest:
        return None
    return f"they are of {facts.at:%Y-%m-%d %H:%M} UTC, and newer ones were read before"


def _keep(facts: FactsFile, mark: str, site: Site, *, place: str) -> None:
    from tagwatch.ledger.write import Ledger

    kept = _Kept(
        at=facts.at,
        expires_at=facts.expires_at,
        fetched_at=site.at,
        counter=facts.counter,
        key_id=facts.key_id,
        mark=mark,
    )
    with Ledger.open(site.database, site.origins) as ledger:
        # first: facts that are stored without their counter could be rolled back
        ledger.cache(_COUNTERS, _stream(facts), str(facts.counter), site.at, most=_KEPT)
        ledger.replace_evidence(place, facts.evidence)
        ledger.cache(_CACHE, place, kept.to_text(), site.at, most=_KEPT)


def _forget(site: Site, place: str) -> None:
    """Drop the facts of a place whose key is believed no longer."""
    from tagwatch.ledger.write import Ledger

    with Ledger.open(site.database, site.origins) as ledger:
        ledger.replace_evidence(place, ())
        ledger.cache(_CACHE, place, "", site.at, most=_KEPT)


def _is_believed(kept: _Kept, settings: Facts, site: Site) -> bool:
    return any(
        key.id == kept.key_id and (key.until is None or site.at < key.until)
        for key in settings.public_keys
    )


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


def _need_keys(settings: Facts) -> None:
    """Raise `ConfigError` where no public key says whose facts are believed."""
    if not settings.public_keys:
        raise ConfigError(
            "no key under facts.public_keys says whose are believed "
            "(`tagwatch facts keygen` makes a pair)",
            hint="facts: {public_keys: {ID: KEY}}, as keygen printed them; or --public-key KEY",
        )


def _age_warnings(site: Site, settings: Facts) -> tuple[str, ...]:
    name = source_name(settings, site)
    kept = _kept(site, configured_place(site))
    if kept is None:
        return (f"the facts in {name!r} are not used: they were not fetched yet",)
    if site.at >= kept.expires_at:
        when = f"{kept.expires_at:%Y-%m-%d %H:%M} UTC"
        return (f"the facts in {name!r} expired on {when}: is the nightly scan still running?",)
    age = site.at - kept.at
    if age <= _OLD:
        return ()
    return (f"the facts in {name!r} are {age.days} days old: is the nightly scan still running?",)


def _mark(raw: bytes, settings: Facts) -> str:
    """Return a mark of a file and the keys that it was checked with.

    Where either changes, the file is checked and imported again.
    """
    keys = repr(settings.public_keys).encode()
    return hashlib.sha256(hashlib.sha256(keys).digest() + raw).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What the ledger remembers of the file of facts that it holds of a place."""

    at: datetime
    expires_at: datetime
    fetched_at: datetime
    counter: int
    key_id: str
    mark: str

    def to_text(self) -> str:
        times = (self.at, self.expires_at, self.fetched_at)
        told = [*(one.isoformat() for one in times), self.counter, self.key_id, self.mark]
        return json.dumps(told)


def _kept(site: Site, place: str) -> _Kept | None:
    """Return what is remembered of the facts stored for `place`; None where nothing is."""
    stored = _remembered(site, _CACHE, place)
    if not stored:
        return None
    try:
        *times, counter, key_id, mark = json.loads(stored)
        at, expires_at, fetched_at = map(datetime.fromisoformat, times)
    except (ValueError, TypeError):  # another version's: its facts are read again
        return None
    return _Kept(
        at=at,
        expires_at=expires_at,
        fetched_at=fetched_at,
        counter=counter,
        key_id=key_id,
        mark=mark,
    )


def _stream(facts: FactsFile) -> str:
    """Return what a counter counts: the files of one name by one key."""
    return f"{facts.key_id} {facts.name}"


def _remembered(site: Site, name: str, key: str) -> str | None:
    if not site.database.is_file():
        return None
    with Reader.open(site.database, site.origins) as ledger:
        return ledger.cached(name, key)


def _watched(site: Site) -> Iterator[str]:
    # here: it loads what plans a crawl, which a check that brings facts does not need
    from tagwatch.walk.watch_list import prefix_of

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
