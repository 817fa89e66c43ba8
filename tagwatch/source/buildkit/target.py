"""The images that a Dockerfile's stages name, told apart from stages and `scratch`.

After BuildKit's `dockerfile2llb` (convert.go, convert_runmount.go). Each keeps its own rule:
FROM finds an earlier stage whose name is written alike, COPY --from any stage in any case or by
number, a mount's `from` any stage in any case.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tagwatch.errors import InputError, InvalidReferenceError, UsageError
from tagwatch.image.platform import LINUX_AMD64, Platform
from tagwatch.image.reference import Reference
from tagwatch.source.buildkit.scope import (
    Build,
    GlobalScope,
    Stage,
    expand_word,
    inherited_names,
    noting,
    placeholders,
)
from tagwatch.source.buildkit.shell_word import UnsetVariableError, expand
from tagwatch.source.buildkit.statement import Flag, Statement, find_syntax
from tagwatch.source.target import Field, Location, Target
from tagwatch.source.text.comment import comment_field
from tagwatch.source.text.source_text import Piece, SourceText, fields_of, missing_in, text_of

__all__ = ["TargetReader", "syntax_target"]

_NO_VARIABLES = "variables are not put in here; name a stage that has them in its FROM"


class _Mention:
    """`statement.line[begin:end]` names a stage or an image; `to` is the stage it turned out."""

    def __init__(self, kind: str, stage: Stage, statement: Statement, begin: int, end: int) -> None:
        self.kind = kind
        self.stage = stage
        self.statement = statement
        self.begin = begin
        self.end = end
        self.pieces: Sequence[Piece] = ()
        self.invalid = ""
        self.to: int | None = None
        self.onbuild = False
        self.platform: Platform | None = None
        self.facts: Mapping[str, str] = {}


def syntax_target(source: SourceText) -> Iterator[Target]:
    """The frontend that `# syntax=` names, where it does."""
    place = find_syntax(source)
    if place is None or place[0] == place[1]:
        return
    start, end = place
    pieces = (Piece(source.text[start:end], start),)
    reference, invalid = _parsed(pieces[0].text)
    yield Target(
        text=pieces[0].text,
        location=source.location(start, end),
        kind="syntax",
        reference=reference,
        invalid=invalid,
        fields=fields_of(pieces, range(start, end), source, {}) if reference else (),
    )


class TargetReader:
    """Reads one file's stages; sets each stage's `base`."""

    def __init__(self, source: SourceText, build: Build, scope: GlobalScope) -> None:
        self._source = source
        self._build = build
        self._scope = scope
        self._names: dict[str, Stage] = {}
        self._platforms: list[Sequence[Piece]] = []

    def has_stage(self, name: str) -> bool:
        """True where a stage has this name, in any case."""
        return name.lower() in self._names

    def targets(self, wanted: str | None) -> list[Target]:
        """The images in the file's order; with `wanted` only what the build of that stage needs."""
        bases = [self._base(stage) for stage in self._build.stages]
        mentions: list[_Mention] = []
        for base in bases:
            mentions.append(base)
            for statement in base.stage.statements:
                mentions += self._sources(base.stage, statement)
        kept = set(range(len(bases)))
        if wanted is not None and self.has_stage(wanted):
            kept = _reachable(self._names[wanted.lower()].index, mentions)
        shared = self._shared(mentions)
        return [
            self._target(mention, shared)
            for mention in mentions
            if mention.stage.index in kept and not _is_internal(mention)
        ]

    def _base(self, stage: Stage) -> _Mention:
        """What a FROM names. Stages are asked for in order: a later one is not known yet."""
        statement, scope = stage.statement, self._scope
        begin, end = statement.words()[0]
        mention = _Mention("from", stage, statement, begin, end)
        mention.platform = self._platform(statement)
        asked: set[str] = set()
        variables = noting(asked, scope.for_platform(mention.platform))
        try:
            mention.pieces = expand_word(statement, begin, end, variables, scope.escape)
        except UnsetVariableError as error:
            mention.pieces = (Piece("", missing=(error.name,)),)
        except InputError as error:
            mention.invalid = error.message
        if asked & scope.of_platform:
            mention.facts = {"resolved_for": str(mention.platform or LINUX_AMD64)}
        base = self._names.get(text_of(mention.pieces)) if mention.pieces else None
        if base is not None and not missing_in(mention.pieces):
            mention.to = stage.base = base.index
        if stage.name:
            self._names[stage.name] = stage
        return mention

    def _platform(self, statement: Statement) -> Platform | None:
        """The stage's `--platform`; None where there is none, or none that can be known."""
        text = next((f.text for f in statement.flags if f.text.startswith("--platform=")), "")
        if not text:
            return None
        word = text.partition("=")[2]
        try:
            pieces = expand(word, self._scope.values.get, escape=self._scope.escape)
            self._platforms.append(pieces)
            return None if missing_in(pieces) else Platform.parse(text_of(pieces))
        except (InputError, UsageError):
            return None

    def _sources(self, stage: Stage, statement: Statement) -> Iterator[_Mention]:
        """What COPY --from and RUN --mount name."""
        inner = statement.trigger or statement
        for flag in inner.flags:
            name, _, value = flag.text.partition("=")
            at = len(name) + 1
            if name == "--from" and inner.keyword in ("COPY", "ADD") and value:
                mention = _mention("copy-from", stage, inner, flag.places[at:])
                mention.invalid = self._refusal(inner, value)
                if not mention.invalid:
                    self._find(mention, value)
            elif name == "--mount" and inner.keyword == "RUN":
                found = self._mounted(stage, inner, flag, at)
                if found is None:
                    continue
                mention = found
            else:
                continue
            mention.onbuild = statement.trigger is not None
            yield mention

    def _mounted(self, stage: Stage, statement: Statement, flag: Flag, at: int) -> _Mention | None:
        from tagwatch.source.buildkit.mount import find_mount_source  # few files have one

        value = flag.text[at:]
        try:
            found = find_mount_source(value)
        except InputError as error:
            mention = _mention("mount-from", stage, statement, flag.places[at:])
            mention.invalid = error.message
            return mention
        if found is None:
            return None
        text = value[found.start : found.stop]
        mention = _mention(
            "mount-from", stage, statement, flag.places[at + found.start : at + found.stop]
        )
        if 0 <= text.find("$") < len(text) - 1:
            mention.invalid = _NO_VARIABLES
        else:
            self._name(mention, text)
        return mention

    def _refusal(self, statement: Statement, value: str) -> str:
        """Why BuildKit refuses a `--from`, or nothing."""
        if statement.keyword == "ADD":
            return "ADD takes no --from; COPY does"
        try:
            pieces = expand(value, lambda _: (), escape=self._scope.escape)
        except InputError as error:
            return error.message
        return "" if text_of(pieces) == value else _NO_VARIABLES

    def _find(self, mention: _Mention, value: str) -> None:
        """A stage by number, else by name."""
        if value[:1].isalpha() or not re.fullmatch(r"[+-]?[0-9]{1,9}", value):
            self._name(mention, value)
        elif 0 <= int(value) < len(self._build.stages):
            mention.to = int(value)
        else:
            mention.invalid = f"there is no stage {value}"

    def _name(self, mention: _Mention, value: str) -> None:
        named = self._names.get(value.lower())
        if named is not None:
            mention.to = named.index
        start, _, whole = mention.statement.stretch(mention.begin, mention.end)
        mention.pieces = (
            Piece(value, start if whole and mention.end - mention.begin == len(value) else -1),
        )

    def _shared(self, mentions: Sequence[_Mention]) -> dict[object, str]:
        """By a piece's origin: what else is made of it than one reference."""
        users: defaultdict[object, set[str]] = defaultdict(set)
        for mention in mentions:
            use = f"{mention.to}{text_of(mention.pieces)}"
            for piece in mention.pieces:
                users[piece.origin].add(use)
        for pieces in self._platforms:
            for piece in pieces:
                users[piece.origin].add("--platform")
        shared = {origin: "reference" for origin, texts in users.items() if len(texts) > 1}
        given = self._scope.argument_fields
        for stage in self._build.stages:
            for name in inherited_names(stage.statements, self._scope.escape, given):
                for piece in self._scope.values.get(name, ()):
                    shared.setdefault(piece.origin, "stage")
        return shared

    def _target(self, mention: _Mention, shared: Mapping[object, str]) -> Target:
        statement, stage, source = mention.statement, mention.stage, self._source
        start, end, _ = statement.stretch(mention.begin, mention.end)
        missing = missing_in(mention.pieces)
        reference, invalid = None, mention.invalid
        if not missing and not invalid:
            reference, invalid = _parsed(text_of(mention.pieces))
        if invalid and (names := placeholders(statement.line[mention.begin : mention.end])):
            missing, invalid = names, ""
        location = source.location(start, end)
        fields: tuple[Field, ...] = ()
        if reference is not None:
            fields = fields_of(mention.pieces, range(start, end), source, shared)
            fields += _comment(source, fields, location, statement.first, reference)
        return Target(
            text=statement.line[mention.begin : mention.end],
            location=location,
            kind=mention.kind,
            reference=reference,
            stage=stage.label,
            platform=str(mention.platform) if mention.platform else None,
            onbuild=mention.onbuild,
            missing=missing,
            invalid=invalid,
            group=stage.name,
            fields=fields,
            facts=mention.facts,
        )


