"""What a selector takes of the tags of one repository, why it takes nothing, and what is near."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tagwatch.image.digest import Digest
from tagwatch.image.pattern import compile_pattern
from tagwatch.image.selector import Comparator, Selector, SelectorKind
from tagwatch.image.tag import Kind, Tag, is_artifact
from tagwatch.image.tag_table import TagTable
from tagwatch.value import replace

__all__ = ["choose", "select", "select_names", "spelt_otherwise", "suggest"]


def select(selector: Selector, table: TagTable) -> tuple[Tag, ...]:
    """Every tag that `selector` takes, the best first.

    Of a range: the tags that could be its answer; where there is none, those of the only other
    spelling that the repository has (see `spelt_otherwise`). Of `/regex/` and `*`: every image's
    tag that matches, the highest final version of today's scheme first.
    """
    if selector.kind is SelectorKind.EXACT:
        tag = table.tags.get(selector.text.strip())
        return (tag,) if tag else ()
    if selector.kind is SelectorKind.RANGE:
        return tuple(sorted(_of_range(selector, table), key=_highest_first, reverse=True))
    matches = compile_pattern(selector.pattern).search if selector.pattern else None
    found = (
        tag
        for text, tag in table.tags.items()
        if tag.kind is not Kind.ARTIFACT and (matches is None or matches(text))
    )
    scheme = table.likely_scheme()
    product = table.latest.product if table.latest else None

    def rank(tag: Tag) -> tuple[object, ...]:
        is_version = tag.kind is Kind.VERSION
        return (
            is_version and not tag.is_prerelease and not table.is_development(tag),
            is_version and tag.scheme is scheme,
            is_version and product in (None, tag.product),
            is_version and table.is_specific(tag) and not table.is_doubtful(tag),
            is_version,
            tag.kind is Kind.DATED,
            _first_of_any(tag),
        )

    return tuple(sorted(found, key=rank, reverse=True))


def select_names(selector: Selector, names: Iterable[str]) -> frozenset[str] | None:
    """What `select` finds for `*` and `/regex/`, in no order and without reading the tags.

    None for other selectors, which must compare tags.
    """
    if selector.kind not in (SelectorKind.ANY, SelectorKind.REGEX):
        return None
    matches = compile_pattern(selector.pattern).search if selector.pattern else None
    return frozenset(
        name for name in names if not is_artifact(name) and (matches is None or matches(name))
    )


def choose(selector: Selector, table: TagTable) -> Tag | None:
    """The tag that `selector` resolves to; None where nothing matches."""
    found = select(selector, table)
    return found[0] if found else None


def _highest_first(tag: Tag) -> tuple[object, ...]:
    return (tag.precedence, -len(tag.words), -len(tag.text), tag.text)


def _first_of_any(tag: Tag) -> tuple[object, ...]:
    """As `_highest_first`, among variants: builds are counted anew on each platform release."""
    return (
        tag.precedence[:2],
        -len(tag.words),
        tag.variant_numbers if tag.revision else (),
        tag.precedence[2:],
        -len(tag.text),
        tag.text,
    )


def _whole(tags: Iterable[Tag], table: TagTable) -> Iterator[Tag]:
    """Those of `tags` that name a whole version: no alias says more of it, or in other words only.

    `16.3.0` beside `16.3.0-debian-12-r4`: it names no more than that version, and no less.
    """
    told: dict[Digest | None, frozenset[tuple[tuple[int, ...], bool]]] = {}
    for tag in tags:
        if table.is_specific(tag):
            yield tag
        elif not table.is_general(tag):
            digest = table.digests[tag.text]
            if digest is None or digest not in told:
                told[digest] = _told_by_name(tag, table)
            if all(
                release == tag.release and (tag.is_prerelease or not is_prerelease)
                for release, is_prerelease in told[digest]
            ):
                yield tag


def _told_by_name(tag: Tag, table: TagTable) -> frozenset[tuple[tuple[int, ...], bool]]:
    """The release that the most exact aliases of `tag` name, and whether it is a pre-release."""
    group = [alias for alias in table.contenders(tag) if alias.kind is Kind.VERSION]
    most = max(alias.weight for alias in group)
    return frozenset(
        (alias.release, alias.is_prerelease) for alias in group if alias.weight == most
    )


def _of_range(selector: Selector, table: TagTable) -> list[Tag]:
    """What a range takes: as it is written, else with the other `v`, else with the only suffix."""
    for accepts in (
        _range(selector, table),
        _range(selector, table, other_v=True),
        _range(selector, table, suffix=_only_suffix(table)),
    ):
        if found := list(_whole(filter(accepts, table.tags.values()), table)):
            return found
    return []


def _only_suffix(table: TagTable) -> tuple[str, ...]:
    """The variant that every version of the repository has; empty where there are several."""
    versions = (tag for tag in table.tags.values() if tag.kind is Kind.VERSION)
    words = {tag.words for tag in versions if table.is_specific(tag)}
    return words.pop() if len(words) == 1 else ()


def spelt_otherwise(selector: Selector, chosen: Tag, table: TagTable) -> str:
    """How a range would be written for the tag that it took; empty where it is written so."""
    bounds = [table.read(bound.text) for bound in selector.comparators]
    if not bounds or bounds[0].kind is not Kind.VERSION:
        return ""
    if chosen.v != bounds[0].v:
        return f"{chosen}: the pattern is read {'with' if chosen.v else 'without'} the v"
    words = next((asked.words for asked in bounds if asked.words), ())
    suffix = "-".join(("", *chosen.words))
    return "" if words == chosen.words else f"{chosen}: every version here has {suffix!r}"


def _range(
    selector: Selector, table: TagTable, *, other_v: bool = False, suffix: tuple[str, ...] = ()
) -> Callable[[Tag], bool]:
    """What decides whether a tag is a candidate by its name, made once for all tags."""
    bounds = [(bound.operator, table.read(bound.text)) for bound in selector.comparators]
    words = next((asked.words for _, asked in bounds if asked.words), ())
    first = bounds[0][1]
    wants_prerelease = any(asked.pre is not None for _, asked in bounds)
    counts = any(asked.revision for _, asked in bounds)
    minors = {asked.release[:2] for _, asked in bounds if len(asked.release) > 1}
    scheme = table.likely_scheme() if bounds[0][0] == "any" else first.scheme
    if first.kind is not Kind.VERSION and first.rolling:
        return lambda _tag: False  # no version stands beside that word
    if suffix and words:
        return lambda _tag: False  # it names its variant
    words = words or suffix

    def accepts(tag: Tag) -> bool:
        return (
            tag.kind is Kind.VERSION
            and tag.words == words
            and tag.scheme is scheme
            and (tag.v == (first.v != other_v) or first.kind is not Kind.VERSION)
            and (wants_prerelease or not tag.is_prerelease)
            and all(_within(tag, operator, asked) for operator, asked in bounds)
            and (not table.is_development(tag) or tag.release[:2] in minors)
            and (counts or not table.is_doubtful(tag))
        )

    return accepts


def _within(tag: Tag, operator: str, asked: Tag) -> bool:
    if operator == "any":
        return True
    if asked.kind is not Kind.VERSION:
        return False
    length = len(asked.release)
    same = tag.release[:length] == asked.release
    if operator == "x":
        return same and _is_filled(tag, asked)
    if operator in "~^":
        series = 1 if operator == "^" else min(2, length)
        return tag.release[:series] == asked.release[:series] and _compare(tag, asked) >= 0
    order = _compare(tag, asked)
    match operator:
        case "=":
            return order == 0
        case "!=":
            return order != 0
        case ">=":
            return order >= 0
        case "<=":
            return order <= 0
        case ">":
            return order > 0
        case _:
            return order < 0


def _is_filled(tag: Tag, asked: Tag) -> bool:
    """True where `tag` has a number in the wildcard's place, and a revision that was asked for."""
    counted = tag.revision[: len(asked.revision)] == asked.revision
    if len(tag.release) > len(asked.release) or tag.date or (tag.pre is not None and tag.pre[1:]):
        return counted
    return counted and 0 < len(asked.revision) < len(tag.revision)  # 16-3.x


