"""Resolution: from a floating tag or pattern to a concrete tag, version and digest.

By digest first, by grammar second: the text of a tag lies (`haxe:5.0.0` serves 5.0.0-preview.1),
the group of tags that serve one digest does not. What cannot be named is said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tagwatch.image.digest import Digest
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.selector import Selector, choose, parse_selector, suggest
from tagwatch.image.tag import Kind, Scheme, Tag, version_key
from tagwatch.image.tag_table import TagTable
from tagwatch.image.token import token_of

__all__ = [
    "Basis",
    "Newer",
    "Resolution",
    "Status",
    "VersionEvidence",
    "candidates",
    "newer",
    "resolve_selector",
    "resolve_tag",
]


class Status(StrEnum):
    """How a resolution ended."""

    RESOLVED = "resolved"
    NO_VERSION = "no-version"
    """The tag exists, but no concrete version can be named."""
    NOT_FOUND = "not-found"
    UNAVAILABLE = "unavailable"
    """It could not be read: nothing is said of whether it exists."""


class Basis(StrEnum):
    """What the concrete version rests on, best evidence first."""

    ALIAS = "alias"
    """A more specific tag (or the tag itself) with the same digest."""
    LABEL = "label"
    ENV = "env"
    ATTESTATION = "attestation"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """Newer tags of the same line: in the same patch series, the same major, and beyond."""

    patch: str | None = None
    minor: str | None = None
    major: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEvidence:
    """A version that something other than a tag claims, what it rests on, and where it stands."""

    version: str
    basis: Basis
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a reference really is.

    `reference` is canonical and concrete; `tag` the concrete tag; `aliases` every tag with the
    same digest, sorted; `ambiguous` other versions the same image carries; `supported` None where
    it is not known whether the publisher still builds it; `basis_detail` names the label or
    variable where the basis is one.
    """

    input: str
    status: Status
    reference: Reference | None = None
    tag: str | None = None
    version: str | None = None
    digest: Digest | None = None
    aliases: tuple[str, ...] = ()
    basis: Basis = Basis.NONE
    basis_detail: str = ""
    newer: Newer = field(default_factory=Newer)
    supported: bool | None = None
    ambiguous: tuple[str, ...] = ()
    note: str = ""


Tags = Mapping[str, Digest | None] | TagTable
"""What a repository's tags serve, None where nobody asked; or the table made of it."""

_CANDIDATE_LIMIT = 20


def resolve_tag(
    tag: str,
    tags: Tags,
    *,
    input: str | None = None,  # noqa: A002  # the field's name in every output
    repository: Repository | None = None,
    evidence: Sequence[VersionEvidence] = (),
    supported: bool | None = None,
) -> Resolution:
    """What `tag` is: the most specific alias, else what `evidence` says, else no version.

    `tags` lists the repository: a tag that is not there is not found. `evidence` is asked in
    order, and only where no alias names a version. Cost: linear in the alias group once `tags` is
    a `TagTable`; without one, linear in the repository.
    """
    table = TagTable.of(tags)
    asked = table.read(tag)
    answer = Resolution(input=tag if input is None else input, status=Status.NOT_FOUND)
    if tag not in table.tags:
        return answer
    digest = table.digests[tag]
    group = table.aliases(asked)
    answer = replace(
        answer,
        status=Status.NO_VERSION,
        digest=digest,
        aliases=tuple(sorted(alias.text for alias in group)),
        supported=supported,
        reference=_reference(repository, tag, digest),
    )
    concrete = _most_specific(asked, group, Kind.VERSION)
    claim = _claim(asked, concrete, evidence, table)
    if claim is not None:
        return replace(
            answer,
            status=Status.RESOLVED,
            tag=concrete.text if concrete else None,
            version=claim.version,
            basis=claim.basis,
            basis_detail=claim.detail,
            newer=newer(concrete, table) if concrete else Newer(),
        )
    if concrete is not None and not _may_be_floating(concrete, table):
        return _by_alias(answer, asked, concrete, group, table, repository)
    dated = _most_specific(asked, group, Kind.DATED)
    if dated is not None and concrete is None:
        return replace(
            answer,
            status=Status.RESOLVED,
            tag=dated.text,
            basis=Basis.ALIAS,
            reference=_reference(repository, dated.text, digest),
        )
    return replace(answer, note=_why_no_version(concrete, digest))


