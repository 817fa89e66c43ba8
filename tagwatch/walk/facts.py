"""Facts of other ledgers: `tagwatch facts` exports and imports them, `check` imports, too.

They travel in a signed file (`facts_file.py`). Who runs the nightly scan has the private key; who
checks has the public one, and can write no such file. The ledger remembers the counter of the
newest file of each key and name, so that an older one, rightly signed, is not taken for it. Like
all memory this begins anew where the ledger does: then only the file's expiry ends an old one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tagwatch.audit.model.diff import ConfigDiff, LayerDiff, PlatformDiff, StepDiff
from tagwatch.audit.model.evidence import Evidence, is_readable
from tagwatch.config.settings import Facts
from tagwatch.errors import ConfigError, InputError, RegistryError
from tagwatch.image.digest import is_digest
from tagwatch.image.reference import Repository
from tagwatch.ledger.codec import micros
from tagwatch.ledger.read import Reader
from tagwatch.source.target import Target
from tagwatch.value import replace
from tagwatch.walk.facts_file import MAX_BYTES, FactsFile, read_facts, tag_of, write_facts
from tagwatch.walk.facts_kept import CACHE, KeptFacts, bases_followed, kept_facts
from tagwatch.walk.look_up import Asking
from tagwatch.walk.site import Site, configured_place, source_name

if TYPE_CHECKING:
    from tagwatch.audit.model.history import Change
    from tagwatch.ledger.extract import Past

__all__ = ["bring_facts", "export_facts", "import_facts"]

_OLD = timedelta(days=7)
_FETCHED_AGAIN = timedelta(hours=1)
_FETCH_SECONDS = 10.0
_COUNTERS = "facts-counter"
_KEPT = 1024
"""So many places and counters are remembered: far more than one user has."""


def export_facts(targets: Sequence[Target], site: Site, settings: Facts) -> tuple[bytes, int]:
    """Return a signed file of facts, and how many it holds.

    The facts are what this ledger saw itself of the targets' repositories and of the watch list;
    imported ones are not passed on. Raises `ConfigError`, `InputError`, `LedgerError`.
    """
    from tagwatch.ledger.extract import past_of
    from tagwatch.walk.bases import with_base
    from tagwatch.walk.facts_key import signer_of
    from tagwatch.walk.recall import recall_bases

    signer = signer_of(settings, site)
    if not site.database.is_file():
        raise InputError("there is no ledger to export from", hint="run `tagwatch scan` first")
    names = {target.reference.repository.name for target in targets if target.reference}
    names |= set(_watched(site))
    with Reader.open(site.database, site.origins) as ledger:
        keys = [one for one in ledger.evidence_keys() if _is_of(one, names)]
        bases = recall_bases(ledger, site.policy)
        found = [
            with_base(one, ledger, bases, site.policy)
            for one in ledger.evidence(keys).values()
            if one.source == "seen" and is_readable(one)
        ]
        found += _candidates(found, ledger, site)
        tags = sorted({tag_of(one) for one in found})
        pasts = tuple(
            past_of(ledger, Repository.parse(name).identity, tag) for name, tag in tags if tag
        )
    facts = FactsFile(
        name=settings.name or site.root.name,
        at=site.at,
        expires_at=site.at + settings.valid_for,
        counter=micros(site.at),  # a clock needs no memory of the files before
        evidence=tuple(map(_for_others, found)),
        pasts=tuple(map(_past_for_others, pasts)),
        bases=bases_followed(site),
    )
    return write_facts(facts, signer), len(found)


def _candidates(facts: Sequence[Evidence], ledger: Reader, site: Site) -> Iterator[Evidence]:
    """Yield what is known of tags that might be written instead of those that facts are about.

    A reader who knows nothing of them would offer what this ledger keeps back.
    """
    from tagwatch.source.target import targets_of
    from tagwatch.walk.round import gather_remembered

    known = {one.key for one in facts}
    names = set()
    for one in facts:
        resolution, name = one.resolution, tag_of(one)[0]
        names |= {f"{name}:{tag}" for tag in (resolution.tag, *resolution.newer.tags) if tag}
        before = one.history[-2:-1]  # to pin it is what to do about a move that nobody wanted
        names |= {f"{name}:{of.tag}@{of.digest}" for of in before if is_digest(of.digest)}
    targets = targets_of(sorted(names - known))
    yield from gather_remembered(targets, ledger, site).values()


def _past_for_others(past: Past) -> Past:
    """Return a past with what others may read of its changes; see `_for_others`."""
    return replace(past, changes=tuple(map(_change_for_others, past.changes)))


def _for_others(evidence: Evidence) -> Evidence:
    """Return what rules read of evidence: many read an extract who may not pull the image.

    Left out: commands, variables, labels, build steps and packages, masked as they are.
    """
    change = None if evidence.change is None else _change_for_others(evidence.change)
    platforms = tuple(
        replace(one, cmd=(), volumes=(), stop_signal="") for one in evidence.platforms
    )
    return replace(evidence, platforms=platforms, change=change)


def _change_for_others(change: Change) -> Change:
    if change.diff is None:
        return change
    diff = replace(change.diff, platforms=tuple(map(_compared, change.diff.platforms)))
    return replace(change, diff=diff)


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
    if (why := _kept_or_refused(facts, _mark(raw, settings), site, place=name)) is not None:
        raise InputError(
            f"the facts in {name!r} are refused: {why}", hint="fetch them, or export them, again"
        )
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
    kept = kept_facts(site, place)
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
        if (why := _kept_or_refused(facts, mark, site, place=place)) is not None:
            said = f"the facts in {name!r} are refused: {why}"
            return (said, *(_age_warnings(site, settings) if kept is not None else ()))
    return _age_warnings(site, settings)


def _kept_or_refused(facts: FactsFile, mark: str, site: Site, *, place: str) -> str | None:
    """Store rightly signed facts, or return why they are not taken.

    That is because they expired, or because newer ones are known; to look for those and to store
    these is one step, so that of two processes the one with older facts never comes last.
    """
    from tagwatch.ledger.write import Ledger

    if site.at >= facts.expires_at:
        return f"they expired on {facts.expires_at:%Y-%m-%d %H:%M} UTC"
    now_kept = KeptFacts(
        at=facts.at,
        expires_at=facts.expires_at,
        fetched_at=site.at,
        counter=facts.counter,
        key_id=facts.key_id,
        mark=mark,
        bases=facts.bases,
    )
    with Ledger.open(site.database, site.origins) as ledger, ledger.in_one_step():
        stored = ledger.cached(_COUNTERS, _stream(facts))
        kept = KeptFacts.of_text(ledger.cached(CACHE, place))
        newest = max(int(stored or 0), kept.counter if kept is not None else 0)
        if facts.counter < newest:
            return f"they are of {facts.at:%Y-%m-%d %H:%M} UTC, and newer ones were read before"
        ledger.cache(_COUNTERS, _stream(facts), str(facts.counter), site.at, most=_KEPT)
        ledger.replace_evidence(place, facts.evidence, facts.pasts)
        ledger.cache(CACHE, place, now_kept.to_text(), site.at, most=_KEPT)
    return None


def _forget(site: Site, place: str) -> None:
    """Drop the facts of a place whose key is believed no longer."""
    from tagwatch.ledger.write import Ledger

    with Ledger.open(site.database, site.origins) as ledger, ledger.in_one_step():
        ledger.replace_evidence(place, ())
        ledger.cache(CACHE, place, "", site.at, most=_KEPT)


def _is_believed(kept: KeptFacts, settings: Facts, site: Site) -> bool:
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
    kept = kept_facts(site, configured_place(site))
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


def _stream(facts: FactsFile) -> str:
    """Return what a counter counts: the files of one name by one key."""
    return f"{facts.key_id} {facts.name}"


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
