"""The watch list: prefixes become repositories, entries become wants, and then targets.

An entry names an image with tags or patterns, or every repository below a prefix
(`registry.example/shop/*`). The bases that the policy calls immutable are watched, too, because any
other digest under their tags must be reported. Other bases are followed only for the images that
are built on them.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.evidence import evidence_key
from tagwatch.audit.model.policy import ApprovedBase, Policy
from tagwatch.config.settings import Watch
from tagwatch.crawl.plan import Want
from tagwatch.crawl.task import Pattern
from tagwatch.errors import NotFoundError
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.selection import select
from tagwatch.image.selector import SelectorKind, is_pattern, parse_selector
from tagwatch.image.snapshot import Remark
from tagwatch.source.target import Location, Target
from tagwatch.value import dataclass, replace

__all__ = [
    "Keys",
    "Names",
    "Prefix",
    "Watched",
    "below",
    "idle",
    "immutable_bases",
    "is_watched",
    "nothing_below",
    "places_of",
    "prefix_of",
    "want_of_watch",
    "wants_of_bases",
    "watched",
    "within",
]

_ANY = "any"
"""A name in place of the `*` of a prefix, so that it can be parsed like a repository."""
_LONG = 8_000
"""Characters of names; to look for one in more takes longer than to look up its place."""
_GLOB = re.compile(r"[*?\[]")
# What files name has priority 0: see `CrawlTask.priority`.
_PRIORITY = 1
_PRIORITY_OF_BASES = 2


class Prefix(NamedTuple):
    """The beginning of repositories' names."""

    host: str
    path: str
    """Empty, or ends in `/`."""

    @property
    def repository(self) -> Repository:
        """A repository that stands for the prefix, for failures and places."""
        return Repository(registry=self.host, path=self.path.rstrip("/") or "*")


def prefix_of(image: str) -> Prefix | None:
    """Return the prefix that a watch's image names; None where it names one repository.

    >>> prefix_of("registry.example/*"), prefix_of("acme/*"), prefix_of("acme/app")
    (Prefix(host='registry.example', path=''), Prefix(host='docker.io', path='acme/'), None)
    """
    if not image.endswith("/*"):
        return None
    repository = Repository.parse(image.removesuffix("*") + _ANY).identity
    return Prefix(repository.host, repository.path.removesuffix(_ANY))


def below(watch: Watch, prefix: Prefix, found: Iterable[Repository]) -> Iterator[Watch]:
    """Yield one watch for each repository that `include` and `exclude` let through.

    A glob of `include` is about repositories if it matches the name of one below the prefix (its
    last part, or all of it after the prefix): then only such repositories are watched. Else it is
    about tags. A repository that a glob of `exclude` matches is left out.
    """
    named = {one: _names(one, prefix) for one in sorted(found)}
    every = [name for names in named.values() for name in names]
    kept = [glob for glob in watch.include if _matches(glob, every)]
    tags = tuple(glob for glob in watch.include if glob not in kept)
    for repository, names in named.items():
        wanted = not kept or any(_matches(glob, names) for glob in kept)
        if wanted and not any(_matches(glob, names) for glob in watch.exclude):
            yield replace(watch, image=repository.name, include=tags)


def within(watches: Iterable[Watch], scope: frozenset[Repository] | None) -> tuple[Watch, ...]:
    """Return what the watches say of the repositories of a scope; all of them where it is None.

    Of a prefix, one watch for each repository of the scope below it: no listing is needed.
    """
    if scope is None:
        return tuple(watches)
    found: list[Watch] = []
    for watch in watches:
        prefix = prefix_of(watch.image)
        if prefix is None:
            found += [watch] if Repository.parse(watch.image).identity in scope else []
        else:
            found += below(watch, prefix, (one for one in scope if _is_below(one, prefix)))
    return tuple(found)


def is_watched(
    repository: Repository, watches: Iterable[Watch], scope: frozenset[Repository] | None
) -> bool:
    """Return True where a watch names the repository or a prefix of it, and the scope has it."""
    if scope is not None and repository not in scope:
        return False
    return bool(within(watches, frozenset({repository})))


def _is_below(repository: Repository, prefix: Prefix) -> bool:
    return repository.host == prefix.host and repository.path.startswith(prefix.path)