def _reference(repository: Repository | None, tag: str, digest: Digest | None) -> Reference | None:
    return Reference(repository=repository, tag=tag, digest=digest) if repository else None


def _by_alias(
    answer: Resolution,
    asked: Tag,
    concrete: Tag,
    group: Sequence[Tag],
    table: TagTable,
    repository: Repository | None,
) -> Resolution:
    return replace(
        answer,
        status=Status.RESOLVED,
        tag=concrete.text,
        version=concrete.version,
        basis=Basis.ALIAS,
        reference=_reference(repository, concrete.text, answer.digest),
        newer=newer(concrete, table),
        ambiguous=_other_versions(concrete, group),
        note=_differences(asked, concrete, answer.digest),
    )


def _most_specific(asked: Tag, group: Sequence[Tag], kind: Kind) -> Tag | None:
    """The alias that says most exactly what `asked` is.

    Most numbers first; among equals the one whose number begins with the number asked for, the
    same words, words that contain those asked for, the fewest other words, the same `v`, the
    shortest.
    """
    wanted = Counter(asked.words)
    named = Counter(asked.words + asked.rolling)

    def preference(alias: Tag) -> tuple[object, ...]:
        words = Counter(alias.words)
        return (
            -alias.weight,
            alias.release[: len(asked.release)] != asked.release,
            alias.words != asked.words,
            not words >= wanted,
            _distance(words, wanted),
            _distance(Counter(alias.words + alias.rolling), named),
            alias.v != asked.v,
            len(alias.text),
            alias.text,
        )

    return min((alias for alias in group if alias.kind is kind), key=preference, default=None)


def _distance(left: Counter[str], right: Counter[str]) -> int:
    return ((left - right) + (right - left)).total()


def _may_be_floating(tag: Tag, table: TagTable) -> bool:
    """True where a tag whose digest nobody asked for might say more exactly what `tag` is."""
    return table.is_general(tag, known=False)


def _claim(
    asked: Tag, concrete: Tag | None, evidence: Sequence[VersionEvidence], table: TagTable
) -> VersionEvidence | None:
    """The evidence to believe: only where no alias says it, and never against the tag's number."""
    if concrete is not None and not table.is_general(concrete):
        return None
    release = (concrete or asked).release
    for claim in evidence:
        claimed = version_key(claim.version)[0]
        if claimed[: len(release)] == release and len(claimed) > len(release):
            return claim
    return None


def _other_versions(concrete: Tag, group: Sequence[Tag]) -> tuple[str, ...]:
    """Tags of the group that name another version than `concrete`, not merely a shorter one."""
    return tuple(
        alias.text
        for alias in group
        if alias.kind is Kind.VERSION
        and alias.release != concrete.release[: len(alias.release)]
        and alias.weight >= concrete.weight
    )


def _differences(asked: Tag, concrete: Tag, digest: Digest | None) -> str:
    """What the concrete tag has other than was asked for, so that nothing is dropped silently."""
    if digest is None:
        return "the digest is not known: named by the tag's own text"
    notes: list[str] = []
    missing = Counter(asked.words) - Counter(concrete.words)
    added = Counter(concrete.words) - Counter(asked.words)
    if missing:
        notes.append(f"no alias keeps {' '.join(missing)!r}")
    if added:
        notes.append(f"its only full name adds {' '.join(added)!r}")
    if concrete.release[: len(asked.release)] != asked.release:
        notes.append(f"the publisher's {asked} is {concrete}, another number")
    elif concrete.is_prerelease and not asked.is_prerelease:
        notes.append(f"{concrete} is a pre-release")
    return "; ".join(notes)


def _why_no_version(concrete: Tag | None, digest: Digest | None) -> str:
    if digest is None:
        return "its digest is not known, and the name alone says no version"
    if concrete is not None:
        return f"tags more specific than {concrete} exist whose digests were not asked"
    return "no tag with a version serves the same image"


