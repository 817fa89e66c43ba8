"""Evidence, gathered: what is remembered of a repository becomes what rules may know of a target.

Pure: what is remembered comes in as a `Memory`, whose parts may be read lazily.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from tagwatch.audit.base.base import BaseMatch
from tagwatch.audit.change.steps import os_release
from tagwatch.audit.diff.mask import mask_text, mask_words
from tagwatch.audit.diff.packages import packages_of
from tagwatch.audit.evidence import Evidence, Pin, PlatformFacts, evidence_key
from tagwatch.audit.history import Interval, Seen, is_move
from tagwatch.audit.image import Image, PlatformImage, read_image
from tagwatch.audit.memory import Memory
from tagwatch.audit.pin import may_have_served
from tagwatch.audit.secret import leaks_in_env, leaks_in_steps
from tagwatch.audit.version.alias import aliases_told
from tagwatch.audit.version.lifecycle import classify
from tagwatch.audit.version.resolution import Basis, Newer, Resolution, Status
from tagwatch.audit.version.resolve import resolve_selector, resolve_tag
from tagwatch.audit.version.stated_version import stated_version
from tagwatch.audit.version.version_evidence import (
    VersionEvidence,
    attested_version,
    platform_versions,
    version_evidence,
)
from tagwatch.image.digest import Digest
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.selector import is_pattern
from tagwatch.image.snapshot import Failure
from tagwatch.image.tag import version_key
from tagwatch.image.tag_table import TagTable
from tagwatch.source.target import Target
from tagwatch.value import replace

__all__ = ["dated", "gather"]

_MAX_INTERVALS = 20
_FULL_VERSION = 3
_TOLD_FOR = timedelta(days=30)
"""How long an imported list of what a publisher builds is taken to be true."""
_UNREAD = frozenset({"invalid-document", "too-many-tags"})


def gather(
    target: Target,
    memory: Memory,
    *,
    platforms: Iterable[Platform],
    bases: Callable[[Image], tuple[BaseMatch, ...]],
    at: datetime,
) -> Evidence:
    """All that is known of what `target` names; its reference must be resolved.

    `bases` matches an image against the known builds of bases; it is asked where the image's
    documents were read.
    """
    reference, key = target.reference, evidence_key(target)
    assert reference is not None
    assert key is not None
    tag = reference.effective_tag
    image = _image(reference, target, memory)
    claims = _claims(image, memory.repository, tag)
    resolution = _resolve(target, reference, memory, claims)
    if image is not None and resolution.version is not None:
        image = replace(image, version=resolution.version, version_from=resolution.basis.value)
    audited = _audited(image, platforms)
    own = _own_tag(target, resolution)
    facts = _platforms(audited, reference)
    apart = platform_versions({str(one.platform): one.version for one in facts})
    resolution = replace(resolution, note="; ".join(filter(None, (resolution.note, apart))))
    evidence = Evidence(
        key=key,
        resolution=resolution,
        change=memory.change_of(own) if own and len(memory.intervals.get(own, ())) > 1 else None,
        is_index=image.index is not None if image and not image.problem else None,
        platforms_offered=_offered(image),
        platforms=facts,
        documents_read=image is not None and any(one.config for one in image.platforms),
        attestations=_attestations(image),
        bases=bases(replace(image, platforms=audited)) if image is not None and audited else (),
        pin=_pin(reference, memory),
        failures=(
            *(failure for failure in memory.failures if failure.tag in (None, own, reference.tag)),
            *_unreadable(image, audited, reference),
        ),
    )
    return dated(evidence, target, memory, at=at)


def dated(evidence: Evidence, target: Target, memory: Memory, *, at: datetime) -> Evidence:
    """`evidence` of `target` with all that depends on dates: its past, its support, its lifecycle.

    Where nothing but time went by since it was gathered, that is what `gather` would make again.
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
        history=past[-_MAX_INTERVALS:],
        moves=sum(is_move(before, now) for before, now in pairwise(past)),
        first_seen=past[0].first_seen if past else None,
        gone_since=(gone.ended_at or gone.last_seen) if gone else None,
        lifecycle=_lifecycle(own, past, memory, supported, at),
    )


def _own_tag(target: Target, resolution: Resolution) -> str | None:
    """The tag whose past is told: the one that is named, else the one that it comes to."""
    named = target.reference.effective_tag if target.reference and not target.selector else None
    return named or resolution.tag


def _image(reference: Reference, target: Target, memory: Memory) -> Image | None:
    """The image that a pull of `reference` would get, as far as it was read."""
    digest = reference.digest
    if digest is None:
        tag: str | None = reference.effective_tag
        if target.selector or (tag not in memory.table.tags and tag and is_pattern(tag)):
            tag = resolve_selector(target.selector or tag or "", memory.table).tag
        digest = memory.table.digests.get(tag) if tag else None
    if digest is None:
        return None
    return read_image(digest, memory.documents, reference=reference.canonical)


