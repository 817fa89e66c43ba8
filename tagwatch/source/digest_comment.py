"""The comment beside a digest that names its tag: `# 6.2.14`, `# tag: 6.2.14`, `# redis:6.2.14`.

On the reference's own line or alone on the line above. It is what people and bots write because a
digest says nothing; an edit that changes the digest has to keep it true.
"""

from __future__ import annotations

import re

from tagwatch.errors import InvalidReferenceError
from tagwatch.image.reference import Reference
from tagwatch.source.target import Field, Location
from tagwatch.source.text.source_text import SourceText

__all__ = ["comment_field"]

_TRAILING = re.compile(r"[^#]*?[ \t](?:#|//)[ \t]*(.*?)[ \t\r]*")
_ALONE = re.compile(r"[ \t]*(?:#|//)[ \t]*(.*?)[ \t\r]*")
_TAG = re.compile(r"(?:tag[ \t]*[:=][ \t]*)([A-Za-z0-9_][A-Za-z0-9_.-]*)|(v?[0-9][A-Za-z0-9_.-]*)")


def comment_field(
    source: SourceText, place: Location, first: int, reference: Reference
) -> tuple[Field, ...]:
    """The tag in the comment that goes with a digest, none where there is no such comment.

    `place` is where the reference stands, `first` the first line of its statement.
    """
    if reference.digest is None:
        return ()
    line = source.lines[place.end_line - 1]
    after = _TRAILING.fullmatch(line, place.end_column - 1)
    if after is not None:
        return _field(source, place.end_line, after.start(1), after[1], reference)
    above = _ALONE.fullmatch(source.lines[first - 2]) if first > 1 else None
    if above is not None:
        return _field(source, first - 1, above.start(1), above[1], reference)
    return ()


def _field(
    source: SourceText, line: int, column: int, comment: str, reference: Reference
) -> tuple[Field, ...]:
    match = _TAG.fullmatch(comment)
    if match is not None:
        tag = match[match.lastindex or 0]
        column += match.start(match.lastindex or 0)
    else:
        try:
            named = Reference.parse(comment)
        except InvalidReferenceError:
            return ()
        if named.repository != reference.repository or not named.tag or named.digest:
            return ()
        tag = named.tag
        column += len(comment) - len(tag)
    start = source.starts[line - 1] + column
    end = start + len(tag)
    return (
        Field(
            name="comment",
            text=tag,
            span=source.span(start, end),
            location=source.location(start, end),
        ),
    )
