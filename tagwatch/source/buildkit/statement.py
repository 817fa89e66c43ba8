"""Dockerfile instructions: lines joined, here-documents, then keyword, flags and arguments.

Each character keeps its place. After the rules of BuildKit's `frontend/dockerfile/parser`
(parser.go, split_command.go, line_parsers.go).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from tagwatch.errors import InputError
from tagwatch.source.buildkit.shell_word import SPACES, split_words
from tagwatch.source.text.source_text import SourceText, encoded
from tagwatch.value import dataclass

__all__ = [
    "Flag",
    "Statement",
    "StatementError",
    "StatementReader",
    "find_syntax",
    "heredocs",
    "quoted_words",
    "split_statement",
]

Joints = Sequence[tuple[int, int]]
"""Begin of each part of a joined line, and where in the file's text the part stands."""
_HEAD = re.compile(r"([^\t\v\f\r ]*)[\t\v\f\r ]*")
_GAP = r"[\t\v\f\r ]"
_WORD = re.compile(r"[^\t\v\f\r ]+")
_SIMPLE_FLAG = r"--[!#-&(-\[\]^_a-~]+(?![^ \t])"
_WITH_HEREDOC = frozenset({"ADD", "COPY", "RUN"})
_WITH_EXEC_FORM = _WITH_HEREDOC | {"CMD", "ENTRYPOINT", "SHELL", "VOLUME"}


@dataclass(frozen=True, slots=True)
class Flag:
    """A `--flag=value` with quotes and escapes removed; `places[i]` is where `text[i]` stands."""

    text: str
    places: Sequence[int]


class Statement:
    """One instruction. `line` is its text joined, `joints` where each part of it comes from.

    `arguments` is what follows the flags, from index `begin` of `line`; `first` and `last` are
    lines, 1-based. `exec_form` has the strings where the arguments are a JSON array. `trigger` is
    the instruction behind ONBUILD.
    """

    __slots__ = (
        "arguments", "begin", "exec_form", "first", "flags", "joints", "keyword", "last", "line",
        "trigger",
    )  # fmt: skip

    def __init__(self, keyword: str, line: str, joints: Joints, begin: int, arguments: str) -> None:
        self.keyword = keyword
        self.line = line
        self.joints = joints
        self.begin = begin
        self.arguments = arguments
        self.first = 0
        self.last = 0
        self.flags: tuple[Flag, ...] = ()
        self.exec_form: tuple[str, ...] | None = None
        self.trigger: Statement | None = None

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
        begin = self.begin
        return [
            (begin + match.start(), begin + match.end()) for match in _WORD.finditer(self.arguments)
        ]


def split_statement(line: str, joints: Joints, escape: str) -> Statement:
    """The statement that a joined line is. Raises `InputError` for what the parser refuses."""
    statement = _split(line, 0, joints, escape)
    if statement.keyword == "ONBUILD" and statement.arguments:
        statement.trigger = _split(line, statement.begin, joints, escape)
    return statement


def _split(line: str, begin: int, joints: Joints, escape: str) -> Statement:
    end = len(line.rstrip(SPACES))
    head = _HEAD.match(line, begin + len(line[begin:]) - len(line[begin:].lstrip(SPACES)), end)
    position = head.end() if head else end
    flags: tuple[Flag, ...] = ()
    if line.startswith("--", position):
        flags, position = _read_flags(line, position, escape)
    arguments = line[position:end].lstrip(SPACES)
    keyword = head[1].upper() if head else ""
    statement = Statement(keyword, line, joints, end - len(arguments), arguments)
    statement.flags = flags
    if arguments[:1] == "[" and keyword in _WITH_EXEC_FORM:
        statement.exec_form = _read_exec_form(arguments)
    elif keyword == "HEALTHCHECK" and "[" in arguments:
        command = arguments[len(arguments.split(None, 1)[0]) :].lstrip()
        statement.exec_form = _read_exec_form(command) if command[:1] == "[" else None
    elif arguments and keyword in ("ENV", "LABEL"):
        _check_pairs(statement, escape)
    return statement


