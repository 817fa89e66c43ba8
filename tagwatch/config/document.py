"""A configuration file as plain values, with the place of every one of them."""

from __future__ import annotations

import re
from typing import Any

from tagwatch.errors import ConfigError
from tagwatch.source.target import Location
from tagwatch.source.text.node import Document, Mapping, Node, Scalar, Sequence
from tagwatch.source.text.yaml_nodes import load_yaml

__all__ = ["ConfigDocument", "Keys", "dotted", "read_document"]

Keys = tuple[str | int, ...]
"""Keys and indices from a file's root to a value."""

_MAX_DEPTH = 40
_MAX_VALUES = 100_000
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]+", re.ASCII)


class ConfigDocument:
    """One file. `tree`: dicts, lists and scalars; of YAML's words only true, false, null count."""

    def __init__(self, name: str, document: Document) -> None:
        self.name = name
        self._document = document
        self._count = 0
        self.tree: Any = self._value(document.roots[0], ()) if document.roots else {}
        if self.tree is None:
            self.tree = {}

    def value(self, path: Keys) -> Any:
        """The value at `path`, which must exist."""
        value = self.tree
        for part in path:
            value = value[part]
        return value

    def place(self, path: Keys) -> Location:
        """Where the value at `path` stands; a missing one where its nearest parent stands."""
        node: Node | None = self._document.roots[0] if self._document.roots else None
        at = self._document.source.location(0, 0)
        for part in path:
            following = _child(node, part)
            if following is None:
                break
            key = node.key(part) if isinstance(node, Mapping) and isinstance(part, str) else None
            node = following
            at = self._document.location(key or node)
        return at

    def value_place(self, path: Keys) -> Location:
        """As `place`, but of the value itself where that is a scalar, not of its key."""
        node: Node | None = self._document.roots[0] if self._document.roots else None
        for part in path:
            node = _child(node, part)
        return self._document.location(node) if isinstance(node, Scalar) else self.place(path)

    def error(
        self, path: Keys, message: str, *, hint: str = "", at_value: bool = True
    ) -> ConfigError:
        """An error about the value (or the key) at `path`: `tagwatch.yaml:12:3: watch[0]: …`."""
        place = self.value_place(path) if at_value else self.place(path)
        where = dotted(path)
        return ConfigError(f"{place}: {where + ': ' if where else ''}{message}", hint=hint)

    def is_plain(self, path: Keys) -> bool:
        """True where the value at `path` is a scalar without quotes."""
        node: Node | None = self._document.roots[0] if self._document.roots else None
        for part in path:
            node = _child(node, part)
        return isinstance(node, Scalar) and not node.style

    def _value(self, node: Node, path: Keys) -> Any:
        self._count += 1
        if self._count > _MAX_VALUES or len(path) > _MAX_DEPTH:
            raise ConfigError(
                f"{self._document.location(node)}: too many or too deeply nested values",
                hint="aliases that repeat each other are not followed for ever",
            )
        match node:
            case Mapping():
                return {key: self._value(value, (*path, key)) for key, value in self._pairs(node)}
            case Sequence():
                return [self._value(item, (*path, i)) for i, item in enumerate(node.items)]
            case Scalar():
                return _scalar(node)

    def _pairs(self, node: Mapping) -> list[tuple[str, Node]]:
        for key, _ in node.pairs:
            if not isinstance(key, Scalar):
                raise ConfigError(f"{self._document.location(key)}: a key is not a scalar")
        return list(node.entries.items())


def read_document(raw: bytes, name: str) -> ConfigDocument:
    """Parse a YAML file called `name`. Raises `ConfigError` for any fault in it."""
    document = load_yaml(raw, name)
    if document.problems:
        problem = document.problems[0]
        raise ConfigError(
            f"{problem.location}: {problem.message}",
            hint=_hint(problem.hint)
            or "look for a bracket, quote or indentation before this place",
        )
    if len(document.roots) > 1:
        place = document.location(document.roots[1])
        raise ConfigError(f"{place}: a second document begins here", hint="keep one document")
    read = ConfigDocument(name, document)
    if not isinstance(read.tree, dict):
        raise read.error((), "the file holds no mapping", hint="write key: value lines")
    return read


def dotted(path: Keys) -> str:
    """A path for people. A key of a tree's begins no line of its own.

    >>> dotted(("watch", 0, "tags"))
    'watch[0].tags'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _hint(hint: str) -> str:
    return "" if hint == "correct it: what follows was not read" else hint


def _child(node: Node | None, part: str | int) -> Node | None:
    if isinstance(node, Mapping) and isinstance(part, str):
        return node.entries.get(part)
    if isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
        return node.items[part]
    return None


def _scalar(node: Scalar) -> Any:
    if node.style or (node.tag and node.tag != "!"):
        return node.value
    if node.value.lower() in _WORDS and node.value in (
        node.value.lower(),
        node.value.title(),
        node.value.upper(),
    ):
        return _WORDS[node.value.lower()]
    if _INTEGER.fullmatch(node.value):
        return int(node.value)
    return float(node.value) if _FLOAT.fullmatch(node.value) else node.value
