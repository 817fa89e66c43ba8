"""The comparison of two images: each at a registry, in the ledger's past, or on this machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.change.judgement import ChangeContext
from tagwatch.audit.change.verdict import explain_change
from tagwatch.audit.model.diff import Gap
from tagwatch.audit.model.evidence import Status, evidence_key
from tagwatch.audit.model.history import Change, Interval, Seen, seen_serving
from tagwatch.audit.reading.image import (
    UNKNOWN_PLATFORM,
    Image,
    has_unread_attestations,
    read_image,
)
from tagwatch.audit.reading.stated_version import says_more
from tagwatch.errors import NotFoundError, UnavailableError
from tagwatch.image.digest import Digest
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.selector import parse_query
from tagwatch.ledger.read import Reader
from tagwatch.source.target import Location, Target
from tagwatch.value import dataclass, replace
from tagwatch.walk.facts_kept import open_remembered
from tagwatch.walk.local_image import ENGINE, is_local, read_local
from tagwatch.walk.look_up import Asking, Lookup, look_up
from tagwatch.walk.past import moment_of
from tagwatch.walk.recall import StoredDocuments, recall_bases
from tagwatch.walk.site import Site

__all__ = ["compare"]

_LEFT_OUT = Gap(
    what="layers, build steps, variables, labels, commands and packages",
    why="the facts of another ledger leave them out",
)
_PAST = re.compile(r"(.+)@(\d{4}-\d{2}-\d{2}(?:T[0-9:+Z]+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One of the two images as it was named."""

    text: str
    is_local: bool = False
    target: Target | None = None
    """None for an image of this machine."""
    past: Interval | None = None
    """What its tag served at the date that was named; None: what it serves now is meant."""

    @property
    def digest(self) -> Digest | None:
        """The digest at the past date that was named; None where none was."""
        return self.past.digest if self.past else None

    @property
    def repository(self) -> Repository | None:
        """The repository that serves it; None for an image of this machine."""
        reference = self.target.reference if self.target else None
        return reference.repository if reference else None


def compare(
    old: str, new: str, site: Site, asking: Asking, *, demanded: tuple[Platform, ...] = ()
) -> Change:
    """Return the change from one image to the other, with the whole diff.

    A side is a reference, `reference@digest`, `reference@2026-03-01` (from the ledger),
    `oci:path[:name]` or `engine:name`. The platforms that the policy audits are compared, and those
    that differ while another one does not; an engine holds only one platform, so beside it only
    that one. `demanded`: platforms that both must offer; then no others are compared.
    Raises `UsageError`, `NotFoundError`, `UnavailableError`, `LedgerError`.
    """
    sides = [_side(text, site) for text in (old, new)]
    targets = [side.target for side in sides if side.target is not None]
    facts = look_up(targets, site, asking) if targets else Lookup(evidence={})
    platforms = site.policy.defaults.audited
    every = not demanded and not any(side.is_local for side in sides)
    images = [_image(side, facts, site, platforms) for side in sides]
    if not asking.offline:
        from tagwatch.walk.other_platforms import read_lone
        from tagwatch.walk.referrers import add_referrers

        # Evidence can be young and yet lack documents, where it was read for other platforms or
        # without attestations. Then ask again, and read the images of the same digests again.
        if any(_is_read_in_part(image, platforms) for image in images):
            look_up(targets, site, replace(asking, refresh=True))
            images = [_image(side, facts, site, platforms) for side in sides]
        homes = [side.repository for side in sides]
        if every and read_lone(list(zip(homes, images, strict=True)), site):
            images = [_image(side, facts, site, platforms) for side in sides]
        images = add_referrers(list(zip(homes, images, strict=True)), site)
    elif (told := _told(sides, images, site, is_narrowed=bool(demanded))) is not None:
        return told
    for side, image in zip(sides, images, strict=True):
        _require(demanded, side, image)
    images = _narrowed(_on_one_platform(sides, images), demanded)
    context = ChangeContext(
        bases=_bases(site),
        audited=platforms,
        compared=platforms,
        alone=every,
        platform=site.policy.defaults.leading,
    )
    return explain_change(*images, tag=new, at=site.at, context=context)


