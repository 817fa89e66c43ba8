"""Library files of docker-library/official-images: which tags its publisher builds, and from what.

The format is that of bashbrew: stanzas of `Key: value` with continuation lines, the first stanza
giving defaults. Before 2016, and for some images until 2020, a line named a tag and a commit:
`tag: git://repository@ref directory`, and in 2013 `tag <tab> git://repository <tab> C:ref`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

from tagwatch.errors import InputError
from tagwatch.value import dataclass

__all__ = ["LibraryBuild", "parse_library", "served_builds"]

_FIELD = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)\s*:\s*(.*)", re.ASCII)
_STANZA_KEYS = re.compile(r"(?im)^(maintainers|tags|sharedtags|gitrepo)\s*:")
_LINE = re.compile(
    r"(?P<tag>[^\s:]+)\s*[:\s]\s*(?P<repository>\S+?://[^\s@]+)"
    r"(?:@(?P<ref>\S+)|\s+[A-Z]:(?P<old>\S+))?(?:\s+(?P<directory>\S+))?",
    re.ASCII,
)
_DEFAULTS = {"architectures": "amd64", "directory": ".", "file": "Dockerfile"}
_MAX_CHARACTERS = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryBuild:
    """One thing that is built, and its names; a shared tag names the index of all that list it.

    `commit` may be a git tag's name. `overrides` are (architecture, `gitcommit`, `directory` or
    `file`, value) where an architecture is built from something else.
    """

    tags: tuple[str, ...]
    shared_tags: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ("amd64",)
    commit: str = ""
    directory: str = "."
    file: str = "Dockerfile"
    overrides: tuple[tuple[str, str, str], ...] = ()

    @property
    def name(self) -> str:
        """`build:` and 40 hex digits: equal where the same is built, in whatever repository."""
        parts = (self.commit, self.directory, self.file, *self.architectures)
        return _name("\0".join((*parts, *("\t".join(override) for override in self.overrides))))


def _name(text: str) -> str:
    return f"build:{hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()}"


def served_builds(builds: Iterable[LibraryBuild]) -> Mapping[str, str]:
    """Tag -> the name of what it serves: of a build, or of the index that a shared tag makes."""
    served: dict[str, str] = {}
    shared: dict[str, set[str]] = {}
    for build in builds:
        served |= dict.fromkeys(build.tags, build.name)
        for tag in build.shared_tags:
            shared.setdefault(tag, set()).add(build.name)
    return served | {tag: _name("\0".join(("index", *sorted(shared[tag])))) for tag in shared}


def parse_library(text: str) -> tuple[LibraryBuild, ...]:
    """The builds of a library file, in order. Raises `InputError` with the line."""
    if len(text) > _MAX_CHARACTERS:
        raise InputError(f"a library file of more than {_MAX_CHARACTERS} characters")
    if _STANZA_KEYS.search(text):
        return tuple(_stanza_builds(text))
    return tuple(_line_builds(text))


def _stanza_builds(text: str) -> Iterator[LibraryBuild]:
    defaults = dict(_DEFAULTS)
    for number, (line, stanza) in enumerate(_stanzas(text)):
        if "tags" not in stanza and "sharedtags" not in stanza:
            if number:
                raise InputError(
                    f"the stanza at line {line} of a library file has no Tags",
                    hint="every stanza but the first names what it builds: `Tags: 1.2.3, 1.2`",
                )
            defaults |= stanza
            continue
        yield _build(defaults | stanza)


def _build(fields: Mapping[str, str]) -> LibraryBuild:
    architectures = tuple(sorted(_words(fields["architectures"])))
    overrides = tuple(
        (architecture, part, fields[key])
        for architecture in architectures
        for part in ("gitcommit", "directory", "file")
        if (key := f"{architecture}-{part}") in fields
    )
    return LibraryBuild(
        tags=_words(fields.get("tags", "")),
        shared_tags=_words(fields.get("sharedtags", "")),
        architectures=architectures,
        commit=fields.get("gitcommit", ""),
        directory=fields["directory"],
        file=fields["file"],
        overrides=overrides,
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[,\s]+", text) if word)


def _stanzas(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, key in lower case -> value) of each, continuations joined; comment lines are none."""
    stanza: dict[str, str] = {}
    key, begun = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#"):
            continue
        if not line.strip():
            if stanza:
                yield begun, stanza
            stanza, key = {}, ""
        elif line[0] in " \t" and key:
            stanza[key] += " " + line.strip()
        elif field := _FIELD.fullmatch(line.rstrip()):
            key, begun = field[1].lower(), begun if stanza else number
            stanza[key] = field[2]
        else:
            raise _malformed(number, line)
    if stanza:
        yield begun, stanza


def _line_builds(text: str) -> Iterator[LibraryBuild]:
    """Lines with one source are one build: its aliases stood one a line."""
    gathered: dict[tuple[str, str], list[str]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.partition("#")[0].strip()
        if not written:
            continue
        found = _LINE.fullmatch(written)
        if found is None:
            raise _malformed(number, line)
        ref = found["ref"] or found["old"] or "master"
        gathered.setdefault((ref, found["directory"] or "."), []).append(found["tag"])
    for (ref, directory), tags in gathered.items():
        yield LibraryBuild(tags=tuple(tags), commit=ref, directory=directory)


def _malformed(number: int, line: str) -> InputError:
    return InputError(
        f"line {number} of a library file cannot be read: {line[:160]!r}",
        hint="a line is `Key: value` or `tag: git://repository@ref directory`",
    )