def _mention(kind: str, stage: Stage, statement: Statement, places: Sequence[int]) -> _Mention:
    return _Mention(kind, stage, statement, places[0], places[-1] + 1)


def _comment(
    source: SourceText,
    fields: Sequence[Field],
    place: Location,
    first: int,
    reference: Reference,
) -> tuple[Field, ...]:
    """The comment that goes with the digest, which may stand in an ARG."""
    holder = next((one.location for one in fields if "@" in one.text), place)
    if holder.path != place.path:
        return ()
    if holder.line != place.line:
        first = holder.line
    return comment_field(source, holder, first, reference)


def _is_internal(mention: _Mention) -> bool:
    """True for a stage and for the empty image."""
    return mention.to is not None or (
        not mention.invalid
        and not missing_in(mention.pieces)
        and text_of(mention.pieces) == "scratch"
    )


def _reachable(stage: int, mentions: Sequence[_Mention]) -> set[int]:
    """The stages that the build of `stage` runs through."""
    needs: defaultdict[int, set[int]] = defaultdict(set)
    for mention in mentions:
        if mention.to is not None:
            needs[mention.stage.index].add(mention.to)
    reached, waiting = {stage}, [stage]
    while waiting:
        new = needs[waiting.pop()] - reached
        reached |= new
        waiting += new
    return reached


def _parsed(text: str) -> tuple[Reference | None, str]:
    """The reference, or why the text is none."""
    if not text:
        return None, "the image's name is empty"
    try:
        return Reference.parse(text), ""
    except InvalidReferenceError as error:
        return None, error.message
