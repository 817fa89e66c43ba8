"""Resolving: from a floating tag or pattern to a concrete tag, version and digest.

Digests come first, the text of tags second: the text may be wrong (`haxe:5.0.0` serves
5.0.0-preview.1), but the group of tags that serve one digest is not. Where no version can be named,
the resolution says why.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from operator import attrgetter

from tagwatch.audit.model.evidence import Basis, Newer, Resolution, Status
from tagwatch.audit.reading.version_evidence import VersionEvidence
from tagwatch.audit.version.candidate import (
    MOST_TOLD,
    aliases_told,
    concrete_of,
    is_settled,
    missing_words,
    most_specific,
)
from tagwatch.audit.version.newer import newer
from tagwatch.image.digest import Digest
from tagwatch.image.order import line_of, naming_of, version_key
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.selection import choose, spelt_otherwise, suggest
from tagwatch.image.selector import Selector, parse_selector
from tagwatch.image.tag import Kind, Tag
from tagwatch.image.tag_table import TagTable
from tagwatch.value import replace

__all__ = ["named_by_alias", "resolve_selector", "resolve_tag", "version_of"]

_FULL_VERSION = 3
_UNNAMED = "its version is not known"

Tags = Mapping[str, Digest | None] | TagTable
"""Tag -> the digest that it serves, None where nobody asked; or the table made from this."""


def resolve_tag(
    tag: str,
    tags: Tags,
    *,
    input: str | None = None,  # noqa: A002  # the field's name in every output
    repository: Repository | None = None,
    evidence: Sequence[VersionEvidence] = (),
    supported: bool | None = None,
) -> Resolution:
    """Resolve `tag` to its most specific alias, else to what `evidence` says, else to no version.

    `tags` are all tags of the repository: a tag that is not among them is not found. `evidence` is
    tried in order, and only where no alias names a whole version. Cost: linear in the alias group
    where `tags` is a `TagTable`, else linear in the repository.
    """
    table = TagTable.of(tags)
    asked = table.read(tag)
    answer = Resolution(input=tag if input is None else input, status=Status.NOT_FOUND)
    if tag not in table.tags:
        return replace(answer, note=_other_spelling(asked, table))
    digest = table.digests[tag]
    group = table.aliases(asked)
    concrete = concrete_of(asked, table)
    dated = most_specific(asked, group, Kind.DATED) if concrete is None else None
    named = concrete or dated
    aliases, more = aliases_told([one.text for one in group], tag, str(named or tag))
    answer = replace(
        answer,
        status=Status.NO_VERSION,
        digest=digest,
        aliases=aliases,
        more_aliases=more,
        supported=supported,
        reference=_reference(repository, tag, digest),
    )
    claim = _claim(asked, concrete, evidence, table)
    if claim is not None:
        return replace(
            answer,
            status=Status.RESOLVED,
            tag=named.text if named else None,
            version=claim.version,
            basis=claim.basis,
            basis_detail=claim.detail,
            newer=newer(_known_as(asked, concrete, claim, table), table, written=asked),
        )
    if concrete is not None and is_settled(concrete, asked, table):
        return _by_alias(answer, asked, concrete, group, table, repository)
    if dated is not None:
        return replace(
            answer,
            status=Status.RESOLVED,
            tag=dated.text,
            basis=Basis.ALIAS,
            reference=_reference(repository, dated.text, digest),
            newer=newer(dated, table),
        )
    unnamed = Newer(not_comparable=naming_of(asked).why or _UNNAMED)
    return replace(answer, note=_why_no_version(concrete, digest), newer=unnamed)


def named_by_alias(tag: str, table: TagTable) -> Tag | None:
    """Return the tag that says what `tag` is, where no other evidence could say it more exactly.

    None where a label, a variable or an attestation may be more exact, or the tag does not exist.
    """
    if tag not in table.tags:
        return None
    asked = table.tags[tag]
    concrete = concrete_of(asked, table)
    if concrete is None or table.is_general(concrete) or not is_settled(concrete, asked, table):
        return None
    return concrete if _is_long(concrete) or table.says_all(concrete) else None


def version_of(tag: str, table: TagTable) -> str | None:
    """Return the version that `resolve_tag` gives without evidence, at a fraction of its cost."""
    if tag not in table.tags:
        return None
    asked = table.tags[tag]
    concrete = concrete_of(asked, table)
    return concrete.version if concrete is not None and is_settled(concrete, asked, table) else None


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
        newer=newer(concrete, table, written=asked),
        ambiguous=_other_versions(concrete, group),
        note=_differences(asked, concrete, answer.digest),
    )


def _claim(
    asked: Tag, concrete: Tag | None, evidence: Sequence[VersionEvidence], table: TagTable
) -> VersionEvidence | None:
    """Return the first evidence to believe, or None: never where an alias names a whole version.

    It must add numbers to those of the tag. A tag of two numbers without a longer one beside it may
    be a whole version (`16.3`), or the only tag that somebody copied of a longer one (`6.2`): then
    what the image states decides.
    """
    if concrete is not None and not table.is_general(concrete):
        may_be_short = concrete is asked or not table.says_all(concrete)
        if _is_long(concrete) or not may_be_short:
            return None
    release = (concrete or asked).release
    for claim in evidence:
        claimed = version_key(claim.version)[0]
        if claimed[: len(release)] == release and len(claimed) > len(release):
            return claim
    return None


def _is_long(tag: Tag) -> bool:
    return len(tag.release) >= _FULL_VERSION


def _claimed(concrete: Tag, claim: VersionEvidence) -> Tag:
    """Return `concrete` with the claimed version, so that nothing up to that counts as newer."""
    release, _, revision, _ = version_key(claim.version)
    return replace(concrete, release=release, revision=revision)


def _known_as(asked: Tag, concrete: Tag | None, claim: VersionEvidence, table: TagTable) -> Tag:
    """Return the tag that says from where on something is newer, once a version is claimed.

    `latest`, which no alias names, counts as the last build of the claimed version, if a tag names
    that version.
    """
    if concrete is not None:
        return _claimed(concrete, claim)
    claimed = table.read(claim.version)
    kin = table.kin.get((line_of(claimed), claimed.is_prerelease), ())
    place = bisect_right(kin, claimed.release, key=attrgetter("release"))
    is_named = place > 0 and kin[place - 1].release == claimed.release
    return kin[place - 1] if is_named and asked.text == "latest" else asked


def _other_versions(concrete: Tag, group: Sequence[Tag]) -> tuple[str, ...]:
    """Return tags of the group that name another version than `concrete`, and not a shorter one."""
    others = (
        alias.text
        for alias in group
        if alias.kind is Kind.VERSION
        and alias.release != concrete.release[: len(alias.release)]
        and alias.weight >= concrete.weight
    )
    return tuple(islice(others, MOST_TOLD))


def _differences(asked: Tag, concrete: Tag, digest: Digest | None) -> str:
    """Describe how the concrete tag differs from the one asked for; "" where it does not.

    No word of the tag is dropped without a note.
    """
    if digest is None:
        return "the digest is not known: named by the tag's own text"
    notes: list[str] = []
    missing = missing_words(asked, concrete)
    missing.pop("latest", None)  # 2022-latest: each alias keeps that promise without the word
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


def _other_spelling(asked: Tag, table: TagTable) -> str:
    """Return which tag is there where `asked` lacks only the v, or has one too many; else ""."""
    other = asked.text[1:] if asked.v else f"v{asked.text}"
    if asked.kind is not Kind.VERSION or other not in table.tags:
        return ""
    return f"{other} is there: write it {'without' if asked.v else 'with'} the v"


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
    """Resolve the tag that `selector` chooses today. Raises `UsageError` for bad text."""
    table = TagTable.of(tags)
    if isinstance(selector, str):
        selector = parse_selector(selector)
    written = selector.text if input is None else input
    chosen = choose(selector, table)
    if chosen is None:
        return Resolution(input=written, status=Status.NOT_FOUND, note=suggest(selector, table))
    answer = resolve_tag(
        chosen.text, table, input=written, repository=repository, supported=supported
    )
    notes = (spelt_otherwise(selector, chosen, table), answer.note)
    return replace(answer, note="; ".join(filter(None, notes)))
