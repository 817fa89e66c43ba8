"""Resolving a target from the memory of its repository: it is resolved, absent, or not known.

Only where a registry says that something does not exist is it called absent.
"""

from __future__ import annotations

from collections.abc import Iterable

from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.evidence import STILL_LISTED, Basis, Newer, Pin, Resolution, Status
from tagwatch.audit.reading.image import read_image
from tagwatch.audit.reading.version_evidence import VersionEvidence
from tagwatch.audit.version.candidate import aliases_told
from tagwatch.audit.version.newer import newer
from tagwatch.audit.version.resolve import resolve_selector, resolve_tag
from tagwatch.image.digest import Digest
from tagwatch.image.order import version_key
from tagwatch.image.reference import Reference
from tagwatch.image.selector import is_pattern
from tagwatch.image.tag import Kind, Tag
from tagwatch.image.tag_table import TagTable
from tagwatch.source.target import Target
from tagwatch.value import replace

__all__ = [
    "may_have_served",
    "pin_of",
    "resolve",
]

_FULL_VERSION = 3
"""How many numbers make a full version: no longer tag is expected to say more."""
_UNLISTED = "its repository's tags could not be listed"
_UNTAGGED = "no tag is known that served its digest"


def resolve(
    target: Target, reference: Reference, memory: Memory, claims: tuple[VersionEvidence, ...]
) -> Resolution:
    """Return what `target` is now; `claims`: what its image says of its own version."""
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
    cut = next((one for one in memory.failures if one.code == "cut-off"), None)
    if cut is not None and (target.selector or is_pattern(tag or "")):
        # Of what nobody saw, one may be newer.
        return Resolution(input=target.text, status=Status.UNAVAILABLE, note=cut.message)
    if answer.status is Status.NOT_FOUND:
        if _is_known_absent(tag, target, memory):
            answer = replace(answer, note=answer.note or _why_absent(tag, memory))
            return answer if target.selector else _by_name(answer, tag, memory)
        return replace(answer, status=Status.UNAVAILABLE, note=_why_unavailable(memory))
    failure = next((one for one in memory.failures if one.tag == tag), None)
    if answer.status is Status.NO_VERSION and answer.digest is None and failure is not None:
        return replace(answer, status=Status.UNAVAILABLE, note=failure.message)
    return answer if memory.is_listed else _without_names(answer, tag, memory, claims)


def _without_names(
    answer: Resolution, tag: str | None, memory: Memory, claims: tuple[VersionEvidence, ...]
) -> Resolution:
    """Return `answer` corrected for a repository whose names are not known.

    A tag of three numbers tells its version itself, and so does another tag with the same digest.
    Of a shorter tag (`6.2`) there may be a longer name that nobody saw, so that only the image's
    own claim counts.
    """
    if answer.newer == Newer():  # of what nobody listed, one may be newer
        answer = replace(answer, newer=Newer(not_comparable=_UNLISTED))
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
        newer=Newer(not_comparable=_UNLISTED),
        note=f"{_UNLISTED}: a more specific one may serve the same",
    )


def _is_known_absent(tag: str | None, target: Target, memory: Memory) -> bool:
    """Return True where the registry says that there is no such thing; a refusal says nothing.

    A repository that is not found and was never read is absent; one that was read before may be
    hidden now. A tag that no list has and that could not be asked is not known to be absent.
    """
    if tag is not None and any(one.tag == tag for one in memory.failures):
        return False
    if memory.is_listed:
        return True
    if _is_nowhere(memory):
        return not memory.intervals
    return not target.selector and tag in memory.absent and not is_pattern(tag or "")


def _by_name(answer: Resolution, tag: str | None, memory: Memory) -> Resolution:
    """Return `answer` with what the name of an absent tag tells: what may be meant, what is newer.

    Who deleted a tag has often pushed a later one.
    """
    later = Newer()
    if tag is not None and memory.is_listed and not is_pattern(tag):
        later = newer(tag, memory.table)
    return replace(answer, nearest=_nearest(tag, memory), newer=later or Newer())


def _nearest(tag: str | None, memory: Memory) -> tuple[str, ...]:
    """Return the tags that may be meant instead of one that is not there."""
    if not tag or is_pattern(tag) or not memory.table.tags:
        return ()
    return memory.neighbours.of(tag, existed=bool(memory.intervals.get(tag)))


