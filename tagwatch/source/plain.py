"""Plain lists of images: one reference a line, `#` begins a comment."""

from __future__ import annotations

import re

from tagwatch.errors import InputError, InvalidReferenceError
from tagwatch.image.reference import Reference
from tagwatch.source.target import Extraction, Field, Location, Problem, SourceContext, Target
from tagwatch.source.text.comment import attach, comment_field, find_ignores, ignore_problems
from tagwatch.source.text.odd_bytes import readable
from tagwatch.source.text.source_text import Piece, SourceText, fields_of

__all__ = ["extract", "recognizes"]

_NAME = re.compile(r"(?:.*[._-])?images?(?:[._-]list)?\.(?:txt|list|lst)", re.IGNORECASE)
_REFERENCE = re.compile(r"[ \t]*([^ \t\r#]\S*)[ \t]*(?:[ \t]#.*)?\r?")
_COMMENT = re.compile(r"[ \t]*(?:#.*)?\r?")


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`: by content where every line is a reference, one more than a word.

    Under the name of a list of images, where half of the lines are.
    """
    is_list = _NAME.fullmatch(path.rpartition("/")[2]) is not None
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    lines = [line for line in text.split("\n") if not _COMMENT.fullmatch(line)]
    if is_list:
        return 2 * sum(map(_is_reference, lines)) >= len(lines)
    return any(mark in text for mark in ":/@") and bool(lines) and all(map(_is_reference, lines))


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:  # noqa: ARG001 (protocol)
    """See `Source.extract`."""
    try:
        source = SourceText(raw, path)
    except InputError as error:
        place = Location(path=path, line=1, column=1, end_line=1, end_column=1)
        problem = Problem(message=error.message, location=place, hint=error.hint)
        return Extraction(problems=(problem,))
    targets = [
        _target(source, start, line)
        for start, line in zip(source.starts, source.lines, strict=False)
        if not _COMMENT.fullmatch(line)
    ]
    ignores = find_ignores(source.text, path)
    found = Extraction(
        targets=attach(targets, ignores), problems=ignore_problems(ignores), ignores=ignores
    )
    return found if source.is_utf8 else readable(found)


def _target(source: SourceText, start: int, line: str) -> Target:
    match = _REFERENCE.fullmatch(line)
    text = match[1] if match else line.strip()
    start += match.start(1) if match else len(line) - len(line.lstrip())
    reference, invalid = None, ""
    try:
        reference = Reference.parse(text)
    except InvalidReferenceError as error:
        invalid = error.message
    location = source.location(start, start + len(text))
    fields: tuple[Field, ...] = ()
    if reference is not None:
        fields = fields_of((Piece(text, start),), range(start, start + len(text)), source, {})
        fields += comment_field(source, location, location.line, reference)
    return Target(
        text=text,
        location=location,
        kind="plain",
        reference=reference,
        invalid=invalid,
        fields=fields,
    )


def _is_reference(line: str) -> bool:
    match = _REFERENCE.fullmatch(line)
    try:
        return match is not None and Reference.parse(match[1]) is not None
    except InvalidReferenceError:
        return False