def _read_flags(line: str, position: int, escape: str) -> tuple[tuple[Flag, ...], int]:
    """The flags from `position` on, and where the arguments begin."""
    flags: list[Flag] = []
    while line.startswith("--", position):
        simple = re.compile(_SIMPLE_FLAG).match(line, position)
        if simple is not None and escape not in simple[0]:
            flag = Flag(simple[0], range(position, simple.end()))
            position = simple.end()
        else:
            flag, position = _read_flag(line, position, escape)
        if flag.text == "--":
            break
        flags.append(flag)
        while position < len(line) and line[position] in SPACES:
            position += 1
    return tuple(flags), position


def _read_flag(line: str, position: int, escape: str) -> tuple[Flag, int]:
    places: list[int] = []
    quote = ""
    while position < len(line) and (quote or line[position] not in SPACES):
        char = line[position]
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
    text = "".join([line[place] for place in places])
    return Flag(text, places), min(position, len(line))


def _read_exec_form(text: str) -> tuple[str, ...] | None:
    """The strings of a JSON array; None where it is none, and so a shell's words."""
    import json

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list):
        return None
    if not all(isinstance(part, str) for part in value):
        raise InputError(
            "a JSON array holds something that is not a string", hint="quote every element"
        )
    if "\\u" in text:
        from tagwatch.image.unicode import cleaned  # here, as few exec forms have escapes

        value = cleaned(value)
    return tuple(value)


def _check_pairs(statement: Statement, escape: str) -> None:
    """Refuse what is neither `name value` nor `name=value …`."""
    arguments = statement.arguments
    words = quoted_words(arguments, escape)
    if not words:
        return
    if "=" not in arguments[words[0][0] : words[0][1]]:
        if not re.search(_GAP, arguments):
            raise InputError(
                f"{statement.keyword} must have two arguments", hint="write name=value"
            )
        return
    for begin, end in words:
        if "=" not in arguments[begin:end]:
            raise InputError(f"no '=' in {arguments[begin:end][:80]!r}", hint="write name=value")


def quoted_words(text: str, escape: str) -> list[tuple[int, int]]:
    """Begin and end of each word of `text`, where quotes and escapes keep spaces inside."""
    pattern = _quoted_word(escape) if not text.isascii() or _is_quoted(text, escape) else _WORD
    return [match.span() for match in pattern.finditer(text)]


def _is_quoted(text: str, escape: str) -> bool:
    return '"' in text or "'" in text or escape in text


def _quoted_word(escape: str) -> re.Pattern[str]:
    """A run of plain characters, escaped ones and quoted stretches (compiled once by `re`)."""
    mark = re.escape(escape)
    return re.compile(
        rf"""(?s:[^{SPACES}'"{mark}]|{mark}.?|'[^']*'?|"(?:[^"{mark}]|{mark}.?)*"?)+"""
    )


def heredocs(statement: Statement) -> Iterator[tuple[str, bool]]:
    """Name of each here-document that a statement opens, and whether leading tabs are dropped.

    Raises `InputError` for a name that cannot be read.
    """
    holder = statement.trigger or statement
    if holder.keyword not in _WITH_HEREDOC or holder.exec_form is not None:
        return
    try:
        words = split_words(statement.line, _nothing, raw=True, keep_unset=True)
    except InputError:
        return  # BuildKit looks for none in a line whose quotes do not match
    for word in words:
        match = re.fullmatch(r"[0-9]*<<(-?)[\t\n\f\r ]*([^<]+)", word)
        names = split_words(match[2], _nothing, keep_unset=True) if match else []
        if match is not None and len(names) == 1:
            yield names[0], match[1] == "-"


def _nothing(_name: str) -> None:
    return None


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