def _is_nowhere(memory: Memory) -> bool:
    """Return True where the registry says that there is no such repository."""
    return any(one.tag is None and one.code == "not-found" for one in memory.failures)


def _why_absent(tag: str | None, memory: Memory) -> str:
    if tag in memory.dangling:
        return STILL_LISTED
    if _is_nowhere(memory):
        return "its repository does not exist, or is hidden from these credentials"
    return ""


def _why_unavailable(memory: Memory) -> str:
    # where the registry did answer, that explains nothing that is unavailable
    first = next((one for one in memory.failures if not one.is_of_document), None)
    return first.message if first else "the registry was not asked"


def _resolve_digest(
    reference: Reference,
    digest: Digest,
    text: str,
    memory: Memory,
    claims: tuple[VersionEvidence, ...],
) -> Resolution:
    """Return what a pinned digest is.

    By a tag that serves it now, else by one that did, else by what its image claims.
    """
    there = memory.pins.get(digest)
    group = memory.table.groups.get(digest, ())
    now = {tag.text for tag in group}
    before = memory.past_tags_of(digest) - now
    table = memory.table
    if not group and before:
        # as if those tags still served it, so that the most exact of them names the version
        table = TagTable.of({**memory.table.digests, **dict.fromkeys(before, digest)})
    # where a tag serves the digest now, one that moved on since says nothing of it
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
        newer=_newer_by_name(reference.tag, memory, claims) if there is not None else Newer(),
        note="" if there is not None else _why_unavailable(memory),
    )


def _newer_by_name(tag: str | None, memory: Memory, claims: Iterable[VersionEvidence]) -> Newer:
    """Return what is newer than the `tag` that stands beside a digest which no tag is known by.

    The tag was rebuilt, or the digest is gone, before anybody here looked: who wrote the two down
    says that they belong together.
    """
    if tag is None:
        return Newer(not_comparable=_UNTAGGED)
    if not memory.is_listed:
        return Newer(not_comparable=_UNLISTED)
    written = current = memory.table.read(tag)
    for claim in claims:
        release, _, revision, _ = version_key(claim.version)
        if written.release and release[: len(written.release)] == written.release:
            current = replace(written, release=release, revision=revision)
            break
    return newer(current, memory.table, written=written)


def may_have_served(tag: Tag, known: Iterable[Tag]) -> bool:
    """Return False only where no version that the digest is known by can ever have been `tag`.

    `known`: the tags that serve the digest or did. `6.2` was 6.2.20 one day, and `latest` was every
    release; `6.2` never was 7.2.1 or 6.2.20-alpine. A digest without known version may be anything.
    """
    versions = [other for other in known if other.kind is Kind.VERSION]
    if not versions or tag.kind not in (Kind.VERSION, Kind.WORD):
        return True
    shape = tag.shape if tag.kind is Kind.VERSION else tag.variant
    return any(
        other.product == tag.product
        and other.shape == shape
        and other.release[: len(tag.release)] == tag.release
        and (other.weight > tag.weight or tag.kind is Kind.WORD)
        for other in versions
    )


def pin_of(reference: Reference, memory: Memory) -> Pin | None:
    """Return what is known of the digest in `reference`, see `Pin`; None where it has none."""
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
    # only where every tag and its digest is known can we say that no tag serves this one
    whole = memory.is_listed and None not in memory.table.digests.values()
    within = _is_within_a_tag(digest, memory) if whole and not (now or child) else None
    return Pin(
        exists=True if now else memory.pins.get(digest),
        served_by_tag=by_tag,
        tags=now if now or (whole and within is False) else None,
        platform_only=child if tag else within,
    )


def _is_within_a_tag(digest: Digest, memory: Memory) -> bool | None:
    """Return True where an index that some tag serves now lists the digest; None: not known.

    No index lists another one: for the digest of an index nothing else is read.
    """
    if read_image(digest, memory.documents).index is not None:
        return False
    listed = memory.listed_in_tags
    if digest in listed:
        return True
    return None if None in listed else False


def _is_child_of(digest: Digest, tag: str | None, memory: Memory) -> bool | None:
    """Return True where the digest is one platform of what the tag serves now; None: not known."""
    current = memory.table.digests.get(tag) if tag else None
    if current is None:
        return None
    image = read_image(current, memory.documents)
    if image.problem:
        return None
    return image.index is not None and any(one.digest == digest for one in image.platforms)
