"""Older builds of approved bases that this ledger never saw being served, and where to read them.

A ledger that begins today knows what `python:3.12-slim` serves today. What it served before still
has tags of its own (`3.12.3-slim`), and images name digests of it in annotations and provenance.
Both are read where an image is built on no build that is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from tagwatch.audit.base.claim import Claim, find_claims
from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.base_match import BaseMatch
from tagwatch.audit.model.policy import ApprovedBase
from tagwatch.audit.reading.image import Image
from tagwatch.audit.reading.stated_version import is_older
from tagwatch.audit.reading.version_evidence import version_evidence
from tagwatch.image.digest import Digest
from tagwatch.image.image_config import ImageConfig
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.tag import Kind, Tag
from tagwatch.image.tag_table import TagTable
from tagwatch.value import dataclass, replace

__all__ = ["OlderTags", "Wish", "older_tags", "wishes", "with_older_builds"]

_NEVER = datetime.min.replace(tzinfo=UTC)
_NEWEST = 8
"""How many older tags of one followed tag are read where nothing says which one is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An older build to read: a tag of an approved repository, or a digest that a claim names."""

    reference: Reference
    """The approved name that it is a build of."""
    tag: str | None = None
    digest: Digest | None = None


class OlderTags:
    """The older tags of the approved repositories that were read.

    Each answer is worked out once: every image asks for the same ones.
    """

    def __init__(self, tables: Mapping[Repository, TagTable]) -> None:
        self._tables = tables
        self._known: dict[tuple[Repository, str], tuple[Tag, ...]] = {}

    def has(self, repository: Repository) -> bool:
        """Return True where the repository's tags were read."""
        return repository in self._tables

    def of(self, repository: Repository, tag: str) -> tuple[Tag, ...]:
        """Return its `older_tags`; for the tag "" every final version, newest first."""
        key = (repository, tag)
        if key not in self._known:
            table = self._tables[repository]
            self._known[key] = older_tags(tag, table) if tag else _final_versions(table)
        return self._known[key]


def wishes(
    image: Image,
    matches: Iterable[BaseMatch],
    bases: Iterable[ApprovedBase],
    older: OlderTags,
) -> Iterator[Wish]:
    """Yield what to read so that each platform of `image` finds the build that it is built on.

    `matches`: what is known of its bases by now. Most images name their build themselves, by a
    digest or by the version in the base's own variable (`PYTHON_VERSION`). For others the newest
    older tags are tried, `_NEWEST` of each.
    """
    on = {match.platform: match for match in matches}
    approved = tuple(bases)
    for part in image.platforms:
        if part.config is None:
            continue
        match = next((one for name, one in on.items() if name.startswith(str(part.platform))), None)
        claims = find_claims(image, part)
        for base in approved:
            repository = Repository.parse(base.reference)
            if not older.has(repository) or (match and _stands_on(match, repository)):
                continue
            yield from _claimed(claims, base)
            is_open = match is None or not match.is_exact
            if base.tags:
                yield from _by_version(part.config, base, repository, older, is_open=is_open)
            else:
                yield from _of_any_tag(part.config, repository, older, is_open=is_open)


def older_tags(tag: str, table: TagTable) -> tuple[Tag, ...]:
    """Return the tags that `tag` stood for by what their names say, newest first.

    `3.12.3-slim` for `3.12-slim`, `bookworm-20260501-slim` for `bookworm-slim`. Empty for a tag
    that names no release (`latest`): it may have stood for anything.
    """
    asked = table.read(tag)
    found = [other for other in table.tags.values() if _stood_for(asked, other)]
    return tuple(sorted(found, reverse=True))


def with_older_builds(
    builds: Sequence[BaseBuild], bases: Iterable[ApprovedBase]
) -> list[BaseBuild]:
    """Return `builds` with those of older tags added as builds of the tag that stood for them.

    The added ones have no dates, since nobody saw them being served, and come first, oldest first.
    A tag that was never read gets none, and none is newer than what the tag serves now.
    """
    found: list[BaseBuild] = []
    for base in bases:
        own = [build for build in builds if build.reference == f"{base.reference}:{build.tag}"]
        if not own or not base.tags:
            continue
        table = TagTable.of({build.tag: None for build in own})
        for tag in base.tags:
            older = {one.text: one for one in reversed(older_tags(tag, table))}
            seen = [build for build in own if build.tag == tag and not build.known_as]
            for current in _newest(seen) if older else ():
                found += _older_builds(current, own, older)
    # first, because `index_builds` keeps the order of builds without dates
    return [*found, *builds]


