"""The evidence of a target, gathered from the memory of its repository.

Pure: all that is known comes in as a `Memory`, whose parts may be read lazily.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.fact.resolving import pin_of, resolve
from tagwatch.audit.fact.secret import leaks_in_env, leaks_in_steps
from tagwatch.audit.model.base_match import BaseMatch
from tagwatch.audit.model.diff import ImageDiff, PlatformDiff
from tagwatch.audit.model.evidence import Evidence, PlatformFacts, Resolution, evidence_key
from tagwatch.audit.model.history import Change, Interval, Seen, Sign, is_move
from tagwatch.audit.reading.image import Image, PlatformImage, read_image
from tagwatch.audit.reading.mask import mask_text, mask_words
from tagwatch.audit.reading.packages import packages_of
from tagwatch.audit.reading.stated_version import stated_version
from tagwatch.audit.reading.steps import os_release
from tagwatch.audit.reading.version_evidence import (
    VersionEvidence,
    attested_version,
    other_version,
    platform_versions,
    version_evidence,
)
from tagwatch.audit.version.lifecycle import ABANDONED_AFTER, RECENTLY, classify
from tagwatch.audit.version.resolve import resolve_selector
from tagwatch.image.manifest import artifact_of
from tagwatch.image.platform import EVERY_PLATFORM, Platform
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.selector import is_pattern
from tagwatch.image.snapshot import NO_IMAGE, Failure
from tagwatch.source.target import Target
from tagwatch.value import replace

__all__ = ["dated", "dated_again", "gather"]

_MAX_INTERVALS = 20
"""How many intervals of a tag, the newest, its evidence holds."""
_TWO_MOVES = 3
"""So many intervals have two moves between them."""
_TOLD_FOR = timedelta(days=30)
"""How long an imported list of what a publisher builds is believed."""
_SPANS = frozenset({_TOLD_FOR, RECENTLY, ABANDONED_AFTER})
"""How long after a date of a tag's past something else is said of the tag."""


def gather(
    target: Target,
    memory: Memory,
    *,
    platforms: Collection[Platform],
    bases: Callable[[Image], tuple[BaseMatch, ...]],
    at: datetime,
) -> Evidence:
    """Return all that is known of what `target` names; the target must have a reference.

    `platforms`: those to judge. `bases` matches an image against the known builds of bases; it is
    called once at most, where the image was read.
    """
    reference, key = target.reference, evidence_key(target)
    assert reference is not None
    assert key is not None
    tag = reference.effective_tag
    image = _image(reference, target, memory)
    claims = _claims(image, memory.repository, tag)
    resolution = resolve(target, reference, memory, claims)
    if image is not None and resolution.version is not None:
        image = replace(image, version=resolution.version, version_from=resolution.basis.value)
    audited = _audited(image, platforms)
    own = _own_tag(target, resolution)
    change = memory.newest_change(own) if own and len(memory.intervals.get(own, ())) > 1 else None
    doubted = change is not None and Sign.VERSION_DISAGREES in change.signs
    facts = _platforms(audited, reference, doubted=doubted)
    apart = platform_versions({str(one.platform): one.version for one in facts})
    resolution = replace(resolution, note="; ".join(filter(None, (resolution.note, apart))))
    evidence = Evidence(
        key=key,
        resolution=resolution,
        change=change,
        changes_before=_changes_before(change, memory) if change is not None else (),
        platforms_offered=_offered(image),
        platforms=facts,
        documents_read=image is not None and any(one.config for one in image.platforms),
        attestations=_attestations(image),
        bases=bases(replace(image, platforms=audited)) if image is not None and audited else (),
        pin=pin_of(reference, memory),
        failures=(
            *(failure for failure in memory.failures if failure.tag in (None, own, reference.tag)),
            *_unreadable(image, audited, reference),
        ),
    )
    return dated(evidence, target, memory, at=at)


