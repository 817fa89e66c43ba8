"""The tags to ask about where a registry lists names without digests: as few as possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from operator import attrgetter

from tagwatch.image.digest import Digest
from tagwatch.image.order import plain_words, windows_build
from tagwatch.image.selection import choose
from tagwatch.image.selector import Selector
from tagwatch.image.tag import Kind, Tag
from tagwatch.image.tag_table import TagTable, is_development_word
from tagwatch.image.token import COUNTERS, PRERELEASE_RANK, token_of
from tagwatch.value import replace

__all__ = [
    "MOST_TOLD",
    "aliases_told",
    "candidates",
    "concrete_of",
    "is_settled",
    "missing_words",
    "most_specific",
    "word_distance",
]

_LIMIT = 20
_FULL_VERSION = 3
_HEAD_START = 4
"""How many tags with exactly the words asked for come before one tag of each other kind."""


def candidates(
    query: str | Selector,
    tags: Mapping[str, Digest | None] | Iterable[str] | TagTable,
    *,
    limit: int = _LIMIT,
) -> list[str]:
    """Return the other tags to ask about to find out what `query` is, at most `limit`.

    Only tags whose digest is unknown in `tags` are returned, and each costs a request; an empty
    list means that no request can tell more.

    For a tag, ask in order and stop at the first tag that serves the same digest. The newest tags
    come first, tags with the same words before others, final versions before pre-releases.

    For a selector, the list is its best tag and the tags that could show that this one is really a
    pre-release or a development version. Ask about all of them, then call again with the digests
    learnt, until the list is empty.
    """
    table = TagTable.of(tags)
    found = _rivals(query, table) if isinstance(query, Selector) else _names(query, table, limit)
    return list(dict.fromkeys(text for text in found if table.digests.get(text) is None))[:limit]


def _names(tag: str, table: TagTable, limit: int) -> list[str]:
    """Return the tags that may say what `tag` is; none where that is already known."""
    asked = table.read(tag)
    if asked.kind in (Kind.COMMIT, Kind.ARTIFACT, Kind.PULL_REQUEST):
        return []
    known = table.digests.get(tag) is not None
    concrete = concrete_of(asked, table)
    if known and concrete is not None and is_settled(concrete, asked, table):
        return []
    found = [other for level in _unasked(asked, table) for other in _spread(level, asked)]
    found = [other for other in found if not _is_twin(other, asked, table)]
    first, later = found[:_HEAD_START], found[_HEAD_START:limit]
    return [
        *(text for other in first for text in _with_doubt(other, table)),
        *(text for other in later for text in _with_stage(other, table)),
    ]


def _is_twin(other: Tag, asked: Tag, table: TagTable) -> bool:
    """Return True for another name of a build that is asked under its plain name.

    `version-10.11.8` and `amd64-10.11.8` beside `10.11.8`, unless it is those that are asked for.
    """
    words = plain_words(other, kept=asked.words)
    return words != other.words and table.names(other, words)


def is_settled(concrete: Tag, asked: Tag, table: TagTable) -> bool:
    """Return True where no tag of unknown digest could say more exactly what `asked` is.

    Where `concrete` is an alias, only tags with its words, or with more, could; where it is `asked`
    itself, tags with other words could, too.
    """
    if table.is_whole:
        return True
    if table.is_general(concrete, known=False):
        return False
    return not any(_unasked(concrete, table)[: None if concrete is asked else 1])


def _unasked(asked: Tag, table: TagTable) -> tuple[list[Tag], ...]:
    """Return tags of unknown digest that may say more exactly what `asked` is, in three levels.

    First tags with its words or more; then with fewer (`2026-lta-developer` is
    `2026.1.5-developer`). Where the first level has no version and the second is empty, tags with
    longer numbers and any words follow (`22-jdk` is `22.0.2-al2023`).
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
    """Return True where `other` may say more exactly what `asked` is, and no name is more exact."""
    if other.kind is Kind.DATED:
        return asked.kind is Kind.WORD
    if other.kind is not Kind.VERSION:
        return False
    length = len(asked.release)
    if asked.date and asked.release:
        length = max(length, len(other.release))  # a version with a date is complete
    if other.release[:length] != asked.release:
        return False  # first, as it is cheap: all tags of a repository are looked at
    build = windows_build(other)
    return (
        (build is None or windows_build(asked) in (None, build))
        and other.revision[: len(asked.revision)] == asked.revision
        and _is_stage(asked, other, table)
        and (other.weight > asked.weight or asked.kind is Kind.DATED)
        and not table.is_general(other)
    )


def _is_stage(asked: Tag, other: Tag, table: TagTable) -> bool:
    """Return True for final versions and the last pre-release of each stage.

    Where `asked` names a numbered pre-release (`8.6-rc1`), return True for that one only.
    """
    if asked.pre is not None and len(asked.pre) > 1:
        return (other.pre or ())[: len(asked.pre)] == asked.pre
    if other.pre is None:
        return True
    if asked.pre is None and other.release == asked.release:
        return other is table.stage_of(asked)
    return other is table.stage_of(replace(other, pre=other.pre[:1], revision=(), date=()))


def _is_date_of(asked: Tag, other: Tag) -> bool:
    if other.kind is not Kind.DATED:
        return False
    words = tuple(word for word in other.rolling if word.lower() not in COUNTERS)
    return words in (asked.rolling, ())  # server-b4719 is a build of server


