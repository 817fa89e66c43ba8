"""A Dockerfile's statements, joined from their lines as BuildKit joins them.

After the rules of BuildKit's `frontend/dockerfile/parser` (parser.go, directives.go). What that
parser refuses is a `StatementError` here: BuildKit then reads nothing of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tagwatch.errors import InputError
from tagwatch.source.buildkit.shell_word import SPACES
from tagwatch.source.buildkit.statement import Joints, Statement, heredocs, split_statement
from tagwatch.source.text.source_text import SourceText, encoded

__all__ = ["StatementError", "StatementReader", "find_syntax"]

_MAX_LINE_BYTES = 65_535
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_BLANKS = "\t\f\r "


class StatementError(InputError):
    """What BuildKit refuses; `first` and `last` are the lines, 1-based.

    `skipped`: it is not a Dockerfile yet, but a template of one.
    """

    def __init__(
        self, message: str, first: int, last: int, *, hint: str = "", skipped: bool = False
    ) -> None:
        super().__init__(message, hint=hint or "BuildKit refuses the whole file")
        self.first = first
        self.last = last
        self.skipped = skipped


class StatementReader:
    """Reads a whole file's statements. `escape` is known once `read` is through."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.escape = "\\"
        self._next = 0
        self._end = len(source.lines) - (not source.lines[-1])  # after the last line feed is none
        self._seen: set[str] | None = set()

    def read(self) -> list[Statement]:
        """Every statement in order. Raises `StatementError`."""
        _check_lengths(self.source)
        return list(self._statements())

    def _statements(self) -> Iterator[Statement]:
        lines, starts = self.source.lines, self.source.starts
        while self._next < self._end:
            number = self._next
            line = lines[number]
            bare = line.lstrip(SPACES)
            self._next += 1
            if self._seen is not None:
                self._directive(bare.rstrip("\r"), number + 1)
            if bare and bare[0] != "#":
                start = starts[number] + len(line) - len(bare)
                yield self._statement(bare.rstrip("\r"), start, number + 1)

    def _directive(self, line: str, number: int) -> None:
        """Note `# escape=`; the first line that is no directive ends their time."""
        key, value = _directive_in(line, "#")
        if not key or self._seen is None:
            self._seen = None
            return
        if key in self._seen:
            raise StatementError(f"the directive {key!r} is given twice", number, number)
        self._seen.add(key)
        if key == "escape":
            if value not in ("\\", "`"):
                hint = "write # escape=` or # escape=\\"
                raise StatementError(
                    f"{value[:40]!r} is no escape character", number, number, hint=hint
                )
            self.escape = value

    def _statement(self, text: str, start: int, first: int) -> Statement:
        """The statement that begins with the line `text`, with the lines that continue it."""
        kept = self._continued(text)
        if kept is None:
            line, joints = text, [(0, start)]
        else:
            line, joints = self._join(kept, start)
        try:
            statement = self._whole(line, joints)
        except InputError as error:
            raise StatementError(error.message, first, self._next, hint=error.hint) from error
        statement.first, statement.last = first, self._next
        if statement.trigger is not None:
            statement.trigger.first, statement.trigger.last = first, self._next
        return statement

    def _whole(self, line: str, joints: Joints) -> Statement:
        """The statement, and past the bodies of the here-documents that it opens."""
        statement = split_statement(line, joints, self.escape)
        for name, chomp in heredocs(statement) if "<<" in line else ():
            if not self._pass_body(name, chomp=chomp):
                raise InputError(
                    f"the here-document {name[:40]!r} does not end",
                    hint=f"end it with a line that is only {name[:40]!r}",
                )
        return statement

    def _continued(self, text: str) -> str | None:
        """The text without its last escape where that continues it on the next line, else None."""
        body = text.rstrip(" \t")
        if body[-1:] != self.escape or body[-2:-1] == self.escape:
            return None
        return body[:-1]

    def _join(self, kept: str, start: int) -> tuple[str, list[tuple[int, int]]]:
        lines, starts = self.source.lines, self.source.starts
        parts, joints, length = [kept], [(0, start)], len(kept)
        more: str | None = kept
        while more is not None and self._next < self._end:
            number = self._next
            text = lines[number].rstrip("\r")
            self._next += 1
            bare = text.lstrip(SPACES)
            if not bare or bare[0] == "#":
                continue
            more = self._continued(text)
            joints.append((length, starts[number]))
            parts.append(text if more is None else more)
            length += len(parts[-1])
        return "".join(parts), joints

    def _pass_body(self, name: str, *, chomp: bool) -> bool:
        lines = self.source.lines
        while self._next < self._end:
            text = lines[self._next].rstrip("\r")
            self._next += 1
            if (text.lstrip("\t") if chomp else text) == name:
                return True
        return False


def find_syntax(source: SourceText) -> tuple[int, int] | None:
    """Where the frontend's image stands that `# syntax=` (or `// syntax=`) names.

    A shebang line may stand before; otherwise directives begin on the first line.
    """
    lines = source.lines
    first = 1 if lines[0].startswith("#!") else 0
    for mark in ("#", "//"):
        for number in range(first, len(lines)):
            key, value = _directive_in(lines[number].rstrip("\r"), mark)
            if not key:
                break
            if key == "syntax":
                start = source.starts[number] + lines[number].index(value, lines[number].index("="))
                return start, start + len(value.split(" ")[0])
    return None


def _directive_in(line: str, mark: str) -> tuple[str, str]:
    """Key and value of a directive; both empty where the line is none."""
    if not line.startswith(mark):
        return "", ""
    match = re.fullmatch(r"([A-Za-z][A-Za-z0-9]*)[\t\f\r ]*=(.+)", line[len(mark) :].lstrip(SPACES))
    if match is None or match[1].lower() not in _DIRECTIVES:
        return "", ""
    return match[1].lower(), match[2].strip(_BLANKS)


def _check_lengths(source: SourceText) -> None:
    """Refuse a line beyond the scanner's buffer, as BuildKit does."""
    if max(map(len, source.lines)) * 4 < _MAX_LINE_BYTES:
        return
    for number, line in enumerate(source.lines, 1):
        if len(line) * 4 >= _MAX_LINE_BYTES and len(encoded(line)) >= _MAX_LINE_BYTES:
            raise StatementError(
                f"the line is longer than {_MAX_LINE_BYTES} bytes", number, number, hint="split it"
            )
