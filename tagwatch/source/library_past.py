"""The past of a library file as bytes: every version, written as its difference from the last one.

A version is the date of its commit and its builds. What one has in common with the version before
is a run that is copied; of what is new each field goes to a column of its own, because like
compresses well beside like. Commits and recipes are written once. The same past gives the same
bytes, and what is read back is equal to what was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from tagwatch.errors import InputError
from tagwatch.source.library import LibraryBuild

__all__ = ["LibraryVersion", "is_writable", "past_of_bytes", "past_to_bytes"]

LibraryVersion = tuple[datetime, tuple[LibraryBuild, ...]]
"""The date of a commit, and what the library file built then."""

_COLUMNS = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HASH = re.compile(r"[0-9a-f]{40}", re.ASCII)
_HASH_BYTES = 20
_PARTING = re.compile(r"[\t\n]")
_NEW_HASH, _NEW_REF, _LAST_KNOWN = range(3)
_COMMIT = "gitcommit"
_PARTS = frozenset({_COMMIT, "directory", "file"})
_LONGEST = 512
_MOST_SECONDS = 1 << 33  # the year 2242
_MOST_VERSIONS = 20_000
_MOST_BUILDS = 5_000
_MOST_SERVED = 1_000_000
"""So many builds and tags may all versions have: five times as many as the largest image of 2026.

They are what the work of reading a past grows with.
"""
_BITS = 7
_MORE = 1 << _BITS
_MOST_BITS = 63


def is_writable(version: LibraryVersion) -> bool:
    """Return True for a version that `past_to_bytes` takes: printable words of usual lengths."""
    at, builds = version
    dated = at.tzinfo is not None and 0 <= at.timestamp() < _MOST_SECONDS and not at.microsecond
    return dated and len(builds) <= _MOST_BUILDS and all(map(_is_plain, builds))


def _is_plain(build: LibraryBuild) -> bool:
    """Return True where no word or text holds what parts them; tags can be shown, too."""
    tags = (*build.tags, *build.shared_tags)
    words = (*tags, *build.architectures)
    texts = (build.commit, *_recipe(build), *words)
    return (
        all(len(text) <= _LONGEST and not _PARTING.search(text) for text in texts)
        and all(word and " " not in word for word in words)
        and all(map(str.isprintable, tags))
    )


def past_to_bytes(versions: Sequence[LibraryVersion]) -> bytes:
    """Return the versions, oldest first, as bytes that are still to be compressed."""
    columns = _Written()
    before: tuple[LibraryBuild, ...] = ()
    last = 0
    columns.when.number(len(versions))
    for at, builds in versions:
        seconds = int(at.timestamp())
        columns.when.signed(seconds - last)
        columns.edit(before, builds)
        before, last = builds, seconds
    return columns.joined()


def past_of_bytes(raw: bytes) -> Iterator[LibraryVersion]:
    """Yield what was given to `past_to_bytes`. Raises `InputError`: damaged, or too much of it."""
    columns = _Read(raw)
    builds: tuple[LibraryBuild, ...] = ()
    seconds = served = 0
    for _ in range(columns.when.number(_MOST_VERSIONS)):
        seconds += columns.when.signed()
        if not 0 <= seconds < _MOST_SECONDS:
            raise InputError("a date is out of range")
        builds = columns.edited(builds)
        served += sum(1 + len(build.tags) + len(build.shared_tags) for build in builds)
        if served > _MOST_SERVED:
            raise InputError(f"its versions have more than {_MOST_SERVED:,} tags")
        yield _EPOCH + timedelta(seconds=seconds), builds
    columns.end()


def _recipe(build: LibraryBuild) -> tuple[str, ...]:
    """What a build has beside tags and commits: few differ, so each is written once."""
    fields = [build.directory, build.file, " ".join(build.architectures)]
    for architecture, part, value in build.overrides:
        fields += [architecture, part, "" if part == _COMMIT else value]
    return tuple(fields)


def _runs(
    before: Sequence[LibraryBuild], builds: Sequence[LibraryBuild]
) -> Iterator[tuple[int, Sequence[LibraryBuild]]]:
    """Yield the builds in runs: where each begins in `before`, or -1 where it is new."""
    places = {build: place for place, build in enumerate(before)}
    begun = 0
    while begun < len(builds):
        start = places.get(builds[begun], -1)
        end = begun + 1
        while end < len(builds):
            is_next = places.get(builds[end], -1) == (start if start < 0 else start + end - begun)
            if not is_next:
                break
            end += 1
        yield start, builds[begun:end]
        begun = end


class _Column(bytearray):
    """One column that is being written: numbers of few bytes, or lines."""

    def number(self, value: int) -> None:
        while value >= _MORE:
            self.append(value % _MORE + _MORE)
            value >>= _BITS
        self.append(value)

    def signed(self, value: int) -> None:
        self.number(2 * value if value >= 0 else -2 * value - 1)

    def line(self, text: str) -> None:
        self += text.encode() + b"\n"


class _Written:
    """The columns of a past, and what was written to them once."""

    def __init__(self) -> None:
        self._all = [_Column() for _ in range(_COLUMNS)]
        self.when, self._edits, self._tags, self._shared, *others = self._all
        self._named, self._hashes, self._texts, self._made = others
        self._commits: dict[str, int] = {}
        self._recipes: dict[tuple[str, ...], int] = {}

    def edit(self, before: Sequence[LibraryBuild], builds: Sequence[LibraryBuild]) -> None:
        """Write how `builds` come out of those before: runs that are copied, runs of new ones."""
        runs = list(_runs(before, builds))
        self._edits.number(len(runs))
        expected = 0
        for start, run in runs:
            self._edits.number(2 * len(run) + (start < 0))
            if start < 0:
                for build in run:
                    self._build(build)
            else:
                self._edits.signed(start - expected)
                expected = start
            expected += len(run)

    def _build(self, build: LibraryBuild) -> None:
        self._tags.line(" ".join(build.tags))
        self._shared.line(" ".join(build.shared_tags))
        recipe = _recipe(build)
        known = self._recipes.get(recipe)
        if known is None:
            self._recipes[recipe] = len(self._recipes) + 1
            self._texts.line("\t".join(recipe))
        self._made.number(known or 0)
        self._commit(build.commit)
        for _, part, value in build.overrides:
            if part == _COMMIT:
                self._commit(value)

    def _commit(self, commit: str) -> None:
        known = self._commits.get(commit)
        if known is not None:
            self._named.number(_LAST_KNOWN + len(self._commits) - known)
            return
        self._commits[commit] = len(self._commits) + 1
        if _HASH.fullmatch(commit):
            self._named.number(_NEW_HASH)
            self._hashes += bytes.fromhex(commit)
        else:
            self._named.number(_NEW_REF)
            self._texts.line(commit)

    def joined(self) -> bytes:
        """Return all columns, each after its length."""
        head = _Column()
        for column in self._all:
            head.number(len(column))
        return b"".join((head, *self._all))


class _Taken:
    """One column that is being read. Each method raises `InputError` where it has no more."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._place = 0

    def number(self, most: int = 1 << _MOST_BITS) -> int:
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= byte % _MORE << shift
            shift += _BITS
            if value > most or shift > _MOST_BITS:
                raise InputError(f"a number is larger than {most:,}")
            if byte < _MORE:
                return value

    def signed(self) -> int:
        value = self.number()
        return -(value + 1 >> 1) if value % 2 else value >> 1

    def fields(self, separator: str) -> tuple[str, ...]:
        """Return what a line holds; nothing for an empty one."""
        end = self._raw.find(b"\n", self._place)
        if end < 0:
            raise InputError("a line has no end")
        text = self._raw[self._place : end].decode("utf-8", errors="replace")
        self._place = end + 1
        found = tuple(text.split(separator)) if text else ()
        if not all(len(field) <= _LONGEST for field in found):
            raise InputError("a text is too long")
        return found

    def tags(self) -> tuple[str, ...]:
        found = self.fields(" ")
        if not all(tag and tag.isprintable() for tag in found):
            raise InputError("a tag is not printable")
        return found

    def take(self, length: int) -> bytes:
        taken = self._raw[self._place : self._place + length]
        if len(taken) < length:
            raise InputError("a column ends too early")
        self._place += length
        return taken

    def end(self) -> None:
        if self._place != len(self._raw):
            raise InputError("a column has more than its versions")