def _stems(tag: Tag) -> Counter[str]:
    """Count the words without their numbers: `-alpine` may be `-alpine3.20`, but never `-slim`."""
    return _stems_of(tag.words)


def _stems_of(words: Iterable[str]) -> Counter[str]:
    return Counter(token_of(word.partition("-")[0]).stem for word in words)


def _spread(found: Sequence[Tag], asked: Tag) -> list[Tag]:
    """Sort tags by how soon to ask: the newest first, kind by kind in turn.

    Tags with the same words and scheme are one kind. The kind with exactly the words asked for has
    `_HEAD_START` tags in each turn, every other kind has one. Pre-releases come `_HEAD_START` turns
    later, except those of the stage asked for (`8.6-rc`, `rc-alpine`).
    """
    led = {word for tag in found for word in tag.product}  # develop-4.0.8 says what develop is
    wanted = Counter((*asked.words, *led.intersection(asked.rolling)))
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


def _with_doubt(tag: Tag, table: TagTable) -> list[str]:
    """Return what `_with_stage` does, then the version itself where `tag` counts builds of it.

    A build that no other name has may be another image (`26.2.5-0` beside `26.2.5`).
    """
    bare = table.without_revision(tag)
    if bare is None or len(bare.release) < _FULL_VERSION:
        return _with_stage(tag, table)
    return [*_with_stage(tag, table), bare.text]


def _with_stage(tag: Tag, table: TagTable) -> list[str]:
    """Return `tag`, after the pre-release of its number that it may really be (`haxe:5.0.0`)."""
    stage = table.stage_of(tag)
    unknown = stage is not None and table.digests[stage.text] is None
    return [stage.text, tag.text] if stage and unknown else [tag.text]


def _rivals(selector: Selector, table: TagTable) -> list[str]:
    """Return the best tag of `selector`, and tags that could show that it is not what it seems."""
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
"""The most aliases to list: where one image has all tags, each tag would list all the others."""


def aliases_told(group: Sequence[str], *always: str) -> tuple[tuple[str, ...], int]:
    """Return names of an alias group, sorted, with those of `always`; and how many are left out.

    >>> aliases_told(["7.4", "7"], "7")
    (('7', '7.4'), 0)
    """
    if len(group) <= MOST_TOLD:
        return tuple(sorted(group)), 0
    first = (name for name in group if name not in always)
    told = {*always, *islice(first, MOST_TOLD - len(set(always)))}
    return tuple(sorted(told)), len(group) - len(told)


def concrete_of(asked: Tag, table: TagTable) -> Tag | None:
    """Return the version tag that says most exactly what `asked` is, or None where none does.

    It is `asked` itself where no alias gives more numbers.
    """
    digest = table.digests.get(asked.text)
    # A shortcut: no alias gives more numbers, so there is nothing to compare.
    if (
        digest is not None
        and asked.kind is Kind.VERSION
        and asked.text not in table.released
        and asked.weight == table.weights[digest]
    ):
        return asked
    return most_specific(asked, table.contenders(asked), Kind.VERSION)


def most_specific(asked: Tag, group: Iterable[Tag], kind: Kind) -> Tag | None:
    """Return the alias of this kind that says most exactly what `asked` is, or None.

    The most numbers win. Among equals decide, in this order: a number that begins with the number
    asked for, the same words, words that contain those asked for (`alpine` is in `alpine3.24`),
    the fewest other words, the same `v`, the tag itself, the highest version (an image that took
    over its predecessor's name), the shortest text.
    """

    def foremost(alias: Tag) -> tuple[int, bool, bool]:
        return (
            -alias.weight,
            alias.release[: len(asked.release)] != asked.release,
            alias.words != asked.words,
        )

    found = [alias for alias in group if alias.kind is kind]
    if len(found) > 1:  # counting words is slow: only for the few that are equal in all else
        first = min(map(foremost, found))
        found = [alias for alias in found if foremost(alias) == first]
    if len(found) < 2:
        return next(iter(found), None)
    wanted = Counter(asked.words)
    named = Counter(asked.words + asked.rolling)

    def preference(alias: Tag) -> tuple[object, ...]:
        words = Counter(alias.words)
        return (
            missing_words(asked, alias).total(),
            word_distance(words, wanted),
            word_distance(Counter(alias.words + alias.rolling), named),
            alias.v != asked.v,
            alias.text != asked.text,
        )

    shortest_first = sorted(found, key=lambda alias: (len(alias.text), alias.text))
    highest_first = sorted(shortest_first, key=attrgetter("precedence"), reverse=True)
    return min(highest_first, key=preference)


def missing_words(asked: Tag, alias: Tag) -> Counter[str]:
    """Count the words of `asked` that `alias` lacks: `alpine3.24` keeps `alpine`, not `alpine3.20`.

    Each word keeps one.
    """
    missing = Counter(asked.words) - Counter(alias.words)
    if not missing:
        return missing
    left = _stems_of((Counter(alias.words) - Counter(asked.words)).elements())
    return missing - Counter(word for word in missing.elements() if _takes(left, word))


def _takes(left: Counter[str], word: str) -> bool:
    left[word] -= 1
    return left[word] >= 0


def word_distance(left: Counter[str], right: Counter[str]) -> int:
    """Return how many words only one of the two has."""
    return ((left - right) + (right - left)).total()