def nothing_below(watch: Watch, listed: int) -> NotFoundError:
    """Return the error for a prefix that watches none of the repositories `listed` below it."""
    if listed:
        message = f"none of the {listed} repositories below it passes `include` and `exclude`"
        return NotFoundError(f"{watch.image}: {message}", hint="correct the globs of this watch")
    return NotFoundError(
        f"{watch.image}: its registry lists no repository below it",
        hint="correct the prefix, or log in as somebody who sees them: `tagwatch doctor` says who",
    )


def places_of(watches: Iterable[Watch]) -> Mapping[Repository, Location]:
    """Return where the watch list first names each repository or prefix."""
    found: dict[Repository, Location] = {}
    for watch in watches:
        prefix = prefix_of(watch.image)
        named = prefix.repository if prefix else Repository.parse(watch.image).identity
        found.setdefault(named, watch.location)
    return found


def immutable_bases(policy: Policy) -> tuple[Watch, ...]:
    """Return a watch of each base that the policy calls immutable, located where it is named.

    A base without `tags` is left out: which of its tags are read depends on the images.
    """
    return tuple(
        watch
        for base in policy.followed_bases
        if base.immutable
        for watch in _watches_of_base(base)
    )


def _watches_of_base(base: ApprovedBase) -> Iterator[Watch]:
    if base.place is None:
        return
    globs = tuple(tag for tag in base.tags if _GLOB.search(tag) or is_pattern(tag))
    names = tuple(tag for tag in base.tags if tag not in globs)
    if names:
        yield Watch(image=base.reference, tags=names, location=base.place)
    if globs:
        yield Watch(image=base.reference, include=globs, location=base.place)


def want_of_watch(watch: Watch) -> Want:
    """Return what an entry asks of its repository."""
    patterns = {text: _pattern_of(watch, text) for text in watch.tags or ("*",)}
    return Want(
        repository=Repository.parse(watch.image).identity,
        tags=frozenset(text for text, pattern in patterns.items() if pattern is None),
        patterns=frozenset(pattern for pattern in patterns.values() if pattern is not None),
        priority=_PRIORITY,
    )


def wants_of_bases(policy: Policy) -> Iterator[Want]:
    """Yield what to ask of each base that the policy follows.

    Of a base without `tags` only the names are asked: which of them to read depends on the images.
    """
    for base in policy.followed_bases:
        globs = frozenset(tag for tag in base.tags if _GLOB.search(tag))
        yield Want(
            repository=Repository.parse(base.reference).identity,
            tags=frozenset(base.tags) - globs,
            patterns=frozenset(Pattern(selector="*", include=(glob,)) for glob in globs),
            priority=_PRIORITY_OF_BASES,
        )


@lru_cache(maxsize=64)
def _places_in(lines: str) -> array[int]:
    """Return the place of each name in the text, behind its checksum, sorted.

    A set takes twenty times as much: of three wide entries not all could be kept, and who looks
    here and there made each anew for one name.
    """
    places, at = array("Q"), 0
    for name in lines[1:-1].split("\n"):
        places.append(crc32(name.encode()) << 32 | at)
        at += len(name) + 1
    return array("Q", sorted(places))


