"""A Dockerfile's statements, joined from their lines as BuildKit joins them.

After the rules of BuildKit's `frontend/dockerfile/parser` (parser.go, directives.go,
split_command.go, line_parsers.go). Every character of a statement knows where it stands in the
file. What that parser refuses is an `InputError` here: BuildKit then reads nothing of the file.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tagwatch.errors import InputError
from tagwatch.source.shell_word import SPACES, split_words
from tagwatch.source.source_text import SourceText

__all__ = [
    "Flag",
    "Statement",
    "StatementError",
    "StatementReader",
    "find_syntax",
    "quoted_words",
]

_MAX_LINE_BYTES = 65_535
_GAP = re.compile(r"[\t\v\f\r ]+")
_WORD = re.compile(r"[^\t\v\f\r ]+")
_SPACE = re.compile(rf"[{SPACES}]*")
_DIRECTIVE = re.compile(rf"[{SPACES}]*([A-Za-z][A-Za-z0-9]*)[\t\f\r ]*=(.+)")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_HEREDOC = re.compile(r"([0-9]*)<<(-?)[\t\n\f\r ]*([^<]*)")
_WITH_HEREDOC = frozenset({"ADD", "COPY", "RUN"})
_WITH_JSON = _WITH_HEREDOC | {"CMD", "ENTRYPOINT", "SHELL", "VOLUME"}
_WITH_PAIRS = frozenset({"ENV", "LABEL"})


class StatementError(InputError):
    """What BuildKit's parser refuses; `first` and `last` are the lines, 1-based."""

    def __init__(self, message: str, first: int, last: int, *, hint: str = "") -> None:
        super().__init__(message, hint=hint or "BuildKit refuses the whole file")
        self.first = first
        self.last = last


@dataclass(frozen=True, slots=True)
class Flag:
    """A `--flag=value` with quotes and escapes removed; `places[i]` is where `text[i]` stands."""

    text: str
    places: Sequence[int]


@dataclass(slots=True)
class Statement:
    """One instruction. `line` is its text joined, `joints` where each part of it comes from.

    `arguments` is what follows the flags, from index `begin` of `line`. `exec_form` has the
    strings where they are a JSON array. `trigger` is the instruction behind ONBUILD.
    """

    keyword: str
    line: str
    joints: Sequence[tuple[int, int]]
    first: int
    last: int
    begin: int
    arguments: str
    flags: tuple[Flag, ...] = ()
    exec_form: tuple[str, ...] | None = None
    trigger: Statement | None = None

    def place(self, index: int) -> int:
        """Where `line[index]` stands in the file's text."""
        if len(self.joints) == 1:
            return self.joints[0][1] + index
        begin, start = self.joints[bisect_right(self.joints, (index, 1 << 62)) - 1]
        return start + index - begin

    def stretch(self, begin: int, end: int) -> tuple[int, int, bool]:
        """Start and end of `line[begin:end]` in the file's text, and whether it is one piece."""
        start = self.place(begin)
        last = self.place(end - 1) if end > begin else start - 1
        return start, last + 1, last - start == end - 1 - begin

    def words(self) -> list[tuple[int, int]]:
        """The arguments split at whitespace, as begin and end in `line`."""
        return [
            (self.begin + match.start(), self.begin + match.end())
            for match in _WORD.finditer(self.arguments)
        ]


