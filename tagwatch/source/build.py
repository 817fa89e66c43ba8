"""Builds that another file describes (Compose, bake, devcontainer): a Dockerfile and its inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import accumulate

from tagwatch.source.dockerfile import extract as extract_dockerfile
from tagwatch.source.target import (
    Extraction,
    Field,
    Location,
    Problem,
    SourceContext,
    Target,
    replaced,
)
from tagwatch.source.text.companion import Companions
from tagwatch.source.text.image_text import part_of, without_start
from tagwatch.source.text.interpolation import Resolved
from tagwatch.source.text.node import Document, Scalar
from tagwatch.value import dataclass, field, replace

__all__ = [
    "IMAGE_SCHEME",
    "Build",
    "Builds",
    "argument_field",
    "build_extraction",
    "cache_node",
    "cache_reference",
]

_MAX_BUILDS = 100
_CACHE_REF = re.compile(r"(?:^|,)\s*ref=([^,]*[^,\s])")
_MAX_SHOWN = 200  # characters of a text in which a target cannot be placed
IMAGE_SCHEME = "docker-image://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build. `path` is the Dockerfile's, unless `inline` holds its place and text.

    `argument_fields`: see `SourceContext`. `unknown`: arguments whose value is not known here;
    `contexts`: names that stand for something else in this build's FROM and --from. `is_explicit`:
    the Dockerfile is named, so that it is worth a word where it is not there.
    """

    location: Location
    path: str = ""
    inline: tuple[Document, Scalar, str] | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    argument_fields: Mapping[str, Field] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    target: str | None = None
    contexts: frozenset[str] = frozenset()
    is_explicit: bool = True


class Builds:
    """The builds of one file: each different one is read once, and a limited number of them."""

    def __init__(self, companions: Companions, context: SourceContext) -> None:
        self._companions = companions
        self._context = context
        self._read: set[object] = set()

    @property
    def is_full(self) -> bool:
        """True where no further build is read."""
        return len(self._read) > _MAX_BUILDS

    def extraction(self, build: Build) -> Extraction:
        """What the build names; nothing where the same build was read before."""
        place = (build.location, build.inline[2]) if build.inline else None
        arguments = frozenset(build.arguments.items())
        key = (build.path, place, arguments, build.unknown, build.target, build.contexts)
        if key in self._read or self.is_full:
            return Extraction()
        self._read.add(key)
        if len(self._read) > _MAX_BUILDS:
            message = f"more than {_MAX_BUILDS} different builds; from here on none is read"
            return Extraction(problems=(Problem(message=message, location=build.location),))
        return build_extraction(build, self._companions, self._context)


def build_extraction(build: Build, companions: Companions, context: SourceContext) -> Extraction:
    """What the build's Dockerfile names, with its arguments; nothing where it is not (yet) here.

    Arguments given by the caller (`context.build_args`) beat those of the file.
    """
    if build.inline is not None:
        raw: bytes | None = build.inline[2].encode()
        path = build.location.path
    else:
        path = build.path
        raw = companions.read(path, build.location if build.is_explicit else None)
    if raw is None:
        return Extraction()
    places = build.argument_fields.items()
    given = replace(
        context,
        build_args={**build.arguments, **context.build_args},
        argument_fields={name: at for name, at in places if name not in context.build_args},
        target=build.target,
    )
    extraction = extract_dockerfile(raw, path, given)
    where = build.location.path
    targets = [
        replaced(target, "context", where) if target.text in build.contexts else target
        for target in extraction.targets
    ]
    if unknown := build.unknown - context.build_args.keys():
        targets = _without_guesses(targets, raw, path, given, sorted(unknown))
    if build.inline is not None:
        inline = _Inline(*build.inline)
        return Extraction(targets=tuple(map(inline.moved, targets)))
    return replace(extraction, targets=tuple(targets))


def argument_field(value: Resolved, skip: int = 0, *, is_shared: bool = False) -> Field | None:
    """Where an argument's value stands, without its first `skip` characters (`NAME=`).

    None where it is not in one piece. `is_shared`: an alias says the same elsewhere.
    """
    parts = list(value.parts)
    while parts and len(parts[0].text) <= skip:
        skip -= len(parts.pop(0).text)
    if len(parts) != 1 or value.known is None or (whole := parts[0].field) is None:
        return None
    found = without_start(whole, skip)
    return replace(found, shared="stage") if is_shared else found