def dated(evidence: Evidence, target: Target, memory: Memory, *, at: datetime) -> Evidence:
    """Return `evidence` with all that depends on dates: past, support and lifecycle of the tag.

    Where nothing but time has passed since `evidence` was gathered, `gather` would return the same.
    """
    own, resolution = _own_tag(target, evidence.resolution), evidence.resolution
    supported = _supported(own, memory, at)
    if supported != resolution.supported:
        resolution = replace(resolution, supported=supported)
    past = memory.intervals.get(own, ()) if own else ()
    gone = past[-1] if past and past[-1].ended and own not in memory.table.tags else None
    return replace(
        evidence,
        resolution=resolution,
        at=memory.at,
        origin=memory.origin,
        history=past[-_MAX_INTERVALS:],
        moves=sum(is_move(before, now) for before, now in pairwise(past)),
        first_seen=past[0].first_seen if past else None,
        known_since=memory.known_since,
        new_tags=_new_tags(own, resolution, memory),
        gone_since=(gone.ended_at or gone.last_seen) if gone else None,
        lifecycle=_lifecycle(own, past, memory, supported, at),
    )


def dated_again(memory: Memory, at: datetime) -> datetime | None:
    """Return the first moment, `at` or later, at which `dated` may say something else of any tag.

    None where time alone changes nothing. It is never too late, and may be too early.
    """
    begun = (one.first_seen for past in memory.intervals.values() for one in past)
    told = (
        one.last_seen
        for past in memory.intervals.values()
        for one in past
        if one.kind is Seen.COMMITTED
    )
    moments = [since + span for since in {*begun, *told} for span in _SPANS]
    return min((moment for moment in moments if moment >= at), default=None)


def _changes_before(change: Change, memory: Memory) -> tuple[Change, ...]:
    """Return what earlier moves of a tag took away, without the rest of their diffs."""
    if len(memory.intervals.get(change.tag, ())) < _TWO_MOVES:
        return ()
    found = []
    for one in memory.changes_of(change.tag)[-_MAX_INTERVALS:]:
        if one.diff is None or one.at >= change.at:
            continue
        primary = one.diff.primary
        platforms: tuple[PlatformDiff, ...] = ()
        if primary is not None and all(primary.os_release) and len({*primary.os_release}) > 1:
            platforms = (PlatformDiff(platform=primary.platform, os_release=primary.os_release),)
        if platforms or one.diff.dropped:
            left = ImageDiff(platforms=platforms, dropped=one.diff.dropped)
            found.append(replace(one, diff=left))
    return tuple(found)


def _new_tags(own: str | None, resolution: Resolution, memory: Memory) -> dict[str, datetime]:
    """Return when new tags were first there: `own`, its names, and what may be written instead."""
    tags = {own, resolution.tag, *resolution.aliases, *resolution.nearest, *resolution.newer.tags}
    new = memory.new_tags
    return {tag: new[tag] for tag in sorted(filter(None, tags)) if tag in new}


def _own_tag(target: Target, resolution: Resolution) -> str | None:
    """Return the tag whose past counts: the one that `target` names, else the resolved one."""
    named = target.reference.effective_tag if target.reference and not target.selector else None
    return named or resolution.tag


def _image(reference: Reference, target: Target, memory: Memory) -> Image | None:
    """Return the image that a pull of `reference` would get, as far as it was read."""
    digest = reference.digest
    if digest is None:
        tag: str | None = reference.effective_tag
        if target.selector or (tag not in memory.table.tags and tag and is_pattern(tag)):
            tag = resolve_selector(target.selector or tag or "", memory.table).tag
        digest = memory.table.digests.get(tag) if tag else None
    if digest is None:
        return None
    return read_image(digest, memory.documents, reference=reference.canonical)


def _claims(
    image: Image | None, repository: Repository, tag: str | None
) -> tuple[VersionEvidence, ...]:
    """Return the version that the first platform that was read states: by config, else by SBOM.

    Nothing asks for an SBOM here: it counts where a rule or a diff had it read.
    """
    part = next((one for one in image.platforms if one.config), None) if image else None
    if part is None or part.config is None:
        return ()
    claim = version_evidence(part.config, repository.path, tag)
    if claim is None and (packages := packages_of(part.attestations)):
        claim = attested_version(packages, repository.path, tag)
    return (claim,) if claim else ()


def _audited(image: Image | None, platforms: Collection[Platform]) -> tuple[PlatformImage, ...]:
    """Return the platforms to judge: those asked for; the first where none of them is offered."""
    if image is None:
        return ()
    if EVERY_PLATFORM in platforms:
        return image.platforms
    found = {one.digest: one for platform in platforms if (one := image.on(platform)) is not None}
    return tuple(found.values()) or image.platforms[:1]