class StatementReader:
    """Reads a whole file's statements. `escape` is known once `read` is through."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.escape = "\\"
        self.next = 0
        self._seen: set[str] | None = set()

    def read(self) -> list[Statement]:
        """Every statement in order. Raises `StatementError`."""
        return list(self._statements())

    def _statements(self) -> Iterator[Statement]:
        source, lines = self.source, self.source.lines
        for number, line in enumerate(lines, 1):
            if len(line) * 4 > _MAX_LINE_BYTES:
                _check_length(line, number)
        while self.next < len(lines):
            number = self.next
            line = lines[number]
            stripped = line.rstrip("\r").lstrip(SPACES)
            self.next += 1
            if self._seen is not None:
                self._directive(stripped, number + 1)
            if not stripped or stripped[0] == "#":
                continue
            start = source.starts[number] + len(line) - len(line.lstrip(SPACES))
            yield self._statement(stripped, start, number + 1)

    def _directive(self, line: str, number: int) -> None:
        """Note `# escape=`; the first line that is no directive ends their time."""
        match = _DIRECTIVE.match(line, 1) if line[:1] == "#" else None
        key = match[1].lower() if match else ""
        if match is None or key not in _DIRECTIVES or self._seen is None:
            self._seen = None
            return
        if key in self._seen:
            raise StatementError(f"the directive {key!r} is given twice", number, number)
        self._seen.add(key)
        if key == "escape":
            value = match[2].strip("\t\f\r ")
            if value not in ("\\", "`"):
                raise StatementError(
                    f"{value[:40]!r} is no escape character",
                    number,
                    number,
                    hint="write # escape=` or # escape=\\",
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
            statement = self._split(line, 0, joints, first)
            if statement.keyword == "ONBUILD" and statement.arguments:
                statement.trigger = self._split(line, statement.begin, joints, first)
            if "<<" in line:
                self._pass_heredocs(statement)
        except StatementError:
            raise
        except InputError as error:
            raise StatementError(error.message, first, self.next, hint=error.hint) from error
        statement.last = self.next
        if statement.trigger:
            statement.trigger.last = self.next
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
        while self.next < len(lines):
            number = self.next
            text = lines[number].rstrip("\r")
            self.next += 1
            bare = text.lstrip(SPACES)
            if not bare or bare[0] == "#":
                continue
            more = self._continued(text)
            joints.append((length, starts[number]))
            parts.append(text if more is None else more)
            length += len(parts[-1])
            if more is None:
                break
        return "".join(parts), joints

    def _split(
        self, line: str, begin: int, joints: Sequence[tuple[int, int]], first: int
    ) -> Statement:
        """Keyword, flags and arguments of `line[begin:]`."""
        end = len(line.rstrip(SPACES))
        begin = _skip(line, begin)
        word = _WORD.match(line, begin)
        gap = _GAP.match(line, word.end()) if word else None
        keyword = word[0].upper() if word else ""
        flags: tuple[Flag, ...] = ()
        position = min(gap.end(), end) if gap else end
        if line.startswith("--", position):
            flags, position = _read_flags(line, position, self.escape)
        position = min(_skip(line, position), end)
        statement = Statement(
            keyword=keyword,
            line=line,
            joints=joints,
            first=first,
            last=first,
            begin=position,
            arguments=line[position:end],
            flags=flags,
        )
        self._check(statement)
        return statement

    def _check(self, statement: Statement) -> None:
        keyword, arguments = statement.keyword, statement.arguments
        if keyword in _WITH_JSON and arguments[:1] == "[":
            statement.exec_form = _read_exec_form(arguments)
        elif keyword == "HEALTHCHECK":
            command = arguments[len(arguments.split(None, 1)[0]) :].lstrip() if arguments else ""
            if command[:1] == "[":
                statement.exec_form = _read_exec_form(command)
        elif keyword in _WITH_PAIRS and arguments:
            _check_pairs(statement, self.escape)

    def _pass_heredocs(self, statement: Statement) -> None:
        """Skip the bodies of the here-documents that the statement opens."""
        holder = statement.trigger or statement
        if holder.keyword not in _WITH_HEREDOC or holder.exec_form is not None:
            return
        for name, chomp in _heredocs(statement.line):
            if not self._pass_body(name, chomp=chomp):
                raise InputError(
                    f"the here-document {name[:40]!r} does not end",
                    hint=f"end it with a line that is only {name[:40]!r}",
                )

    def _pass_body(self, name: str, *, chomp: bool) -> bool:
        while self.next < len(self.source.lines):
            text = self.source.lines[self.next].rstrip("\r")
            self.next += 1
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
            line = lines[number].rstrip("\r")
            match = _DIRECTIVE.match(line, len(mark)) if line.startswith(mark) else None
            if match is None or match[1].lower() not in _DIRECTIVES:
                break
            if match[1].lower() == "syntax":
                value = match[2].lstrip("\t\f\r ")
                start = source.starts[number] + match.end() - len(value)
                return start, start + len(value.rstrip("\t\f\r ").split(" ")[0])
    return None


def _skip(text: str, position: int) -> int:
    """Where the spaces at `position` end."""
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _check_length(line: str, number: int) -> None:
    if len(line.encode("utf-8", "surrogateescape")) >= _MAX_LINE_BYTES:
        raise StatementError(
            f"the line is longer than {_MAX_LINE_BYTES} bytes", number, number, hint="split it"
        )


def _read_flags(line: str, position: int, escape: str) -> tuple[tuple[Flag, ...], int]:
    """The flags from `position` on, and where the arguments begin."""
    flags: list[Flag] = []
    while line.startswith("--", position):
        places: list[int] = []
        quote = ""
        while position < len(line):
            char = line[position]
            if not quote and char in SPACES:
                break
            if quote and char == quote:
                quote = ""
            elif not quote and char in "'\"":
                quote = char
            else:
                if char == escape:
                    position += 1
                if position < len(line):
                    places.append(position)
            position += 1
        text = "".join(line[place] for place in places)
        if text == "--":
            break
        flags.append(Flag(text, places))
        position = _skip(line, position)
    return tuple(flags), min(position, len(line))


def _read_exec_form(text: str) -> tuple[str, ...] | None:
    """The strings of a JSON array; None where it is none, and so a shell's words."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list):
        return None
    if not all(isinstance(part, str) for part in value):
        raise InputError(
            "a JSON array holds something that is not a string", hint="quote every element"
        )
    return tuple(value)


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _heredocs(line: str) -> Iterator[tuple[str, bool]]:
    """Name of each here-document that `line` opens, and whether leading tabs are dropped."""
    try:
        words = split_words(line, _nothing, raw=True, keep_unset=True)
    except InputError:
        return  # BuildKit looks for none in a line whose quotes do not match
    for word in words:
        match = _HEREDOC.fullmatch(word)
        if match is None or not match[3]:
            continue
        names = split_words(match[3], _nothing, keep_unset=True)
        if len(names) == 1:
            yield names[0], match[2] == "-"


def _nothing(_name: str) -> None:
    return None


def _check_pairs(statement: Statement, escape: str) -> None:
    """Refuse what is neither `name value` nor `name=value …`."""
    arguments = statement.arguments
    words = quoted_words(arguments, escape)
    first = arguments[words[0][0] : words[0][1]] if words else ""
    if words and "=" not in first and not _GAP.search(arguments):
        raise InputError(f"{statement.keyword} must have two arguments", hint="write name=value")
    for begin, end in words if "=" in first else ():
        if "=" not in arguments[begin:end]:
            raise InputError(f"no '=' in {arguments[begin:end][:80]!r}", hint="write name=value")


def quoted_words(text: str, escape: str) -> list[tuple[int, int]]:
    """Begin and end of each word of `text`, where quotes and escapes keep spaces inside."""
    words: list[tuple[int, int]] = []
    position = 0
    while True:
        position = _skip(text, position)
        if position >= len(text):
            return words
        begin, quote = position, ""
        while position < len(text) and (quote or text[position] not in SPACES):
            char = text[position]
            if char == escape and quote != "'":
                position += 1
            elif quote and char == quote:
                quote = ""
            elif not quote and char in "'\"":
                quote = char
            position += 1
        words.append((begin, min(position, len(text))))
