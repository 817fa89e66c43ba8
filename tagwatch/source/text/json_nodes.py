"""JSON with comments and trailing commas (as VS Code reads it) to nodes with places."""

from __future__ import annotations

import json
import re

from tagwatch.errors import InputError
from tagwatch.source.target import Problem
from tagwatch.source.text.node import (
    Document,
    Mapping,
    Node,
    Scalar,
    Sequence,
    check_utf8,
    unreadable,
)
from tagwatch.source.text.source_text import SourceText

__all__ = ["load_json"]

_MAX_DEPTH = 150
_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n]+|//[^\n]*|/\*.*?\*/)|(?P<text>"(?:[^"\\\n]|\\[^\n])*")"""
    r"""|(?P<mark>[{}\[\]:,])|(?P<word>[-+.\w]+)""",
    re.DOTALL,
)


def load_json(raw: bytes, path: str) -> Document:
    """The one document. Never raises for its content: what is refused becomes a `Problem`.

    What stands before an error is kept.
    """
    try:
        source = SourceText(raw, path)
        check_utf8(source)
    except InputError as error:
        return unreadable(path, error)
    parser = _Parser(source)
    problem = parser.run()
    return Document(
        source=source,
        roots=tuple(parser.roots),
        problems=(problem,) if problem else (),
    )


class _Parser:
    """Reads tokens into nodes without recursion; lenient where JSON5 readers are."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.roots: list[Node] = []
        self._open: list[Sequence | Mapping] = []
        self._key: list[Scalar | None] = []

    def run(self) -> Problem | None:
        text, position = self.source.text, 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                return self._problem(position, f"unexpected {text[position]!r}")
            position = match.end()
            if match.lastgroup != "blank" and (error := self._take(match)):
                return self._problem(match.start(), error)
        return self._problem(len(text), "the file ends too early") if self._open else None

    def _take(self, match: re.Match[str]) -> str:
        """Use one token; the reason where it cannot stand here."""
        written, start, end = match[0], match.start(), match.end()
        if match.lastgroup == "text":
            try:
                value: str = json.loads(written, strict=False)
                value.encode()  # half a surrogate pair is no text
            except ValueError:
                return "a text with a wrong escape"
            return self._scalar(Scalar(value, start + 1, end - 1, '"'))
        if match.lastgroup == "word":
            return self._scalar(Scalar(written, start, end))
        if written in "{[":
            if len(self._open) >= _MAX_DEPTH:
                return f"nested more than {_MAX_DEPTH} deep"
            node = Mapping(start) if written == "{" else Sequence(start)
            error = self._add(node)
            self._open.append(node)
            self._key.append(None)
            return error
        if written in "}]":
            wanted = Mapping if written == "}" else Sequence
            if not self._open or not isinstance(self._open[-1], wanted) or self._key[-1]:
                return f"unexpected {written!r}"
            self._open.pop().end = end
            self._key.pop()
        return ""

    def _scalar(self, node: Scalar) -> str:
        if self._open and isinstance(self._open[-1], Mapping) and self._key[-1] is None:
            self._key[-1] = node
            return ""
        return self._add(node)

    def _add(self, node: Node) -> str:
        if not self._open:
            self.roots.append(node)
            return "a second value" if len(self.roots) > 1 else ""
        parent = self._open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return ""
        key = self._key[-1]
        if key is None:
            return "a key is a text"
        parent.pairs.append((key, node))
        self._key[-1] = None
        return ""

    def _problem(self, position: int, reason: str) -> Problem:
        around = self.source.text[max(position - 1, 0) : position + 2]
        is_template = any(mark in around for mark in ("{%", "{{", "<%"))
        return Problem(
            message="a template of a JSON file was not read from here on"
            if is_template
            else f"not JSON from here on: {reason}",
            location=self.source.location(position, position),
            hint="check what the template makes"
            if is_template
            else "correct it: what follows was not read",
        )
