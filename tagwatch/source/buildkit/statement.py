"""One Dockerfile instruction: keyword, flags, arguments, each character with its place.

After the rules of BuildKit's `frontend/dockerfile/parser` (split_command.go, line_parsers.go).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from tagwatch.errors import InputError
from tagwatch.source.buildkit.shell_word import SPACES, split_words
from tagwatch.value import dataclass

__all__ = ["Flag", "Statement", "heredocs", "quoted_words", "split_statement"]

Joints = Sequence[tuple[int, int]]
"""Begin of each part of a joined line, and where in the file's text the part stands."""

_HEAD = re.compile(r"([^\t\v\f\r ]*)[\t\v\f\r ]*")
_GAP = re.compile(r"[\t\v\f\r ]")
_WORD = re.compile(r"[^\t\v\f\r ]+")
_SIMPLE_FLAG = re.compile(r"--[!#-&(-\[\]^_a-~]+(?![^ \t])")
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
        simple = _SIMPLE_FLAG.match(line, position)
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
    return tuple(value)


def _check_pairs(statement: Statement, escape: str) -> None:
    """Refuse what is neither `name value` nor `name=value …`."""
    arguments = statement.arguments
    words = quoted_words(arguments, escape)
    if not words:
        return
    if "=" not in arguments[words[0][0] : words[0][1]]:
        if not _GAP.search(arguments):
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
