"""Comments that mean something: inline ignores, and the tag beside a digest.

An ignore is `# tagwatch: ignore=<rule>[,<rule>] until=<date> reason="…"`, on the line itself or
alone on the line above; a run of comment lines counts as one line above.

The comment beside a digest names its tag: `# 6.2.14`, `# tag: 6.2.14`, `# redis:6.2.14`. People and
bots write it because a digest says nothing; an edit that changes the digest has to keep it true.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from tagwatch.errors import InvalidReferenceError
from tagwatch.image.reference import Reference
from tagwatch.source.target import Field, Ignore, Location, Problem, Target
from tagwatch.source.text.source_text import SourceText
from tagwatch.value import replace

__all__ = ["attach", "comment_field", "find_ignores", "ignore_problems"]

_WORD = "tagwatch:"
_BEGINS = {"#": "#+", "//": r"//+|/\*+"}
_SETTING = r"""\s*([A-Za-z_-]+)=("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"']*)(?=\s|$)"""
_RULE = r"[a-z0-9]+(?:-[a-z0-9]+)*|\*"


def find_ignores(text: str, path: str, *, comment: str = "#") -> tuple[Ignore, ...]:
    """Every inline ignore in `text`, in order; `comment` is what begins a comment.

    `#`, or `//`, which stands for `/* … */` in one line as well.

    A comment that begins with `tagwatch:` and cannot be read is returned with `invalid` set:
    a misspelt ignore must not silently ignore nothing.
    """
    if _WORD not in text:
        return ()
    marker = re.compile(rf"(?:^|(?<=\s))(?:{_BEGINS[comment]})[ \t]*{_WORD}")
    lines = text.removeprefix("\ufeff").split("\n")
    below = len(lines) + 1
    found = []
    for number in range(len(lines), 0, -1):
        line = lines[number - 1]
        match = marker.search(line) if _WORD in line else None
        if match is not None:
            content = line.rstrip()
            after = ""
            if match[0].startswith("/*"):
                content, _, after = content.partition("*/")
            location = Location(
                path=path,
                line=number,
                column=match.start() + 1,
                end_line=number,
                end_column=len(content) + 1,
            )
            alone = not (line[: match.start()] + after).strip()
            found.append(_read(content[match.end() :], location, below if alone else number))
        if not _is_comment(line.strip(), comment):
            below = number
    return tuple(reversed(found))


def _is_comment(line: str, comment: str) -> bool:
    return line.startswith(comment) or (
        comment == "//" and line.startswith("/*") and line.endswith("*/")
    )


def attach(
    targets: Iterable[Target],
    ignores: Sequence[Ignore],
    *,
    starts: Mapping[int, int] | None = None,
) -> tuple[Target, ...]:
    """The targets, each with the ignores that speak of its lines.

    `starts` maps a target's line to the line where its statement begins, where that is another:
    an ignore above a statement covers the whole of it.
    """
    by_line: defaultdict[int, list[Ignore]] = defaultdict(list)
    for ignore in ignores:
        if not ignore.invalid:
            by_line[ignore.line].append(ignore)
    if not by_line:
        return tuple(targets)
    return tuple(_with_ignores(target, by_line, starts or {}) for target in targets)


def ignore_problems(ignores: Iterable[Ignore]) -> tuple[Problem, ...]:
    """One problem for each ignore comment that cannot be read."""
    return tuple(
        Problem(
            message=f"an inline ignore cannot be read: {ignore.invalid}",
            location=ignore.location,
            hint='write tagwatch: ignore=<rule>[,<rule>] until=<date> reason="…"',
        )
        for ignore in ignores
        if ignore.invalid and ignore.location is not None
    )


def _with_ignores(
    target: Target, by_line: Mapping[int, Sequence[Ignore]], starts: Mapping[int, int]
) -> Target:
    place = target.location
    numbers = {starts.get(place.line, place.line), *range(place.line, place.end_line + 1)}
    mine = [ignore for number in sorted(numbers) for ignore in by_line.get(number, ())]
    return replace(target, ignores=(*target.ignores, *mine)) if mine else target


def _read(text: str, location: Location, line: int) -> Ignore:
    settings: dict[str, str] = {}
    position = 0
    while text[position:].strip():
        match = re.compile(_SETTING).match(text, position)
        if match is None:
            return _invalid(f"{text[position:].strip()[:40]!r} is no key=value", location)
        key, value = match[1], _unquoted(match[2])
        if key not in ("ignore", "until", "reason"):
            return _invalid(f"unknown key {key!r}", location)
        if key in settings:
            return _invalid(f"{key!r} is given twice", location)
        settings[key] = value
        position = match.end()
    rules = tuple(settings.get("ignore", "").split(","))
    until = settings.get("until", "")
    wrong = next((rule for rule in rules if not re.fullmatch(_RULE, rule)), None)
    if wrong is not None:
        return _invalid(f"{wrong[:40]!r} is no rule's name", location)
    if until and not _is_date(until):
        return _invalid(f"{until[:40]!r} is no date (YYYY-MM-DD)", location)
    return Ignore(
        rules=rules, until=until, reason=settings.get("reason", ""), location=location, line=line
    )


def _invalid(reason: str, location: Location) -> Ignore:
    return Ignore(rules=(), location=location, invalid=reason)


def _unquoted(value: str) -> str:
    if value[:1] == '"':
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value[1:-1] if value[:1] == "'" else value


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


_TRAILING = r"[^#]*?[ \t](?:#|//)[ \t]*(.*?)[ \t\r]*"
_ALONE = r"[ \t]*(?:#|//)[ \t]*(.*?)[ \t\r]*"
_TAG = r"(?:tag[ \t]*[:=][ \t]*)([A-Za-z0-9_][A-Za-z0-9_.-]*)|(v?[0-9][A-Za-z0-9_.-]*)"


def comment_field(
    source: SourceText, place: Location, first: int, reference: Reference
) -> tuple[Field, ...]:
    """The tag in the comment that goes with a digest, none where there is no such comment.

    `place` is where the reference stands, `first` the first line of its statement.
    """
    if reference.digest is None:
        return ()
    line = source.lines[place.end_line - 1]
    after = re.compile(_TRAILING).fullmatch(line, place.end_column - 1)
    if after is not None:
        return _field(source, place.end_line, after.start(1), after[1], reference)
    above = re.fullmatch(_ALONE, source.lines[first - 2]) if first > 1 else None
    if above is not None:
        return _field(source, first - 1, above.start(1), above[1], reference)
    return ()


def _field(
    source: SourceText, line: int, column: int, comment: str, reference: Reference
) -> tuple[Field, ...]:
    match = re.fullmatch(_TAG, comment)
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