class _Read:
    """The columns of a past that is being read, and what came in them once."""

    def __init__(self, raw: bytes) -> None:
        head = _Taken(raw)
        lengths = [head.number(len(raw)) for _ in range(_COLUMNS)]
        self._all = [_Taken(head.take(length)) for length in lengths]
        head.end()
        self.when, self._edits, self._tags, self._shared, *others = self._all
        self._named, self._hashes, self._texts, self._made = others
        self._commits: list[str] = []
        self._recipes: list[tuple[str, ...]] = []

    def edited(self, before: tuple[LibraryBuild, ...]) -> tuple[LibraryBuild, ...]:
        """Return the builds of the next version, made of those before."""
        builds: list[LibraryBuild] = []
        expected = 0
        for _ in range(self._edits.number(_MOST_BUILDS)):
            length, is_new = divmod(self._edits.number(2 * _MOST_BUILDS + 1), 2)
            if not length or len(builds) + length > _MOST_BUILDS:
                raise InputError(
                    f"a version has more than {_MOST_BUILDS:,} builds, or an empty run"
                )
            if is_new:
                builds += [self._build() for _ in range(length)]
            else:
                expected += self._edits.signed()
                if not 0 <= expected <= len(before) - length:
                    raise InputError("a run is copied from where there is none")
                builds += before[expected : expected + length]
            expected += length
        return tuple(builds)

    def end(self) -> None:
        """Raise `InputError` where a column has more than was read of it."""
        for column in self._all:
            column.end()

    def _build(self) -> LibraryBuild:
        tags, shared = self._tags.tags(), self._shared.tags()
        known = self._made.number(len(self._recipes))
        if not known:
            self._recipes.append(self._texts.fields("\t"))
        recipe = self._recipes[known - 1]
        overrides = recipe[3:]
        if len(recipe) < 3 or len(recipe) % 3 or not _PARTS.issuperset(overrides[1::3]):
            raise InputError("a build has no recipe")
        return LibraryBuild(
            tags=tags,
            shared_tags=shared,
            architectures=tuple(recipe[2].split(" ")),
            commit=self._commit(),
            directory=recipe[0],
            file=recipe[1],
            overrides=tuple(
                (architecture, part, self._commit() if part == _COMMIT else value)
                for architecture, part, value in zip(*[iter(overrides)] * 3, strict=True)
            ),
        )

    def _commit(self) -> str:
        kind = self._named.number(len(self._commits) + 1)
        if kind >= _LAST_KNOWN:
            return self._commits[_LAST_KNOWN - 1 - kind]
        if kind == _NEW_HASH:
            self._commits.append(self._hashes.take(_HASH_BYTES).hex())
        else:
            self._commits.append("".join(self._texts.fields("\n")))
        return self._commits[-1]
