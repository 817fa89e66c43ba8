"""Which tags to ask where a registry gives names without digests: the fewest that can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tagwatch.audit.alias import most_specific, word_distance
from tagwatch.image.digest import Digest
from tagwatch.image.selector import Selector, choose
from tagwatch.image.tag import Kind, Tag
from tagwatch.image.tag_table import TagTable, is_development_word
from tagwatch.image.token import token_of

__all__ = ["candidates", "is_settled"]

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
    concrete = most_specific(asked, table.aliases(asked), Kind.VERSION)
    if table.digests.get(tag) is not None and concrete is not None and is_settled(concrete, table):
        return []
    found = _spread(_unasked(asked, table), asked)[:limit]
    return [text for other in found for text in _with_stage(other, table)]


def is_settled(tag: Tag, table: TagTable) -> bool:
    """True where no tag whose digest is not known could say more exactly what `tag` is."""
    if table.is_whole:
        return True
    return not table.is_general(tag, known=False) and not _unasked(tag, table)


def _unasked(asked: Tag, table: TagTable) -> list[Tag]:
    """Tags of unknown digest that may say more exactly what `asked` is: of its words, or of more.

    Of fewer words only where there are no others: `2026-lta-developer` is `2026.1.5-developer`.
    """
    others = [
        other
        for other in table.tags.values()
        if other.text != asked.text
        and table.digests[other.text] is None
        and _is_final(asked, other, table)
    ]
    stems = _stems(asked)
    named = [other for other in others if _stems(other) >= stems]
    if any(other.kind is Kind.VERSION for other in named):
        return named
    return named + [other for other in others if _stems(other) < stems]


def _is_final(asked: Tag, other: Tag, table: TagTable) -> bool:
    """True where `other` may say more exactly what `asked` is, and no tag says it better yet."""
    if other.kind is Kind.DATED:
        return asked.kind is Kind.WORD and other.rolling in (asked.rolling, ())
    length = len(asked.release)
    if asked.date and asked.release:
        length = max(length, len(other.release))  # a dated version has no more numbers to come
    return (
        other.kind is Kind.VERSION
        and other.release[:length] == asked.release
        and (other.weight > asked.weight or asked.kind is Kind.DATED)
        and not table.is_general(other)
    )


def _stems(tag: Tag) -> Counter[str]:
    """The words without their numbers: `-alpine` may be `-alpine3.20`, never `-slim`."""
    return Counter(token_of(word.partition("-")[0]).stem for word in tag.words)


def _spread(found: Iterable[Tag], asked: Tag) -> list[Tag]:
    """Newest first; of the very words asked for all, of others the newest of each kind in turn."""
    wanted = Counter(asked.words)
    turns: Counter[tuple[object, ...]] = Counter()
    order: dict[str, tuple[int, int, int]] = {}
    ranked = sorted(found, key=lambda tag: (not tag.is_prerelease, tag), reverse=True)
    for tag in ranked:
        distance = word_distance(Counter(tag.words), wanted)
        group = (tag.words, tag.scheme, tag.is_prerelease and not asked.is_prerelease)
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
    return [chosen.text, *(other.text for other in sorted(rivals, reverse=True))]