def _told(
    sides: Sequence[_Side], images: Sequence[Image], site: Site, *, is_narrowed: bool
) -> Change | None:
    """Return what is stored of the move from one side to the other, where one cannot be read.

    None where both can, or nobody's facts are about them. `is_narrowed`: the question is about some
    platforms, and what is stored is about all. Raises `UnavailableError` where facts know of the
    repository, and of no such move.
    """
    homes = {side.repository for side in sides}
    home = next(iter(homes))
    if home is None or len(homes) > 1:
        return None
    old, new = (image.digest for image in images)
    with open_remembered(site) as ledger:
        if ledger.stored_documents((old, new)) >= {old, new}:
            return None
        found = None if is_narrowed else ledger.change(home, old, new)
        change, is_cut = found or (None, False)
        if change is not None and change.diff is not None:
            gaps = (*change.diff.not_compared, *((_LEFT_OUT,) if is_cut else ()))
            return replace(change, diff=replace(change.diff, not_compared=gaps))
        if not ledger.told_from(home):
            return None
    named = f"{sides[0].text!r} and {sides[1].text!r}"
    why = "are no two ends of a move that the facts know"
    if is_narrowed:
        why = "are compared by facts on all platforms or on none"
    raise UnavailableError(
        f"{named} {why}",
        hint=f"`tagwatch history {home}` shows the moves; without --offline both are read",
    )


def _is_read_in_part(image: Image, platforms: tuple[Platform, ...]) -> bool:
    """Return True where the image was read for other platforms, or without its attestations."""
    unread = [part for part in image.platforms if part.problem and not part.is_unintelligible]
    return has_unread_attestations(image) or any(
        part.platform.serves(platform) for part in unread for platform in platforms
    )


def _on_one_platform(sides: Sequence[_Side], images: Sequence[Image]) -> list[Image]:
    """Return the images; of one beside an engine's image, only the engine's platform is left.

    Where the engine pulled it by the digest of that platform's manifest, it has this digest, too.
    """
    found = list(images)
    for side, image, place in zip(sides, images, (1, 0), strict=True):
        other = images[place]
        if not side.text.startswith(ENGINE):
            continue
        part = other.on(image.platforms[0].platform)
        if part is not None:
            digest = part.digest if part.digest == image.digest else other.digest
            found[place] = replace(other, digest=digest, index=None, platforms=(part,))
    return found


def _narrowed(images: Sequence[Image], demanded: tuple[Platform, ...]) -> list[Image]:
    """Return the images with the platforms that were demanded alone; all where none were."""
    if not demanded:
        return list(images)
    return [
        replace(
            image,
            platforms=tuple(
                part
                for part in image.platforms
                if part.platform == UNKNOWN_PLATFORM
                or any(part.platform.serves(platform) for platform in demanded)
            ),
        )
        for image in images
    ]


def _require(demanded: tuple[Platform, ...], side: _Side, image: Image) -> None:
    offered = [one.platform for one in image.platforms]
    if UNKNOWN_PLATFORM in offered:
        return  # it could not be read: the diff says so
    for platform in demanded:
        if not any(one.serves(platform) for one in offered):
            raise NotFoundError(
                f"{side.text!r} does not offer {platform}",
                hint=f"it offers {', '.join(sorted(set(map(str, offered))))}",
            )


