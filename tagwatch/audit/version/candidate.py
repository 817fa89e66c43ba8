"""Which tags to ask where a registry gives names without digests: the fewest that can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from operator import attrgetter

from tagwatch.image.digest import Digest
from tagwatch.image.selector import Selector, choose
from tagwatch.image.tag import Kind, Tag
from tagwatch.image.tag_table import TagTable, is_development_word
from tagwatch.image.token import PRERELEASE_RANK, token_of
from tagwatch.value import replace

__all__ = [
    "MOST_TOLD",
    "aliases_told",
    "candidates",
    "concrete_of",
    "is_settled",
    "most_specific",
    "word_distance",
]

_LIMIT = 20
_HEAD_START = 4
"""How many tags of the very words asked for come before one of each other kind."""


def candidates(
    query: str | Selector,
    tags: Mapping[str, Digest | None] | Iterable[str] | TagTable,
    *,
    limit: int = _LIMIT,
) -> list[str]:
    """The other tags to ask, where a registry gives no digests in bulk, to say what `query` is.

    Only tags whose digest is not known in `tags`; empty means that nothing more is worth a request.
    For a tag: ask in order and stop at the first that serves the same digest. Newest first; tags of
    the same words, then tags with others; final versions before pre-releases. For a selector: its
    best tag, and what could show that this tag is a pre-release or a development version after all;
    ask them all, and again with what was learnt until there are none.
    """
    table = TagTable.of(tags)
    found = _rivals(query, table) if isinstance(query, Selector) else _names(query, table, limit)
    return list(dict.fromkeys(text for text in found if table.digests.get(text) is None))[:limit]


def _names(tag: str, table: TagTable, limit: int) -> list[str]:
    """The tags that may say what `tag` is, unless one is known to."""
    asked = table.read(tag)
    if asked.kind in (Kind.COMMIT, Kind.ARTIFACT, Kind.PULL_REQUEST):
        return []
    known = table.digests.get(tag) is not None
    concrete = concrete_of(asked, table)
    if known and concrete is not None and is_settled(concrete, asked, table):
        return []
    found = [other for level in _unasked(asked, table) for other in _spread(level, asked)]
    return [text for other in found[:limit] for text in _with_stage(other, table)]


def is_settled(concrete: Tag, asked: Tag, table: TagTable) -> bool:
    """True where no tag whose digest is not known could say better what `asked` is.

    An alias that was found needs no name of other words beside it, the tag itself does.
    """
    if table.is_whole:
        return True
    if table.is_general(concrete, known=False):
        return False
    return not any(_unasked(concrete, table)[: None if concrete is asked else 1])


def _unasked(asked: Tag, table: TagTable) -> tuple[list[Tag], ...]:
    """Tags of unknown digest that may say more exactly what `asked` is, in three levels.

    Of its words or of more; of fewer (`2026-lta-developer` is `2026.1.5-developer`); and where
    there are none of its own, longer numbers of any words (`22-jdk` is `22.0.2-al2023`).
    """
    others = [
        other
        for other in table.tags.values()
        if other.text != asked.text and _is_final(asked, other, table)
    ]
    if any(_is_date_of(asked, other) for other in others):
        others = [
            other for other in others if other.kind is Kind.VERSION or _is_date_of(asked, other)
        ]
    stems = _stems(asked)
    named = [other for other in others if _stems(other) >= stems]
    levels = [named, [other for other in others if _stems(other) < stems]]
    if not levels[1] and all(other.kind is not Kind.VERSION for other in named):
        levels.append([other for other in others if len(other.release) > len(asked.release)])
    return tuple(
        [other for other in level if table.digests[other.text] is None] for level in levels
    )


def _is_final(asked: Tag, other: Tag, table: TagTable) -> bool:
    """True where `other` may say more exactly what `asked` is, and no tag says it better yet."""
    if other.kind is Kind.DATED:
        return asked.kind is Kind.WORD
    length = len(asked.release)
    if asked.date and asked.release:
        length = max(length, len(other.release))  # a dated version has no more numbers to come
    return (
        other.kind is Kind.VERSION
        and other.release[:length] == asked.release
        and other.revision[: len(asked.revision)] == asked.revision
        and _is_stage(asked, other, table)
        and (other.weight > asked.weight or asked.kind is Kind.DATED)
        and not table.is_general(other)
    )


def _is_stage(asked: Tag, other: Tag, table: TagTable) -> bool:
    """True for final versions and the last of each stage; by its number, for one stage alone."""
    if asked.pre is not None and len(asked.pre) > 1:
        return (other.pre or ())[: len(asked.pre)] == asked.pre
    if other.pre is None:
        return True
    if asked.pre is None and other.release == asked.release:
        return other is table.stage_of(asked)
    return other is table.stage_of(replace(other, pre=other.pre[:1], revision=(), date=()))


def _is_date_of(asked: Tag, other: Tag) -> bool:
    return other.kind is Kind.DATED and other.rolling in (asked.rolling, ())


def _stems(tag: Tag) -> Counter[str]:
    """The words without their numbers: `-alpine` may be `-alpine3.20`, never `-slim`."""
    return Counter(token_of(word.partition("-")[0]).stem for word in tag.words)


def _spread(found: Iterable[Tag], asked: Tag) -> list[Tag]:
    """Newest first; of the very words asked for all, of others the newest of each kind in turn.

    Pre-releases come last, save those of the stage asked for (`8.6-rc`, `rc-alpine`).
    """
    wanted = Counter(asked.words)
    stages = {PRERELEASE_RANK.get(word.lower()) for word in asked.rolling} - {None}
    if asked.pre is not None:
        stages = {asked.pre[0]}

    def is_late(tag: Tag) -> bool:
        return (tag.pre or (None,))[0] not in stages if stages else tag.is_prerelease

    turns: Counter[tuple[object, ...]] = Counter()
    order: dict[str, tuple[int, int, int]] = {}
    ranked = sorted(found, key=lambda tag: (not is_late(tag), tag), reverse=True)
    for tag in ranked:
        distance = word_distance(Counter(tag.words), wanted)
        group = (tag.words, tag.scheme, is_late(tag))
        turn = turns[group]
        if tag.kind is Kind.DATED:
            turn += 1  # a version says more than a date
        elif not distance:
            turn //= _HEAD_START
        order[tag.text] = (turn + (_HEAD_START if group[2] else 0), distance, turns[group])
        turns[group] += 1
    return sorted(ranked, key=lambda tag: order[tag.text])


def _with_stage(tag: Tag, table: TagTable) -> list[str]:
    """`tag`, behind the pre-release of the same number that it may really be (`haxe:5.0.0`)."""
    stage = table.stage_of(tag)
    unknown = stage is not None and table.digests[stage.text] is None
    return [stage.text, tag.text] if stage and unknown else [tag.text]


def _rivals(selector: Selector, table: TagTable) -> list[str]:
    """The best tag of `selector`, and the tags whose digests could show it is not what it seems."""
    chosen = choose(selector, table)
    if chosen is None:
        return []
    rivals = [
        other
        for other in table.tags.values()
        if is_development_word(other)
        or other.text == "latest"
        or (
            other.release == chosen.release
            and other.weight > chosen.weight
            and other.words == chosen.words
        )
    ]
    more = _names(chosen.text, table, _HEAD_START) if table.digests[chosen.text] else []
    return [chosen.text, *(other.text for other in sorted(rivals, reverse=True)), *more]


MOST_TOLD = 100
"""A registry may serve one image under all its tags: each would tell of all the others."""


def aliases_told(group: Sequence[str], *always: str) -> tuple[tuple[str, ...], int]:
    """Names of an alias group, sorted, those of `always` among them; and how many more there are.

    >>> aliases_told(["7.4", "7"], "7")
    (('7', '7.4'), 0)
    """
    if len(group) <= MOST_TOLD:
        return tuple(sorted(group)), 0
    first = (name for name in group if name not in always)
    told = {*always, *islice(first, MOST_TOLD - len(set(always)))}
    return tuple(sorted(told)), len(group) - len(told)


def concrete_of(asked: Tag, table: TagTable) -> Tag | None:
    """The version tag that says most exactly what `asked` is: itself, where none gives more."""
    digest = table.digests.get(asked.text)
    if (
        digest is not None
        and asked.kind is Kind.VERSION
        and asked.text not in table.released
        and asked.weight == table.weights[digest]
    ):
        return asked
    return most_specific(asked, table.contenders(asked), Kind.VERSION)


def most_specific(asked: Tag, group: Iterable[Tag], kind: Kind) -> Tag | None:
    """The alias that says most exactly what `asked` is.

    Most numbers first; among equals the one whose number begins with the number asked for, the
    same words, words that contain those asked for, the fewest other words, the same `v`, the tag
    itself, the highest version (an image that took over its predecessor's name), the shortest.
    """

    def foremost(alias: Tag) -> tuple[int, bool, bool]:
        return (
            -alias.weight,
            alias.release[: len(asked.release)] != asked.release,
            alias.words != asked.words,
        )

    found = [alias for alias in group if alias.kind is kind]
    if len(found) > 1:  # what words weigh is counted for the few that differ in nothing else
        first = min(map(foremost, found))
        found = [alias for alias in found if foremost(alias) == first]
    if len(found) < 2:
        return next(iter(found), None)
    wanted = Counter(asked.words)
    named = Counter(asked.words + asked.rolling)

    def preference(alias: Tag) -> tuple[object, ...]:
        words = Counter(alias.words)
        return (
            not words >= wanted,
            word_distance(words, wanted),
            word_distance(Counter(alias.words + alias.rolling), named),
            alias.v != asked.v,
            alias.text != asked.text,
        )

    shortest_first = sorted(found, key=lambda alias: (len(alias.text), alias.text))
    highest_first = sorted(shortest_first, key=attrgetter("precedence"), reverse=True)
    return min(highest_first, key=preference)


def word_distance(left: Counter[str], right: Counter[str]) -> int:
    return ((left - right) + (right - left)).total()