def resolve_selector(
    selector: Selector | str,
    tags: Tags,
    *,
    input: str | None = None,  # noqa: A002  # the field's name in every output
    repository: Repository | None = None,
    supported: bool | None = None,
) -> Resolution:
    """The tag that `selector` takes today, and what that is. Raises `UsageError` for bad text."""
    table = TagTable.of(tags)
    if isinstance(selector, str):
        selector = parse_selector(selector)
    written = selector.text if input is None else input
    chosen = choose(selector, table)
    if chosen is None:
        return Resolution(input=written, status=Status.NOT_FOUND, note=suggest(selector, table))
    return resolve_tag(
        chosen.text, table, input=written, repository=repository, supported=supported
    )


def newer(tag: Tag | str, tags: Tags) -> Newer:
    """The highest newer tags of the line: same patch series, same major, any major.

    A pre-release is offered to a pre-release only; a development version and a version counted
    by another scheme never, save where the publisher's own `latest` has moved to that scheme. Tags
    with the very same variant come before those with another platform release (`-alpine3.21`).
    """
    table = TagTable.of(tags)
    current = table.read(tag) if isinstance(tag, str) else tag
    if current.kind is not Kind.VERSION or current.scheme is Scheme.SERIAL:
        return Newer()
    schemes = {current.scheme, table.scheme() or current.scheme}
    found = [
        other
        for other in table.tags.values()
        if other.kind is Kind.VERSION
        and other.precedence > current.precedence
        and (other.product, other.shape) == (current.product, current.shape)
        and other.scheme in schemes
        and (current.is_prerelease or not other.is_prerelease)
        and not table.is_development(other)
        and table.is_specific(other)
    ]
    series = (current.release[:2], current.release[:1])
    patch = [other for other in found if other.release[:2] == series[0]]
    minor = [other for other in found if other.release[:1] == series[1] and other not in patch]
    major = [other for other in found if other.release[:1] > series[1]]
    return Newer(
        patch=_best_of(patch, current),
        minor=_best_of(minor, current),
        major=_best_of(major, current),
    )


def _best_of(found: Iterable[Tag], current: Tag) -> str | None:
    def rank(other: Tag) -> tuple[object, ...]:
        return (
            other.variant == current.variant,
            other.precedence,
            other.v == current.v,
            _platform_numbers(other),
            -len(other.text),
            other.text,
        )

    best = max(found, key=rank, default=None)
    return best.text if best else None


def _platform_numbers(tag: Tag) -> tuple[tuple[int, ...], ...]:
    return tuple(token_of(word).numbers for word in tag.variant)


def candidates(
    tag: str, names: Tags | Iterable[str], *, limit: int = _CANDIDATE_LIMIT
) -> list[str]:
    """The tags to ask, in order, to name what `tag` is where a registry gives no digests in bulk.

    Newest first within what `tag` may stand for: tags of the same words, then tags with more; final
    versions before pre-releases. Empty where `tag` is as specific as the names can be.
    """
    table = TagTable.of(names)
    asked = table.read(tag)
    if asked.kind in (Kind.COMMIT, Kind.ARTIFACT, Kind.PULL_REQUEST):
        return []
    wanted = Counter(asked.words)
    ranked: list[tuple[tuple[object, ...], str]] = []
    for other in table.tags.values():
        if other.text == tag or not _may_name(asked, other, table):
            continue
        words = Counter(other.words)
        closeness = (
            -_distance(words, wanted) if words >= wanted else -100 - _distance(words, wanted)
        )
        final = asked.is_prerelease or not other.is_prerelease
        ranked.append(((final, closeness == 0, other.sort_key[:2], closeness), other.text))
    ranked.sort(reverse=True)
    return _mixed([text for _, text in ranked], table, asked, limit)


def _may_name(asked: Tag, other: Tag, table: TagTable) -> bool:
    if other.kind is Kind.DATED:
        return asked.kind is not Kind.VERSION and other.rolling == asked.rolling
    return (
        other.kind is Kind.VERSION
        and other.release[: len(asked.release)] == asked.release
        and other.weight > asked.weight
        and not table.is_general(other)
    )


def _mixed(ranked: Sequence[str], table: TagTable, asked: Tag, limit: int) -> list[str]:
    """`ranked` cut to `limit`, a third of it for tags with other words (`2` is `2.1.2-alpine`)."""
    same = [text for text in ranked if table.tags[text].words == asked.words]
    others = [text for text in ranked if table.tags[text].words != asked.words]
    kept = max(limit - len(others), limit - limit // 3)
    chosen = same[:kept]
    return chosen + others[: limit - len(chosen)]