def _side(text: str, site: Site) -> _Side:
    if is_local(text):
        return _Side(text=text, is_local=True)
    past = _PAST.fullmatch(text)
    if past is not None:
        reference = Reference.parse(past[1]).identity
        interval = _interval_at(reference, past[2], site)
        pinned = replace(reference, digest=interval.digest)
        return _Side(text=text, target=_target(text, pinned), past=interval)
    query = parse_query(text)
    reference = (query.reference or Reference(repository=query.repository)).identity
    selector = query.selector.text if query.selector and query.reference is None else None
    return _Side(text=text, target=_target(text, reference, selector))


def _interval_at(reference: Reference, text: str, site: Site) -> Interval:
    moment = moment_of(text, site.at)
    with open_remembered(site) as ledger:
        interval = ledger.at(reference.repository, reference.effective_tag or "", moment)
    if interval is None or interval.kind is Seen.COMMITTED:
        how = "remembered by its publisher's commit only" if interval else "not remembered"
        raise NotFoundError(
            f"what {str(reference)!r} was on {text} is {how}",
            hint=f"`tagwatch history {reference}` shows what is",
        )
    return interval


def _target(text: str, reference: Reference, selector: str | None = None) -> Target:
    place = Location(path="-", line=1, column=1, end_line=1, end_column=1 + len(text))
    return Target(
        text=text, location=place, kind="argument", reference=reference, selector=selector
    )


def _image(side: _Side, facts: Lookup, site: Site, platforms: tuple[Platform, ...]) -> Image:
    if side.is_local:
        return read_local(side.text, site, platforms)
    assert side.target is not None
    found = facts.evidence.get(evidence_key(side.target) or "")
    resolution = found.resolution if found else None
    digest_now = side.digest or (resolution.digest if resolution else None) or _pinned(side, site)
    if resolution is not None and resolution.status is Status.NOT_FOUND:
        what = "digest" if side.target.reference and side.target.reference.digest else "tag"
        why = resolution.note or f"no such {what} is in its repository"
        raise NotFoundError(f"{side.text!r} does not exist: {why}", hint="check the reference")
    if digest_now is None:
        failure = next(iter(facts.failures), None)
        reason = failure.message if failure else "it could not be read, or does not exist"
        hint = "check the reference; `--offline` knows only what was read, here or by facts"
        raise UnavailableError(f"{side.text!r}: {reason}", hint=failure.hint if failure else hint)
    with open_remembered(site) as ledger:
        image = read_image(digest_now, StoredDocuments(ledger), reference=_name(side))
        tag = resolution.tag if resolution and side.target.selector else None
        image = replace(image, seen=_seen(side.target, tag, digest_now, ledger))
    version = resolution.version if resolution and resolution.digest == digest_now else None
    named = resolution.tag or "" if resolution else ""
    if resolution is not None and version is not None and says_more(version, named):
        basis = f"{resolution.basis.value} {resolution.basis_detail}".strip()
        image = replace(image, version=version, version_from=basis)
    return image


def _pinned(side: _Side, site: Site) -> Digest | None:
    """Return the digest that a side names, where it is known that a tag served it."""
    reference = side.target.reference if side.target else None
    if reference is None or reference.digest is None or not site.database.is_file():
        return None
    with open_remembered(site) as ledger:
        served = ledger.tags_of_digest(reference.digest, reference.repository)
    return reference.digest if served else None


def _seen(
    target: Target, tag: str | None, digest: Digest, ledger: Reader
) -> tuple[datetime, datetime] | None:
    """Return when its tag was first and last seen to serve `digest`.

    `tag`: the one that a pattern found; None: the one that `target` names.
    """
    reference = target.reference
    named = tag or (reference.effective_tag if reference else None)
    if reference is None or named is None:
        return None
    return seen_serving(ledger.intervals(reference.repository, named), digest)


def _name(side: _Side) -> str:
    assert side.target is not None
    reference = side.target.reference
    return reference.canonical if reference else ""


def _bases(site: Site) -> BaseIndex:
    if not site.database.is_file():
        return BaseIndex()
    with Reader.open(site.database, site.origins) as ledger:
        return recall_bases(ledger, site.policy).index
