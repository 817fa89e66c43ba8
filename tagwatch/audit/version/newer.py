"""The newer tags in the line of a tag: newer by version, never by date of push."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, product
from operator import attrgetter

from tagwatch.audit.model.evidence import Newer
from tagwatch.image.digest import Digest
from tagwatch.image.tag import Kind, Scheme, Tag
from tagwatch.image.tag_table import TagTable
from tagwatch.value import dataclass

__all__ = ["newer"]


def newer(tag: Tag | str, tags: Mapping[str, Digest | None] | TagTable) -> Newer:
    """Return the highest newer tags of the line: in the same patch series, same major, any major.

    Only a pre-release is offered a pre-release. A development version is never offered, and a
    version of another scheme only where the publisher's own `latest` has moved to that scheme. Of
    one version, the very same variant comes first; one on a newer platform release (`-alpine3.20` →
    `-alpine3.21`) is offered where the version has no other.
    """
    table = TagTable.of(tags)
    current = table.read(tag) if isinstance(tag, str) else tag
    if current.kind is not Kind.VERSION or current.scheme is Scheme.SERIAL:
        return Newer()
    schemes = {current.scheme, table.scheme() or current.scheme}
    stages = (False, True) if current.is_prerelease else (False,)
    keys = ((current.product, current.shape, *pair) for pair in product(schemes, stages))
    found = [_Newest.of(table.kin.get(key, ()), current, table) for key in keys]
    return Newer(
        patch=_best_of((tag for one in found for tag in one.patch), current),
        minor=_best_of((tag for one in found for tag in one.minor), current),
        major=_best_of((tag for one in found for tag in one.major), current),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Newest:
    """The tags of the highest version that is offered, for each size of step.

    Several tags may name one version.
    """

    patch: tuple[Tag, ...]
    minor: tuple[Tag, ...]
    major: tuple[Tag, ...]

    @classmethod
    def of(cls, kin: Sequence[Tag], current: Tag, table: TagTable) -> _Newest:
        """Find them among `kin`, which is in order of version.

        Cost: binary searches for where each size of step ends, then a walk down from there to the
        first version that is offered.
        """
        release = current.release
        after = bisect_right(kin, current.precedence, key=attrgetter("precedence"))
        series = bisect_right(kin, release[:2], key=lambda tag: tag.release[:2])
        numbered = bisect_right(kin, release[:1], key=lambda tag: tag.release[:1])

        def highest(start: int, end: int) -> tuple[Tag, ...]:
            downwards = map(kin.__getitem__, range(end - 1, start - 1, -1))
            for _, equals in groupby(downwards, key=attrgetter("precedence")):
                if offered := tuple(tag for tag in equals if _is_offered(tag, current, table)):
                    return offered
            return ()

        return cls(
            patch=highest(after, series),
            minor=highest(series, numbered),
            major=highest(numbered, len(kin)),
        )


def _is_offered(other: Tag, current: Tag, table: TagTable) -> bool:
    return (
        table.is_specific(other)
        and not table.is_development(other)
        and not _is_on_older(other, current)
        and (bool(current.revision) or not table.is_doubtful(other))
        and (other.revision == current.revision or not table.is_on_runtime(other))
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
    """Return True where a platform release of `other` is lower than that of `current`."""
    pairs = zip(other.variant_numbers, current.variant_numbers, strict=False)
    return any(numbers and numbers < held for numbers, held in pairs)
