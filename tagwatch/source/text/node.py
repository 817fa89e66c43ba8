"""Nodes of a structured file (YAML, JSON, HCL) with the place of every scalar."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tagwatch.errors import InputError
from tagwatch.source.target import Location, Problem
from tagwatch.source.text.source_text import SourceText
from tagwatch.value import dataclass, field

__all__ = ["Document", "Mapping", "Node", "Scalar", "Sequence", "as_mapping", "items_of"]
__all__ += ["check_utf8", "merge_sources", "unreadable", "walk"]

# What YAML 1.1 readers (Helm, Compose, kustomize) take for no string when it is not quoted.
_LITERAL = re.compile(
    r"~|null|Null|NULL|true|True|TRUE|false|False|FALSE|[-+]?\.?\d[\d_]*\.?\d*(?:[eE][-+]?\d+)?"
    r"|0[xo][0-9a-fA-F]+|\.(?:inf|nan)",
    re.ASCII,
)
_FLOAT = re.compile(r"[-+]?\d{1,12}\.\d{0,12}", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(slots=True, eq=False)
class Scalar:
    """A scalar. `start` and `end` are characters of the file, inside quotes, after `&anchor !tag`.

    `style`: `"`, `'`, `|`, `>` or empty (plain). A block scalar's place begins at its indicator.
    `is_shared`: an alias leads here, so that the file says it in more than one place.
    """

    value: str
    start: int
    end: int
    style: str = ""
    tag: str = ""
    is_shared: bool = False

    @property
    def is_null(self) -> bool:
        """True where a reader gets no value: `~`, `null`, nothing, `!reset`."""
        return self.tag == "!reset" or (not self.style and not self.tag and self.value in _NULLS)

    @property
    def is_string(self) -> bool:
        """False where a reader gets a number, a boolean or null."""
        return bool(self.style or self.tag) or not _LITERAL.fullmatch(self.value or "~")

    @property
    def number(self) -> float | None:
        """What a reader gets for `3.10` without quotes, and prints as 3.1; None for no fraction."""
        is_float = not self.style and not self.tag and _FLOAT.fullmatch(self.value)
        return float(self.value) if is_float else None


@dataclass(slots=True, eq=False)
class Sequence:
    """A list of nodes."""

    start: int
    tag: str = ""
    end: int = 0
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Mapping:
    """Keys and values in file order. `entries` is what a reader sees: merged, last one wins."""

    start: int
    tag: str = ""
    end: int = 0
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    size: int = 0  # keys with all that is merged in, counted with repetition: a limit's measure
    _entries: dict[str, Node] | None = None

    @property
    def entries(self) -> dict[str, Node]:
        """String keys to values, `<<` merged in (a key of its own beats a merged one)."""
        if self._entries is None:
            self._entries = {}  # seen by a mapping that merges itself
            own: dict[str, Node] = {}
            merged: dict[str, Node] = {}
            for key, value in self.pairs:
                if not isinstance(key, Scalar):
                    continue
                if key.value == "<<" and not key.style:
                    for source in merge_sources(value):
                        merged = source.entries | merged
                else:
                    own.pop(key.value, None)
                    own[key.value] = value
            self._entries = merged | own
        return self._entries

    def get(self, *path: str) -> Node | None:
        """The value under a path of keys; None where something on the way is missing or null."""
        node: Node | None = self
        for key in path:
            node = node.entries.get(key) if isinstance(node, Mapping) else None
        return None if isinstance(node, Scalar) and node.is_null else node

    def scalar(self, *path: str) -> Scalar | None:
        """The scalar under a path of keys; None where there is none, or null."""
        node = self.get(*path)
        return node if isinstance(node, Scalar) else None

    def mapping(self, *path: str) -> Mapping | None:
        """The mapping under a path of keys; None where there is none."""
        return as_mapping(self.get(*path))

    def key(self, name: str) -> Scalar | None:
        """The last key of its own named so, with its place."""
        return next(
            (k for k, _ in reversed(self.pairs) if isinstance(k, Scalar) and k.value == name), None
        )


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed file: its text, its documents in order, and what its reader would refuse."""

    source: SourceText
    roots: tuple[Node, ...] = ()
    problems: tuple[Problem, ...] = ()

    def location(self, node: Node) -> Location:
        """The node's place; for a block scalar that of its indicator."""
        return self.source.location(node.start, max(node.start, node.end))


def as_mapping(node: Node | None) -> Mapping | None:
    """The node where it is a mapping."""
    return node if isinstance(node, Mapping) else None


def check_utf8(source: SourceText) -> None:
    """Raise `InputError` for text that its own tools refuse: bytes that are no UTF-8."""
    found = None if source.text.isascii() else _SURROGATE.search(source.text)
    if found:
        line = source.location(found.start(), found.end()).line
        raise InputError(f"line {line} is not UTF-8", hint="save the file as UTF-8")


def unreadable(path: str, error: InputError) -> Document:
    """The document of a file that cannot be read at all."""
    source = SourceText(b"", path)
    place = source.location(0, 0)
    problem = Problem(message=f"cannot be read: {error.message}", location=place, hint=error.hint)
    return Document(source=source, problems=(problem,))


def merge_sources(node: Node) -> list[Mapping]:
    """The mappings that stand as the value of `<<`: one, or a list of them."""
    nodes = node.items if isinstance(node, Sequence) else [node]
    return [source for source in nodes if isinstance(source, Mapping)]


def items_of(node: Node | None) -> list[Node]:
    """The items of a sequence; nothing of anything else."""
    return node.items if isinstance(node, Sequence) else []


def walk(node: Node, seen: set[int] | None = None) -> Iterator[tuple[Mapping, str, Node]]:
    """Every (mapping, key, value) below `node`, in file order, each mapping once.

    `seen`: identities of nodes that other walks have entered, and that this one adds to.
    """
    seen = set() if seen is None else seen
    stack: list[tuple[Mapping, str, Node] | Node] = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, tuple):
            yield top
            top = top[2]
        if isinstance(top, Scalar) or id(top) in seen:
            continue
        seen.add(id(top))
        if isinstance(top, Sequence):
            stack.extend(reversed(top.items))
        else:
            stack.extend((top, key, value) for key, value in reversed(top.entries.items()))