def _unreadable(
    image: Image | None, audited: Iterable[PlatformImage], reference: Reference
) -> Iterator[Failure]:
    """Yield a failure for each document that was read and cannot be understood.

    Every run reports them from here: what is stored is not read again, so no crawl does.
    """

    def failure(what: str, hint: str, code: str = "invalid-document") -> Failure:
        return Failure(
            repository=reference.repository,
            tag=reference.tag,
            code=code,
            message=what,
            hint=hint,
        )

    if image is not None and image.is_unintelligible:
        hint = "no engine of today can run it: push the image again with a current builder"
        yield failure(f"{image.digest}: {image.problem}", hint)
    if image is not None and image.index is not None and not image.platforms:
        hint = "nobody can run it: push the images of the index, or name a tag that has some"
        yield failure(f"{image.digest}: an index that lists no image", hint)
    for one in audited:
        if one.is_unintelligible:
            part = "the config of " if one.manifest is not None else ""
            hint = (
                "whoever built the image, or the registry, wrote what no engine can run"
                if part
                else "name the image for this platform itself, or push one index of images"
            )
            yield failure(f"{part}{one.digest} ({one.platform}): {one.problem}", hint)
        elif one.manifest is not None and (kind := artifact_of(one.manifest)):
            hint = "name an image here, or ignore this where a runtime of its own runs it"
            yield failure(f"it is no image but {kind}", hint, NO_IMAGE)


def _platforms(
    audited: Iterable[PlatformImage], reference: Reference, *, doubted: bool
) -> tuple[PlatformFacts, ...]:
    return tuple(
        _facts(one, reference, doubted=doubted) for one in audited if one.config is not None
    )


def _facts(image: PlatformImage, reference: Reference, *, doubted: bool) -> PlatformFacts:
    """Return what rules judge; `doubted`: its move shows that the tag is of another version."""
    config, manifest = image.config, image.manifest
    assert config is not None
    stated = stated_version(image, reference.canonical)
    other = other_version(config, reference.repository.path, reference.tag, inherited=doubted)
    secrets = leaks_in_env(config.env)
    # reports show these fields: whatever looks secret is masked here
    return PlatformFacts(
        platform=image.platform,
        digest=image.digest,
        version=stated.value if stated else None,
        other_version=f"{other.version} ({other.basis} {other.detail})" if other else "",
        user=mask_text(config.user),
        exposed_ports=tuple(sorted(config.exposed_ports)),
        volumes=tuple(sorted(config.volumes)),
        entrypoint=mask_words(config.entrypoint or ()),
        cmd=mask_words(config.cmd or ()),
        stop_signal=config.stop_signal,
        os_release=os_release(config),
        created_at=config.created_at,
        size=manifest.size if manifest else 0,
        has_healthcheck=config.healthcheck not in (None, (), ("NONE",)),
        secrets=secrets,
        step_secrets=tuple(one for one in leaks_in_steps(config.history) if one not in secrets),
    )


def _offered(image: Image | None) -> tuple[str, ...]:
    return tuple(sorted({str(one.platform) for one in image.platforms})) if image else ()


def _attestations(image: Image | None) -> tuple[str, ...]:
    kinds = {one.kind for part in (image.platforms if image else ()) for one in part.attestations}
    return tuple(sorted(kinds))


def _supported(tag: str | None, memory: Memory, at: datetime) -> bool | None:
    """Return True where the publisher's list still names the tag; None: no list, or an old one."""
    told = [one for one in memory.intervals.get(tag or "", ()) if one.kind is Seen.COMMITTED]
    if not told:
        return None
    if told[-1].ended:
        return False
    return True if at - told[-1].last_seen <= _TOLD_FOR else None


def _lifecycle(
    tag: str | None,
    past: tuple[Interval, ...],
    memory: Memory,
    supported: bool | None,
    at: datetime,
) -> str | None:
    """Return the lifecycle of a tag beside the other tags of its line; None: nothing to say."""
    if tag is None or not past:
        return None
    lifecycle = classify(past, memory.line_beside(tag), at=at, supported=supported)
    return lifecycle.value if lifecycle else None