def _newest(builds: Iterable[BaseBuild]) -> Iterable[BaseBuild]:
    """Return for each platform what the tag serves now, or served last where it is gone."""
    found: dict[Platform, BaseBuild] = {}
    for build in builds:
        other = found.get(build.platform)
        if other is None or _served_until(other) <= _served_until(build):
            found[build.platform] = build
    return found.values()


def _served_until(build: BaseBuild) -> tuple[bool, datetime]:
    """Return when the tag last served the build, to sort by; what it still serves comes last."""
    return not build.ended, build.last_seen or _NEVER


def _older_builds(
    current: BaseBuild, own: Sequence[BaseBuild], older: Mapping[str, Tag]
) -> Iterator[BaseBuild]:
    """Yield builds of older tags for the platform of `current`, which the tag serves now."""
    beside = [build for build in own if build.tag in older and build.platform == current.platform]
    names = [older[build.tag] for build in beside if build.manifest == current.manifest]
    for tag in older.values():
        for build in beside:
            if build.tag != tag.text or build.manifest == current.manifest:
                continue
            # a tag that names the current build shows its place among them; else versions must
            if names:
                is_before = tag < max(names)
            else:
                is_before = is_older(build.version or "", current.version or "")
            if is_before:
                yield replace(
                    build,
                    reference=current.reference,
                    tag=current.tag,
                    first_seen=None,
                    last_seen=None,
                    ended=True,
                    version=build.version or tag.version,
                    known_as=build.reference,
                )


def _stood_for(asked: Tag, other: Tag) -> bool:
    """Return True where the names say that `asked` served what `other` serves, now or once."""
    if asked.words != other.words or other.is_prerelease:
        return False
    if asked.kind is Kind.VERSION:
        length = len(asked.release)
        is_more = len(other.release) > length and other.release[:length] == asked.release
        return other.kind is Kind.VERSION and is_more
    return asked.kind is Kind.WORD and other.kind is Kind.DATED and asked.rolling == other.rolling


def _stands_on(match: BaseMatch, repository: Repository) -> bool:
    """Return True where the layers are those of a build of this very repository."""
    base = match.base
    return match.is_exact and base is not None and base.reference.startswith(f"{repository.name}:")


def _claimed(claims: Iterable[Claim], base: ApprovedBase) -> Iterator[Wish]:
    """Yield what approved names in the claims lead to: the digest beside the name, else the tag."""
    for claim in claims:
        named = claim.reference
        if named is None or named.effective_tag is None or not base.names(named):
            continue
        reference = replace(named, digest=None)
        if claim.digest is not None:
            yield Wish(reference=reference, digest=claim.digest)
        elif not base.tags:  # listed tags are read without a wish
            yield Wish(reference=reference, tag=named.effective_tag)


def _by_version(
    config: ImageConfig,
    base: ApprovedBase,
    repository: Repository,
    older_of: OlderTags,
    *,
    is_open: bool,
) -> Iterator[Wish]:
    """Yield older tags of each tag that the base lists.

    Those of the version that the image states, else the newest ones where `is_open`: the layers
    have not shown its base yet.
    """
    for tag in base.tags:
        reference = Reference(repository=repository, tag=tag)
        older = older_of.of(repository, tag)
        stated = version_evidence(config, repository.path, tag)
        place = next(
            (n for n, one in enumerate(older) if stated and one.version == stated.version), None
        )
        if place is not None:
            # the newer ones, up to `max_behind`, show how far the image is behind
            newer = older[max(place - (base.max_behind or 0), 0) : place]
            chosen = (*newer, older[place])
        else:
            chosen = older[:_NEWEST] if is_open else ()
        yield from (Wish(reference=reference, tag=one.text) for one in chosen)


def _of_any_tag(
    config: ImageConfig, repository: Repository, older: OlderTags, *, is_open: bool
) -> Iterator[Wish]:
    """Yield tags of a base whose every tag is approved.

    Those of the version that the image inherited, else the newest ones where `is_open`.
    """
    final = older.of(repository, "")
    stated = version_evidence(config, repository.path)
    found = tuple(tag for tag in final if stated and tag.version == stated.version)
    if not found and is_open:
        found = final
    for tag in found[:_NEWEST]:
        yield Wish(reference=Reference(repository=repository, tag=tag.text), tag=tag.text)


def _final_versions(table: TagTable) -> tuple[Tag, ...]:
    """Return every version tag that is no pre-release, newest first."""
    found = [tag for tag in table.tags.values() if tag.kind is Kind.VERSION]
    return tuple(sorted((tag for tag in found if not tag.is_prerelease), reverse=True))