def _is_in(line: str, lines: str) -> bool:
    """Return True where the text has this line, which begins and ends with a line end."""
    places = _places_in(lines)
    known = crc32(line[1:-1].encode()) << 32
    for number in range(bisect_left(places, known), len(places)):
        if places[number] >> 32 << 32 != known:
            return False
        if lines.startswith(line, places[number] - known):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Names(Collection[str]):
    """Names of tags in their order, as text: as values of their own they take seven times as much.

    >>> "1.0" in Names.of(["1.0.1", "1.1"]), list(Names.of(["1.0.1", "1.1"]))
    (False, ['1.0.1', '1.1'])
    """

    lines: str
    """One name a line, each with its end, after an empty one."""

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """Return the names. No name of a tag has a line end in it."""
        return cls("\n".join(("", *names, "")))

    def __len__(self) -> int:
        return self.lines.count("\n") - 1

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines[1:-1].split("\n") if self else ())

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        line = f"\n{name}\n"
        return _is_in(line, self.lines) if len(self.lines) > _LONG else line in self.lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The targets of one entry in one repository, made each time they are iterated over.

    A scan may watch a hundred thousand tags; kept as targets they took a quarter of its memory.
    """

    watch: Watch
    repository: Repository
    selector: str | None = None
    """A range, which is one target as a whole; None: there is one target a tag."""
    tags: Collection[str] = ()
    number: int | None = None
    """That of the list in which the last answer has them; None: they are listed anew."""

    @property
    def location(self) -> Location:
        """Where all of them stand."""
        return self.watch.location

    @property
    def keys(self) -> Iterator[str]:
        """Their evidence keys."""
        for name in self.tags if self.selector is None else (self.selector,):
            yield f"{self.repository.name}:{name}"

    def has(self, key: str) -> bool:
        """Return True where a target of these has this evidence key."""
        name = f"{self.repository.name}:"
        told = key.removeprefix(name)
        if told is key:
            return False
        return told in self.tags if self.selector is None else told == self.selector

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys(Collection[str]):
    """The evidence keys of a repository, made each time they are iterated over."""

    in_files: tuple[str, ...]
    """Those of what files name."""
    listed: Sequence[Watched]
    """What the watch list comes to beside them."""

    def __len__(self) -> int:
        return len(self.in_files) + sum(map(len, self.listed))

    def __iter__(self) -> Iterator[str]:
        yield from self.in_files
        for one in self.listed:
            yield from one.keys

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        return key in self.in_files or any(one.has(key) for one in self.listed)


def watched(
    watches: Iterable[Watch], memory: Memory, *, beside: Iterable[str | None]
) -> Iterator[Watched]:
    """Yield the targets of the watches of one repository, each image once.

    `beside`: evidence keys of what files name; these are left out.
    """
    known = set(beside)
    for watch in watches:
        for text in watch.tags or ("*",):
            found, any_new = _watched(watch, text, memory), False
            tags = []  # and no targets: there may be twenty thousand
            for target in found:
                if (key := evidence_key(target)) not in known:
                    known.add(key)
                    any_new = True
                    if target.reference is not None and target.reference.tag:
                        tags.append(target.reference.tag)
            if any_new:
                yield replace(found, tags=Names.of(tags))


def idle(watches: Iterable[Watch], memory: Memory, found: Iterable[Watched]) -> Iterator[Remark]:
    """Yield a remark for each entry that matches no known tag of the repository.

    `found`: what `watched` yielded. Nothing is said of a repository whose tags are not known.
    """
    if not memory.table.tags:
        return
    busy = {id(one.watch) for one in found}
    for watch in watches:
        if id(watch) in busy and len(watch.tags) < 2:  # of several, one may still match nothing
            continue
        for text in watch.tags or ("*",):
            if not len(_watched(watch, text, memory)):
                named = f"{watch.location}: no tag that is known matches {text!r}"
                globs = " and its `include` and `exclude`" if watch.include or watch.exclude else ""
                yield Remark(repository=memory.repository, message=f"{named}{globs}")


def _watched(watch: Watch, text: str, memory: Memory) -> Watched:
    """Return a tag watched by its name, all that `*` or a regex finds, or a range as a whole."""
    pattern = _pattern_of(watch, text)
    if pattern is None:
        return Watched(watch=watch, repository=memory.repository, tags=(text,))
    selector = parse_selector(text)
    if selector.kind is SelectorKind.RANGE:
        return Watched(watch=watch, repository=memory.repository, selector=text)
    found = [tag.text for tag in select(selector, memory.table) if pattern.lets_through(tag.text)]
    return Watched(
        watch=watch, repository=memory.repository, tags=Names.of(found[: watch.max_tags])
    )


def _pattern_of(watch: Watch, text: str) -> Pattern | None:
    """Return one of a watch's tags as a pattern; None where it is a tag's name."""
    if not is_pattern(text):
        return None
    return Pattern(
        selector=text, include=watch.include, exclude=watch.exclude, max_tags=watch.max_tags
    )


def _names(repository: Repository, prefix: Prefix) -> tuple[str, str]:
    return repository.path.removeprefix(prefix.path), repository.path.rpartition("/")[2]


def _matches(glob: str, names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for name in names)