def _resolve(
    target: Target, reference: Reference, memory: Memory, claims: tuple[VersionEvidence, ...]
) -> Resolution:
    repository, tag = memory.repository, reference.effective_tag
    if target.selector:
        answer = resolve_selector(
            target.selector, memory.table, input=target.text, repository=repository
        )
    elif reference.digest is not None:
        return _resolve_digest(reference, reference.digest, target.text, memory, claims)
    else:
        assert tag is not None
        answer = resolve_tag(
            tag, memory.table, input=target.text, repository=repository, evidence=claims
        )
        if answer.status is Status.NOT_FOUND and is_pattern(tag):
            answer = resolve_selector(tag, memory.table, input=target.text, repository=repository)
    if answer.status is Status.NOT_FOUND:
        if _is_known_absent(tag, target, memory):
            return replace(answer, note=answer.note or _why_absent(memory))
        return replace(answer, status=Status.UNAVAILABLE, note=_why_unavailable(memory))
    failure = next((one for one in memory.failures if one.tag == tag), None)
    if answer.status is Status.NO_VERSION and answer.digest is None and failure is not None:
        return replace(answer, status=Status.UNAVAILABLE, note=failure.message)
    return answer if memory.is_listed else _without_names(answer, tag, memory, claims)


def _without_names(
    answer: Resolution, tag: str | None, memory: Memory, claims: tuple[VersionEvidence, ...]
) -> Resolution:
    """The answer where the repository's names are not known: `6.2` alone is no version.

    A tag of three numbers says itself what it is, and so does another one with its digest; for a
    shorter one there may be a longer name that nobody saw, so only the image's own claim counts.
    """
    by_its_own_name = answer.basis is Basis.ALIAS and answer.tag == tag and answer.version
    if not by_its_own_name or len(memory.table.read(tag or "").release) >= _FULL_VERSION:
        return answer
    release = version_key(answer.version or "")[0]
    for claim in claims:
        if version_key(claim.version)[0][: len(release)] == release:
            return replace(
                answer, version=claim.version, basis=claim.basis, basis_detail=claim.detail
            )
    return replace(
        answer,
        status=Status.NO_VERSION,
        tag=None,
        version=None,
        basis=Basis.NONE,
        newer=Newer(),
        note="its repository's tags could not be listed: a more specific one may serve the same",
    )


def _is_known_absent(tag: str | None, target: Target, memory: Memory) -> bool:
    """True where the registry says that there is no such thing; a refusal says nothing.

    A repository that is not found and never was is absent; one that was there may be hidden now.
    A tag that no list has and that could not be asked is not known to be absent.
    """
    if tag is not None and any(one.tag == tag for one in memory.failures):
        return False
    if memory.is_listed:
        return True
    if _is_nowhere(memory):
        return not memory.intervals
    return not target.selector and tag in memory.absent and not is_pattern(tag or "")


def _is_nowhere(memory: Memory) -> bool:
    return any(one.tag is None and one.code == "not-found" for one in memory.failures)


def _why_absent(memory: Memory) -> str:
    if _is_nowhere(memory):
        return "its repository does not exist, or is hidden from these credentials"
    return ""


def _why_unavailable(memory: Memory) -> str:
    first = next((one for one in memory.failures if one.code not in _UNREAD), None)
    return first.message if first else "the registry was not asked"


def _resolve_digest(
    reference: Reference,
    digest: Digest,
    text: str,
    memory: Memory,
    claims: tuple[VersionEvidence, ...],
) -> Resolution:
    """What a pinned digest is: a tag that serves it now, one that did, or what its config says."""
    there = memory.pins.get(digest)
    group = memory.table.groups.get(digest, ())
    now = {tag.text for tag in group}
    before = memory.past_tags_of(digest) - now
    table = memory.table
    if not group and before:
        table = TagTable.of({**memory.table.digests, **dict.fromkeys(before, digest)})
    # a tag that has left this digest says what it is now, not what it was
    named = now or before
    name = reference.tag if reference.tag in named else min(named, default=None)
    if name is not None:
        answer = resolve_tag(name, table, input=text, repository=memory.repository, evidence=claims)
        aliases, more = aliases_told(sorted(now), *(now & {name, answer.tag}))
        answer = replace(
            answer,
            digest=digest,
            reference=Reference(
                repository=memory.repository, tag=answer.tag or reference.tag, digest=digest
            ),
            aliases=aliases,
            more_aliases=more,
        )
        if not now:
            note = f"no tag serves this digest now; {', '.join(sorted(before)[:3])} did"
            answer = replace(answer, note=note)
        return answer
    status = {True: Status.NO_VERSION, False: Status.NOT_FOUND, None: Status.UNAVAILABLE}[there]
    claim = claims[0] if claims else None
    if claim is not None:
        status = Status.RESOLVED
    return Resolution(
        input=text,
        status=status,
        reference=Reference(repository=memory.repository, tag=reference.tag, digest=digest),
        version=claim.version if claim else None,
        digest=digest,
        basis=claim.basis if claim else Resolution(input="", status=status).basis,
        basis_detail=claim.detail if claim else "",
        note="" if there is not None else _why_unavailable(memory),
    )


