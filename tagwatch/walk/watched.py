"""The watch list, read: a target for each tag that it comes to, made when it is looked at.

A night may watch a hundred thousand tags; as targets they were a quarter of its memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.evidence import evidence_key
from tagwatch.config.settings import Watch
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.selector import SelectorKind, parse_selector, select
from tagwatch.image.snapshot import Remark
from tagwatch.source.target import Target
from tagwatch.value import dataclass, replace
from tagwatch.walk.ask import pattern_of

__all__ = ["Watched", "idle", "watched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What one entry comes to in one repository: a range as a whole, or `tags`."""

    watch: Watch
    repository: Repository
    selector: str | None = None
    tags: tuple[str, ...] = ()

    def __len__(self) -> int:
        return 1 if self.selector else len(self.tags)

    def __iter__(self) -> Iterator[Target]:
        for tag in self.tags if self.selector is None else (None,):
            yield self._target(tag)

    def __contains__(self, target: object) -> bool:
        return any(target == one for one in self)

    def _target(self, tag: str | None) -> Target:
        return Target(
            text=f"{self.repository}:{self.selector or tag}",
            location=self.watch.location,
            kind="watch",
            reference=Reference(repository=self.repository, tag=tag),
            selector=self.selector,
        )


def watched(
    watches: Iterable[Watch], memory: Memory, *, beside: Iterable[str | None]
) -> Iterator[Watched]:
    """What the watches of one repository come to, each image once: not those of these keys."""
    told = set(beside)
    for watch in watches:
        for text in watch.tags or ("*",):
            found = _watched(watch, text, memory)
            new = [target for target in found if evidence_key(target) not in told]
            told.update(map(evidence_key, new))
            if new:
                named = (one.reference.tag for one in new if one.reference is not None)
                yield replace(found, tags=tuple(filter(None, named)))


def idle(watches: Iterable[Watch], memory: Memory, found: Iterable[Watched]) -> Iterator[Remark]:
    """What of the watches comes to no tag of a repository whose tags are known.

    `found`: what `watched` gave: of most entries it is all there is to know.
    """
    if not memory.table.tags:
        return
    busy = {id(one.watch) for one in found}
    for watch in watches:
        if id(watch) in busy and len(watch.tags) < 2:
            continue
        for text in watch.tags or ("*",):
            if not len(_watched(watch, text, memory)):
                named = f"{watch.location}: no tag that is known matches {text!r}"
                globs = " and its `include` and `exclude`" if watch.include or watch.exclude else ""
                yield Remark(repository=memory.repository, message=f"{named}{globs}")


def _watched(watch: Watch, text: str, memory: Memory) -> Watched:
    """A tag watched by its name, or every one that `*` or a regex finds; a range as a whole."""
    pattern = pattern_of(watch, text)
    if pattern is None:
        return Watched(watch=watch, repository=memory.repository, tags=(text,))
    selector = parse_selector(text)
    if selector.kind is SelectorKind.RANGE:
        return Watched(watch=watch, repository=memory.repository, selector=text)
    found = [tag.text for tag in select(selector, memory.table) if pattern.lets_through(tag.text)]
    return Watched(watch=watch, repository=memory.repository, tags=tuple(found[: watch.max_tags]))