def _compare(tag: Tag, asked: Tag) -> int:
    """The order of `tag` against a bound, as exactly as the bound is written: `<8` is below 8.0."""
    if asked.revision or asked.date or (asked.pre is not None and len(asked.pre) > 1):
        return (tag.precedence > asked.precedence) - (tag.precedence < asked.precedence)
    length = len(asked.release)
    cut = (tag.release + (0,) * length)[:length]
    return (cut > asked.release) - (cut < asked.release)


def suggest(selector: Selector, table: TagTable) -> str:
    """Why a range found nothing, with the nearest tag; empty where nothing is near."""
    if selector.kind is not SelectorKind.RANGE:
        return ""
    bounds = [(bound.operator, table.read(bound.text)) for bound in selector.comparators]
    if unknown := bounds[0][1].rolling:
        return f"no version here has the variant {'-'.join(unknown)!r}"
    near = [
        tag
        for tag in table.tags.values()
        if tag.kind is Kind.VERSION
        and table.is_specific(tag)
        and all(_within(tag, operator, asked) for operator, asked in bounds)
    ]
    words = next((asked.words for _, asked in bounds if asked.words), ())
    same_words = [tag for tag in near if tag.words == words]
    if same_words:
        return _why_not(max(same_words, key=_is_final_and_highest))
    if near:
        best = max(near, key=_highest_first)
        return f"no tag has exactly that variant; the nearest is {best}"
    if any(operator == "x" for operator, _ in bounds):
        begins = Comparator(operator="=", text=selector.comparators[0].text)
        unfilled = choose(replace(selector, comparators=(begins,)), table)
        if unfilled is not None:
            return f"{unfilled} has no number in the wildcard's place"
    return ""


def _is_final_and_highest(tag: Tag) -> tuple[bool, tuple[object, ...]]:
    return (not tag.is_prerelease, _highest_first(tag))


def _why_not(nearest: Tag) -> str:
    """Why a tag of the words and numbers asked for is no answer."""
    if nearest.is_prerelease:
        return f"only pre-releases match, such as {nearest}"
    return f"the nearest is {nearest}, counted otherwise or a development version"