def _claims(
    image: Image | None, repository: Repository, tag: str | None
) -> tuple[VersionEvidence, ...]:
    """What the first platform that was read says of its version: its config, else its SBOM.

    An SBOM is never asked for here: it speaks where a rule or a diff had it read.
    """
    part = next((one for one in image.platforms if one.config), None) if image else None
    if part is None or part.config is None:
        return ()
    claim = version_evidence(part.config, repository.path, tag)
    if claim is None and (packages := packages_of(part.attestations)):
        claim = attested_version(packages, repository.path, tag)
    return (claim,) if claim else ()


def _audited(image: Image | None, platforms: Iterable[Platform]) -> tuple[PlatformImage, ...]:
    """The platforms that are judged: those asked for; the first where none of them is offered."""
    if image is None:
        return ()
    found = {one.digest: one for platform in platforms if (one := image.on(platform)) is not None}
    return tuple(found.values()) or image.platforms[:1]


def _unreadable(
    image: Image | None, audited: Iterable[PlatformImage], reference: Reference
) -> Iterator[Failure]:
    """What was read and is beyond us: every night, for it is not read again."""

    def failure(what: str, hint: str) -> Failure:
        return Failure(
            repository=reference.repository,
            tag=reference.tag,
            code="invalid-document",
            message=what,
            hint=hint,
        )

    if image is not None and image.is_unintelligible:
        hint = "push the image again with a current builder: registries refuse schema 1 today"
        yield failure(f"{image.digest}: {image.problem}", hint)
    for one in audited:
        if one.is_unintelligible:
            part = "the config of " if one.manifest is not None else ""
            hint = (
                "whoever built the image, or the registry, wrote what no engine can run"
                if part
                else "name the image for this platform itself, or push one index of images"
            )
            yield failure(f"{part}{one.digest} ({one.platform}): {one.problem}", hint)


def _platforms(audited: Iterable[PlatformImage], reference: Reference) -> tuple[PlatformFacts, ...]:
    return tuple(_facts(one, reference) for one in audited if one.config is not None)


def _facts(image: PlatformImage, reference: Reference) -> PlatformFacts:
    config, manifest = image.config, image.manifest
    assert config is not None
    stated = stated_version(image, reference.canonical)
    secrets = leaks_in_env(config.env)
    return PlatformFacts(
        platform=image.platform,
        digest=image.digest,
        version=stated.value if stated else None,
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


def _pin(reference: Reference, memory: Memory) -> Pin | None:
    """What is known of the digest in `reference`; see `Pin`."""
    digest, tag = reference.digest, reference.tag
    if digest is None:
        return None
    served = memory.past_tags_of(digest)
    now = tuple(alias.text for alias in memory.table.groups.get(digest, ()))
    child = _is_child_of(digest, tag, memory)
    by_tag: bool | None = None
    if tag is not None:
        if tag in served or tag in now or child:
            by_tag = True
        elif served or now:
            known = (memory.table.read(other) for other in (*served, *now))
            by_tag = None if may_have_served(memory.table.read(tag), known) else False
    whole = memory.is_listed and None not in memory.table.digests.values()
    within = _is_within_a_tag(digest, memory) if whole and not (now or child) else None
    return Pin(
        exists=True if now else memory.pins.get(digest),
        served_by_tag=by_tag,
        tags=now if now or (whole and within is False) else None,
        platform_only=child if tag else within,
    )


def _is_within_a_tag(digest: Digest, memory: Memory) -> bool | None:
    """True where the digest is listed in what some tag serves; None: not known.

    An index is in no other one: no tag's index need be looked into then.
    """
    if read_image(digest, memory.documents).index is not None:
        return False
    served = {one for one in memory.table.digests.values() if one is not None}
    images = [read_image(one, memory.documents) for one in served]
    listed = (image.index.manifests for image in images if image.index is not None)
    if any(entry.digest == digest for entries in listed for entry in entries):
        return True
    return None if any(image.problem for image in images) else False


def _is_child_of(digest: Digest, tag: str | None, memory: Memory) -> bool | None:
    """True where the digest is one platform of what the tag serves; None: not known."""
    current = memory.table.digests.get(tag) if tag else None
    if current is None:
        return None
    image = read_image(current, memory.documents)
    if image.problem:
        return None
    return image.index is not None and any(one.digest == digest for one in image.platforms)


def _supported(tag: str | None, memory: Memory, at: datetime) -> bool | None:
    """Whether the publisher's own list still names the tag; None: no list, or an old one."""
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
    if tag is None or not past:
        return None
    lifecycle = classify(past, memory.line_beside(tag), at=at, supported=supported)
    return lifecycle.value if lifecycle else None
