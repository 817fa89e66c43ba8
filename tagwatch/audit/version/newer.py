"""The newer tags in the line of a tag: newer by version, never by date of push."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice, product
from operator import attrgetter

from tagwatch.audit.model.evidence import Newer
from tagwatch.image.digest import Digest
from tagwatch.image.order import inner_parts, is_one_off, line_of, lines_within, naming_of
from tagwatch.image.tag import Kind, Scheme, Tag
from tagwatch.image.tag_table import TagTable
from tagwatch.value import dataclass

__all__ = ["newer"]

_FULL_VERSION = 3
_LOWER = 9
"""How many versions below the newest one of a step are named."""
_LOOKED_AT = 40
"""Among how many tags they are looked for."""
_VERSIONED = frozenset({Scheme.COUNT, Scheme.YEAR})
"""Schemes whose numbers tell how large a step is."""


def newer(
    tag: Tag | str,
    tags: Mapping[str, Digest | None] | TagTable,
    *,
    written: Tag | None = None,
) -> Newer:
    """Return the highest newer tags of the line: in the same patch series, same major, any major.

    And the next lower ones of the first two, and the newest of each major version between, for who
    may not move to the highest or moves a major version at a time.

    Only a pre-release is offered a pre-release. A development version is never offered, and a
    version of another scheme only where the publisher's own `latest` has moved to that scheme. Of
    one version, the very same variant comes first; one on a newer platform release (`-alpine3.20` →
    `-alpine3.21`) is offered where the version has no other. A tool inside (`-cuda12.1`) stays in
    its line where the newest version has that line, else it moves to the lowest line above.

    A version that the publisher calls `-lts` too is offered only such versions.

    Who writes a version without its builds (`10.11.6`, the tag that is `written` for this one) is
    offered one without (`10.11.8`, not `10.11.8-r0-ls150`), where there is one.

    Where the tag has no order, the answer says why.
    """
    table = TagTable.of(tags)
    current = table.read(tag) if isinstance(tag, str) else tag
    naming = naming_of(current)
    if naming.why:
        return Newer(not_comparable=naming.why)
    schemes = {current.scheme, table.scheme() or current.scheme}
    stages = (False, True) if current.is_prerelease else (False,)
    keys = product((line_of(current, scheme) for scheme in schemes), stages)
    found = [_Newest.of(table.kin.get(key, ()), current, table) for key in keys]

    def text(best: Tag) -> str:
        return _as_written(best, current, written or current, table).text

    def texts(steps: Iterable[Iterable[Tag]], key: Callable[[Tag], object]) -> tuple[str, ...]:
        best = (tag for one in steps if (tag := _best_of(one, current)) is not None)
        first: dict[object, Tag] = {}
        for tag in best:  # another build or flavour of a version is no lower one
            first.setdefault(key(tag), tag)
        return tuple(dict.fromkeys(map(text, first.values())))

    patch, *patches = texts(_downwards(one.patch for one in found), _version) or (None,)
    minor, *minors = texts(_downwards(one.minor for one in found), _version) or (None,)
    major, *majors = texts(_downwards(one.major for one in found), _major) or (None,)
    return Newer(
        patch=patch,
        minor=minor,
        patches=tuple(patches),
        minors=tuple(minors),
        major=major,
        majors=tuple(majors),
        not_comparable="" if any(map(bool, found)) else _other_count(current, table),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Newest:
    """The tags of the highest versions that are offered, for each size of step.

    Several tags may name one version.
    """

    patch: tuple[tuple[Tag, ...], ...]
    """The versions of the patch series, the highest first."""
    minor: tuple[tuple[Tag, ...], ...]
    major: tuple[tuple[Tag, ...], ...]
    """The highest version of each later major version, the highest first."""

    def __bool__(self) -> bool:
        return bool(self.patch or self.minor or self.major)

    @classmethod
    def of(cls, kin: Sequence[Tag], current: Tag, table: TagTable) -> _Newest:
        """Find them among `kin`, which is in order of version.

        Cost: binary searches for where each size of step and each later major version ends, then a
        walk down from there to the first version that is offered, and a short one to those below.
        """
        release = current.release
        has_inner = bool(inner_parts(current))
        if has_inner:  # a later build of the version that it has may follow
            after = bisect_left(kin, _outer(current), key=_outer)
        else:
            after = bisect_right(kin, current.precedence, key=_precedence)
        if current.scheme in _VERSIONED:
            series = bisect_right(kin, release[:2], key=lambda tag: tag.release[:2])
            numbered = bisect_right(kin, release[:1], key=lambda tag: tag.release[:1])
        else:  # nothing tells how large a step is
            series = numbered = len(kin)

        def offered(start: int, end: int) -> Iterator[tuple[Tag, ...]]:
            downwards = map(kin.__getitem__, range(end - 1, start - 1, -1))
            looked_at, is_first = 0, True
            for _, equals in groupby(downwards, key=_outer if has_inner else _precedence):
                tags = tuple(equals)
                looked_at += len(tags)
                if found := tuple(tag for tag in tags if _is_offered(tag, current, table)):
                    yield found
                    is_first = False
                if looked_at > _LOOKED_AT and not is_first:
                    return

        def of_each_major() -> Iterator[tuple[Tag, ...]]:
            end = len(kin)
            while found := next(offered(numbered, end), ()):
                yield found
                end = bisect_left(kin, _major(found[0]), numbered, end, key=_major)

        return cls(
            patch=tuple(islice(offered(after, series), 1 + _LOWER)),
            minor=tuple(islice(offered(series, numbered), 1 + _LOWER)),
            major=tuple(islice(of_each_major(), 1 + _LOWER)),
        )


def _downwards(found: Iterable[tuple[tuple[Tag, ...], ...]]) -> Iterator[tuple[Tag, ...]]:
    """Yield the tags of each version, the highest first, though they come from several lines."""
    tags = sorted(chain.from_iterable(chain.from_iterable(found)), key=_outer, reverse=True)
    versions = (tuple(equals) for _, equals in groupby(tags, key=_outer))
    return islice(versions, 1 + _LOWER)


_precedence = attrgetter("precedence")


def _version(tag: Tag) -> tuple[object, ...]:
    return tag.release, tag.date


def _major(tag: Tag) -> tuple[int, ...]:
    return tag.release[:1]


def _outer(tag: Tag) -> tuple[tuple[int, ...], ...]:
    """Return what decides before the tools inside do: the version, else the date."""
    return tag.precedence if tag.kind is Kind.DATED else tag.precedence[:3]


def _is_offered(other: Tag, current: Tag, table: TagTable) -> bool:
    return (
        _is_after(other, current)
        and (other.kind is Kind.DATED or table.is_specific(other))
        and not is_one_off(other)
        and not table.is_development(other)
        and not _is_on_older(other, current)
        and table.channels(current) <= table.channels(other)
        and (_is_staged(current) or not _is_staged(other))
        and (bool(current.revision) or not table.is_doubtful(other))
        and (other.revision == current.revision or not table.is_on_runtime(other))
    )


def _is_after(other: Tag, current: Tag) -> bool:
    """Return True for a later version, or a later build of it with the same tools inside.

    The same version with another line of a tool (`-cuda11.8` → `-cuda12.1`) is another flavour.
    """
    if other.date[:1] == current.date[:1] and other.product != current.product:
        return False  # two components of one day
    if _outer(other) != _outer(current):
        return True
    there, here = inner_parts(other), inner_parts(current)
    if [part.line for part in there] != [part.line for part in here]:
        return False
    numbers = [(part.numbers, part.stage) for part in there]
    return (numbers, other.date) > ([(part.numbers, part.stage) for part in here], current.date)


def _best_of(found: Iterable[Tag], current: Tag) -> Tag | None:
    def rank(other: Tag) -> tuple[object, ...]:
        inner = inner_parts(other)
        return (
            _outer(other),
            [tuple(-number for number in part.line) for part in inner],
            [(part.numbers, part.stage) for part in inner],
            other.date,
            other.variant == current.variant,
            other.v == current.v,
            other.variant_numbers,
            -len(other.text),
            other.text,
        )

    return max(found, key=rank, default=None)


def _as_written(best: Tag, current: Tag, written: Tag, table: TagTable) -> Tag:
    """Return `best` without its builds where the file writes a full version without them."""
    bare = table.without_revision(best)
    is_bare = len(written.release) >= _FULL_VERSION and not written.revision
    if bare is None or not is_bare or written.words != current.words:
        return best
    is_alike = len(bare.release) == len(written.release)
    return bare if is_alike and bare.release > current.release else best


def _is_staged(tag: Tag) -> bool:
    return any(part.is_prerelease for part in inner_parts(tag))


def _is_on_older(other: Tag, current: Tag) -> bool:
    """Return True where a system or a tool inside `other` is of a line below that of `current`."""
    pairs = zip(lines_within(other), lines_within(current), strict=False)
    return any(there and there < here for there, here in pairs)


def _other_count(current: Tag, table: TagTable) -> str:
    """Return why nothing newer is known, where the line is counted in a second way, too."""
    if current.scheme not in _VERSIONED or table.scheme() is not None:
        return ""
    (other,) = _VERSIONED - {current.scheme}
    kin = table.kin.get((line_of(current, other), False), ())
    return f"its repository counts in two ways: {kin[-1]} may be newer" if kin else ""
