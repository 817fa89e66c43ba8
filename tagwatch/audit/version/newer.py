"""What is newer than a tag within its line: by version, never by date of push."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tagwatch.audit.version.resolution import Newer
from tagwatch.image.digest import Digest
from tagwatch.image.tag import Kind, Scheme, Tag
from tagwatch.image.tag_table import TagTable

__all__ = ["newer"]


def newer(tag: Tag | str, tags: Mapping[str, Digest | None] | TagTable) -> Newer:
    """The highest newer tags of the line: same patch series, same major, any major.

    A pre-release is offered to a pre-release only; a development version and a version counted
    by another scheme never, save where the publisher's own `latest` has moved to that scheme. Of
    one version, the very same variant comes first; where a newer one stands only on another
    platform release (`-alpine3.20` → `-alpine3.21`), it is offered as such.
    """
    table = TagTable.of(tags)
    current = table.read(tag) if isinstance(tag, str) else tag
    if current.kind is not Kind.VERSION or current.scheme is Scheme.SERIAL:
        return Newer()
    schemes = {current.scheme, table.scheme() or current.scheme}
    found = [
        other
        for other in table.kin.get((current.product, current.shape), ())
        if other.precedence > current.precedence
        and other.scheme in schemes
        and (current.is_prerelease or not other.is_prerelease)
        and not table.is_development(other)
        and table.is_specific(other)
        and not _is_on_older(other, current)
        and (bool(current.revision) or not table.is_doubtful(other))
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
            other.precedence,
            other.variant == current.variant,
            other.v == current.v,
            other.variant_numbers,
            -len(other.text),
            other.text,
        )

    best = max(found, key=rank, default=None)
    return best.text if best else None


def _is_on_older(other: Tag, current: Tag) -> bool:
    """True where a platform release of `other` is below that of `current`."""
    pairs = zip(other.variant_numbers, current.variant_numbers, strict=False)
    return any(numbers and numbers < held for numbers, held in pairs)
