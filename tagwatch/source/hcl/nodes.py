"""HCL (as `docker buildx bake` reads it) to nodes with places, from python-hcl2's syntax tree.

A block becomes nested mappings: `target "a" {…}` is `{"target": {"a": {…}}}`, as in bake's JSON.
Strings keep their `${…}`; an expression that is no string stands as the string `${expression}`.
"""

from __future__ import annotations

import json
import re
import textwrap
from typing import Any

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

__all__ = ["load_hcl"]

_MAX_DEPTH = 60
_WORD = r"""\"(?:[^"\\$]|\\.)*\"|\w+|[^\w\s]"""  # a text without `${…}` is one
_MAX_OPEN = 200  # brackets of all kinds, those in texts counted with them
_MAX_BYTES = 256 * 1024
_MAX_WORDS = 40_000  # which take three seconds
_LITERALS = frozenset({"int_lit", "float_lit", "literal_value"})


def load_hcl(raw: bytes, path: str) -> Document:
    """The file as one mapping. Never raises for its content: what is refused is a `Problem`.

    About 50 ms the first time, of which most is the import of python-hcl2.
    """
    try:
        source = SourceText(raw, path)
        check_utf8(source)
    except InputError as error:
        return unreadable(path, error)
    if len(raw) > _MAX_BYTES:
        return _refused(source, 0, f"more than {_MAX_BYTES} bytes of HCL", "split the file")
    if sum(1 for _ in re.finditer(_WORD, source.text)) > _MAX_WORDS:
        return _refused(source, 0, f"more than {_MAX_WORDS} words of HCL", "split the file")
    if _opened(source.text) > _MAX_OPEN:
        return _refused(source, 0, f"nested more than {_MAX_OPEN} deep", "nest less")
    import hcl2  # only bake files need it
    from lark.exceptions import LarkError

    try:
        tree = hcl2.parses_to_tree(source.text)
        root = _Builder(source).body(tree.children[0], 0)
    except LarkError as error:
        position = getattr(error, "pos_in_stream", None) or 0
        return _refused(source, position, "not HCL", "check its syntax; nothing of it was read")
    except _TooDeepError:
        return _refused(source, 0, f"nested more than {_MAX_DEPTH} deep", "nest less")
    return Document(source=source, roots=(root,))


def _opened(text: str) -> int:
    """How many brackets are open at once at most: the parser takes longer with each."""
    depth = deepest = 0
    for mark in re.finditer(r"[(\[{]|[)\]}]", text):
        depth = depth + 1 if mark[0] in "([{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _refused(source: SourceText, position: int, message: str, hint: str) -> Document:
    position = min(max(position, 0), len(source.text))
    place = source.location(position, position)
    return Document(source=source, problems=(Problem(message=message, location=place, hint=hint),))


class _TooDeepError(Exception):
    """The syntax tree is deeper than anything people write."""


class _Builder:
    """Walks python-hcl2's untyped tree (rules `body`, `block`, `attribute`, `expr_term` …)."""

    def __init__(self, source: SourceText) -> None:
        self._source = source

    def body(self, tree: Any, depth: int) -> Mapping:
        """The attributes and blocks of a body; blocks of one type and label become one mapping."""
        if depth > _MAX_DEPTH:
            raise _TooDeepError
        node = Mapping(_start(tree), end=_end(tree))
        for child in tree.children:
            if _rule(child) == "attribute":
                key, value = child.children[0], child.children[-1]
                node.pairs.append((self._key(key), self._expression(value, depth)))
            elif _rule(child) == "block":
                self._block(node, child, depth)
        return node

    def _block(self, node: Mapping, tree: Any, depth: int) -> None:
        labels = [self._key(child) for child in tree.children if _rule(child) in _LABELS]
        bodies = [child for child in tree.children if _rule(child) == "body"]
        for label in labels[:-1]:
            inner = next((v for k, v in node.pairs if _named(k, label)), None)
            if not isinstance(inner, Mapping):
                inner = Mapping(label.start)
                node.pairs.append((label, inner))
            node = inner
        empty = Mapping(labels[-1].start)
        node.pairs.append((labels[-1], self.body(bodies[0], depth + 1) if bodies else empty))

    def _key(self, tree: Any) -> Scalar:
        if _rule(tree) in ("object_elem_key", "expr_term"):
            return self._key(tree.children[0])
        if _rule(tree) == "string":
            return self._string(tree)
        start, end = _start(tree), _end(tree)
        return Scalar(self._source.text[start:end], start, end)

    def _expression(self, tree: Any, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise _TooDeepError
        inner = tree
        while _rule(inner) == "expr_term" and len(inner.children) == 1:
            inner = inner.children[0]
        match _rule(inner):
            case "string":
                return self._string(inner)
            case "heredoc_template" | "heredoc_template_trim":
                return self._heredoc(inner)
            case "tuple":
                items = [child for child in inner.children if _rule(child) not in _NO_VALUE]
                nodes = [self._expression(child, depth + 1) for child in items]
                return Sequence(_start(inner), end=_end(inner), items=nodes)
            case "object":
                elements = [child for child in inner.children if _rule(child) == "object_elem"]
                pairs: list[tuple[Node, Node]] = [
                    (
                        self._key(element.children[0]),
                        self._expression(element.children[-1], depth + 1),
                    )
                    for element in elements
                ]
                return Mapping(_start(inner), end=_end(inner), pairs=pairs)
        start, end = _start(tree), _end(tree)
        text = self._source.text[start:end]
        return Scalar(text if _rule(inner) in _LITERALS else f"${{{text}}}", start, end)

    def _string(self, tree: Any) -> Scalar:
        """A quoted string; one with `${…}` stays as written, of others the escapes are read."""
        start, end = _start(tree) + 1, _end(tree) - 1
        text = self._source.text[start:end]
        if "\\" in text and "${" not in text:
            try:
                value: str = json.loads(f'"{text}"', strict=False)
                value.encode()  # half a surrogate pair is no text
            except ValueError:
                return Scalar(text, start, end, '"')
            return Scalar(value, start, end, '"')
        return Scalar(text, start, end, '"')

    def _heredoc(self, tree: Any) -> Scalar:
        start, end = _start(tree), _end(tree)
        lines = self._source.text[start:end].rstrip("\r\n").split("\n")[1:-1]
        text = "".join(f"{line}\n" for line in lines)
        if _rule(tree) == "heredoc_template_trim":
            text = textwrap.dedent(text)
        return Scalar(text, start, end, "|")


_LABELS = frozenset({"identifier", "string"})
_NO_VALUE = frozenset({"", "new_line_or_comment"})


def _rule(tree: Any) -> str:
    """The rule's name of a tree; empty for a token."""
    return str(getattr(tree, "data", ""))


def _named(key: Node, label: Scalar) -> bool:
    return isinstance(key, Scalar) and key.value == label.value


def _start(tree: Any) -> int:
    return 0 if tree.meta.empty else int(tree.meta.start_pos)


def _end(tree: Any) -> int:
    return 0 if tree.meta.empty else int(tree.meta.end_pos)