def cache_reference(text: str) -> str:
    """The reference in a cache source: itself, or `ref=` of `type=registry,…`; else empty."""
    if "=" not in text:
        return text
    settings = dict(part.strip().partition("=")[::2] for part in text.split(","))
    return settings.get("ref", "") if settings.get("type") == "registry" else ""


def cache_node(document: Document, node: Scalar) -> Scalar | None:
    """Where the reference of a cache source stands; None where it is no image."""
    text = node.value
    if not cache_reference(text):
        return None
    if "=" not in text:
        return node
    found = _CACHE_REF.search(text)
    return part_of(document, node, *found.span(1)) if found is not None else None


def _without_guesses(
    targets: list[Target], raw: bytes, path: str, context: SourceContext, unknown: list[str]
) -> list[Target]:
    """The targets; one that changes with an unknown argument names no image, but what it needs.

    Each unknown argument is tried with a value: what changes then depends on it.
    """
    needs: dict[Location, list[str]] = {}
    for name in unknown:
        tried = replace(context, build_args={**context.build_args, name: "tagwatch-unknown"})
        other = {
            (target.location, target.reference)
            for target in extract_dockerfile(raw, path, tried).targets
        }
        for target in targets:
            if (target.location, target.reference) not in other:
                needs.setdefault(target.location, []).append(name)
    return [
        replace(target, reference=None, fields=(), missing=tuple(needs[target.location]))
        if target.location in needs
        else target
        for target in targets
    ]


class _Inline:
    """An inline Dockerfile, the value of a scalar, and where its lines stand in the file."""

    def __init__(self, document: Document, node: Scalar, text: str) -> None:
        self._source = document.source
        self._node = node
        self._lines = text.split("\n")
        self._starts = self._starts_of_lines()

    def _starts_of_lines(self) -> list[int]:
        """Where each line begins in the file; empty where the file spells the text otherwise."""
        text, node = self._source.text, self._node
        start, end = node.start, node.end
        if node.style == "|":
            start = text.find("\n", start, end) + 1 or end
        elif text[start:end] != node.value:
            return []
        lengths = (len(line) + 1 for line in text[start:end].split("\n"))
        return list(accumulate(lengths, initial=start))

    def moved(self, target: Target) -> Target:
        """A target of the Dockerfile at its place in the file that holds it.

        Where the file spells the text otherwise (escapes, folded lines) it is the scalar's.
        """
        source = self._source
        found = self._range(target)
        node = self._node
        start, end = found or (node.start, min(node.end, node.start + _MAX_SHOWN))
        location = source.location(start, end)
        fields: tuple[Field, ...] = ()
        if found and [one.name for one in target.fields] == ["reference"]:
            whole = replace(target.fields[0], span=source.span(start, end), location=location)
            fields = (whole,) if whole.text == source.text[start:end] else ()
        return replace(
            target,
            text=source.text[start:end],
            location=location,
            fields=fields,
            ignores=(),
        )

    def _range(self, target: Target) -> tuple[int, int] | None:
        """The characters of the file that are the target's text, if they stand in one line."""
        place = target.location
        if place.line != place.end_line or place.line >= len(self._starts):
            return None
        start, end = self._starts[place.line - 1], self._starts[place.line] - 1
        line = self._source.text[start : min(end, self._node.end)]
        return _word_like(line, self._lines[place.line - 1], place.column - 1, target.text, start)


def _word_like(
    line: str, text: str, column: int, wanted: str, start: int
) -> tuple[int, int] | None:
    """Where `line`, which begins at `start` in the file, has what `text` has from `column` on.

    `line` is `text` before its variables were substituted, and further indented.
    """
    at = line.find(wanted, column)
    if at >= 0:
        return start + at, start + at + len(wanted)
    margin = len(line) - len(line.lstrip()) - (len(text) - len(text.lstrip()))
    if margin < 0 or line[margin : margin + column] != text[:column]:
        return None
    word = line[margin + column :].split(maxsplit=1)[:1]
    return (start + margin + column, start + margin + column + len(word[0])) if word else None
