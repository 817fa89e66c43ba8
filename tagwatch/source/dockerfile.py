"""Dockerfiles and Containerfiles: every image that a build would pull, where it is named.

As BuildKit reads them (`buildkit/` says after which of its rules): `# syntax=`, FROM,
COPY --from, RUN --mount=from=, in ONBUILD too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tagwatch.errors import InputError
from tagwatch.source.buildkit.instruction import instructions_of
from tagwatch.source.buildkit.scope import (
    Build,
    GlobalScope,
    group_statements,
    template_of,
)
from tagwatch.source.buildkit.statement import StatementError, StatementReader
from tagwatch.source.buildkit.target import TargetReader, syntax_target
from tagwatch.source.target import Extraction, Location, Problem, SourceContext, Target
from tagwatch.source.text.comment import attach, find_ignores, ignore_problems
from tagwatch.source.text.source_text import SourceText

__all__ = ["extract", "recognizes"]

_NEVER = frozenset(
    {"dockerignore", "md", "rst", "adoc", "htm", "html", "json", "yml", "yaml", "toml", "xml"}
    | {"lock", "orig", "rej", "diff", "patch", "svg", "png"}
)
_PROGRAM = frozenset(
    {"go", "py", "js", "mjs", "ts", "tsx", "rs", "java", "kt", "rb", "php", "c", "h", "cc", "cpp"}
    | {"cs", "swift", "lua", "pl", "sh", "bash", "ps1", "tf", "nix", "vim", "el", "txt"}
)
_PLAIN = ("dockerfile", "containerfile")
_MARKS = "._-"
_BEGUN = tuple(name + mark for name in _PLAIN for mark in _MARKS)
_ENDED = tuple(mark + name for name in _PLAIN for mark in _MARKS)
_INSTRUCTION = (
    r"(?im)^[ \t]*"
    r"(?:FROM|ARG|RUN|COPY|ADD|CMD|ENTRYPOINT|ENV|WORKDIR|USER|EXPOSE|LABEL|ONBUILD)[ \t]"
)
_BEGINS = r"(?i)(?:[ \t\r]*(?:#[^\n]*)?\n)*[ \t]*(FROM|ARG)[ \t]+[^ \t\r\n]"
# What makes more than a word: `%%PACKAGES%%` may end one line, and begin others.
_TEMPLATES = frozenset({"template", "tmpl", "tpl", "j2", "jinja", "jinja2", "erb", "in", "m4"})
_FILLED_IN = r"%%[A-Z][A-Z0-9_]*%%|<%=? "
_FROM = r"(?im)^[ \t]*FROM[ \t]+[^ \t\r\n]"


def _is_name(name: str) -> bool:
    """Return True for a name in lower case that begins or ends as that of a dockerfile."""
    return name in _PLAIN or name.startswith(_BEGUN) or name[1:].endswith(_ENDED)


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`."""
    name = path.rpartition("/")[2]
    if _is_name(name.lower()):
        ending = name.rpartition(".")[2].lower()
        if ending in _NEVER:
            return False
        if not head or ending in _PLAIN:
            return True
        if ending not in _PROGRAM:  # dockerfile.go is Go, or for Go: its content tells
            return re.search(_INSTRUCTION, head.decode("utf-8", "replace")) is not None
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    begins = re.match(_BEGINS, text)
    return bool(begins and (begins[1].upper() == "FROM" or re.search(_FROM, text)))


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:
    """See `Source.extract`. With `context.target` only what that stage's build needs."""
    try:
        source = SourceText(raw, path)
    except InputError as error:
        place = Location(path=path, line=1, column=1, end_line=1, end_column=1)
        problem = Problem(message=error.message, location=place, hint=error.hint)
        return Extraction(problems=(problem,))
    found = _extract(source, context)
    if source.text.isascii() or source.is_utf8:
        return found
    from tagwatch.source.text.odd_bytes import readable

    return readable(found)


def _extract(source: SourceText, context: SourceContext) -> Extraction:
    targets = list(syntax_target(source))
    reader = StatementReader(source)
    try:
        build = group_statements(reader.read())
    except StatementError as error:
        build = Build(refusal=error)
        return _whole(source, targets, build, Extraction())
    return _whole(source, targets, build, _read(source, build, context, reader.escape))


def _read(source: SourceText, build: Build, context: SourceContext, escape: str) -> Extraction:
    """Return what the stages name and say."""
    last = build.stages[-1].name if build.stages else None
    scope = GlobalScope(
        build.arguments,
        context.build_args,
        context.argument_fields,
        escape=escape,
        target=context.target or last or "default",
    )
    reader = TargetReader(source, build, scope)
    targets = reader.targets(context.target)
    problems = [
        Problem(
            message=error.message,
            location=source.line_location(statement.first, statement.last),
            hint=error.hint,
        )
        for statement, error in scope.refused
    ]
    if context.target is not None and not reader.has_stage(context.target):
        place = source.line_location(1, 1)
        problems.append(
            Problem(
                message=f"there is no stage {context.target[:80]!r} to build",
                location=place,
                hint="all stages were read",
            )
        )
    return Extraction(
        targets=tuple(targets),
        problems=tuple(problems),
        instructions=instructions_of(source, build, scope),
    )


def _whole(
    source: SourceText, first: Iterable[Target], build: Build, read: Extraction
) -> Extraction:
    """Return the extraction with what concerns the file as a whole."""
    ignores = find_ignores(source.text, source.path)
    problems = [*read.problems, *ignore_problems(ignores)]
    refusal = build.refusal
    if refusal is None and not build.stages:
        refusal = StatementError("the file has no FROM", 1, len(source.lines))
    if refusal is not None and not refusal.skipped and _is_filled_in(source, refusal.first):
        refusal = template_of(refusal)
    if refusal is not None:
        place = source.line_location(refusal.first, refusal.last)
        problems.append(
            Problem(
                message=refusal.message,
                location=place,
                hint=refusal.hint,
                skipped=refusal.skipped,
            )
        )
    return Extraction(
        targets=attach((*first, *read.targets), ignores, starts=_starts(build) if ignores else {}),
        problems=tuple(problems),
        ignores=ignores,
        instructions=read.instructions,
    )


def _is_filled_in(source: SourceText, line: int) -> bool:
    """Return True where another tool fills text in: that makes other lines of what is here."""
    if source.path.rpartition(".")[2].lower() in _TEMPLATES:
        return True
    return any(re.search(_FILLED_IN, text) for text in source.lines[:line])


def _starts(build: Build) -> dict[int, int]:
    """Return, by line, the first line of the instruction that it belongs to."""
    return {
        number: statement.first
        for stage in build.stages
        for statement in (stage.statement, *stage.statements)
        for number in range(statement.first, statement.last + 1)
    }
