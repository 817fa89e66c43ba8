"""YAML to nodes with places, from the events of PyYAML's C parser.

Events, not `compose`: the C composer recurses and dies on 100,000 open brackets; this one counts.
Aliases are shared nodes, never copies, so a file of nested aliases stays as small as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from tagwatch.errors import InputError
from tagwatch.source.target import UNREAD_TEMPLATE, Problem
from tagwatch.source.text.node import (
    Document,
    Mapping,
    Node,
    Scalar,
    Sequence,
    check_utf8,
    merge_sources,
    unreadable,
)
from tagwatch.source.text.source_text import SourceText

__all__ = ["block_content", "load_embedded", "load_yaml"]

# Both compiled where a text is no YAML: what a template says, and where YAML's own text says it.
_TEMPLATE = r"(?<!\$)\{\{|\{%|<%"
_QUOTED = r"""(?m)"(?:\\.|[^"\\\n])*"|'[^'\n]*'|(?:^|(?<=[ \t]))\#.*"""
_MAX_BETWEEN = 50  # lines from what a template says to where YAML finds it wrong
_MAX_DEPTH = 150  # OpenAPI schemas in CRDs reach about 60
_MAX_NODES = 1_000_000
_MAX_MERGED = 200_000
_SEPARATOR = re.compile(r"(?m)^[ \t]*---(?:[ \t][^\n]*)?\r?$")
_SPACE = r"(?:\s|(?<=[\n\r\x85\u2028\u2029])\ufeff)+"  # libyaml passes over a BOM at a line's start
_PROPERTY = re.compile(  # libyaml ends an anchor's name at any other character
    r"(?:!<[^>\s]*>|![^\s\[\]{},]*|&[A-Za-z0-9_-]+)"
    rf"(?:{_SPACE}(?:\#[^\n]*{_SPACE})*|(?=[?:,\]}}%@`]|$))"
)


def load_yaml(raw: bytes, path: str) -> Document:
    """Every document of a YAML stream. Never raises for its content: that becomes a `Problem`.

    After a syntax error the documents before it are kept, and the problem says that more follows.
    """
    try:
        source = SourceText(raw, path)
        check_utf8(source)
    except InputError as error:
        return unreadable(path, error)
    if source.text.startswith("\ufeff"):  # libyaml passes over it without counting it
        twice = InputError("the file begins with two byte order marks", hint="remove one")
        return unreadable(path, twice)
    return _compose(source, [(0, source.text)])


def load_embedded(document: Document, node: Scalar) -> Document:
    """The YAML or JSON that a scalar of `document` holds, every node at its place in the file.

    Nothing where the file spells the scalar's text otherwise (escapes, folded lines).
    """
    text = document.source.text
    start, end = node.start, node.end
    if node.style == "|":
        start = text.find("\n", start, end) + 1 or end
    elif text[start:end] != node.value:
        return Document(source=document.source)
    ends = [match.span() for match in _SEPARATOR.finditer(text, start, end)]
    starts = [start, *(after for _, after in ends)]
    stops = [*(before for before, _ in ends), end]
    return _compose(
        document.source,
        [(at, text[at:stop]) for at, stop in zip(starts, stops, strict=True)],
    )


def block_content(source: SourceText, node: Scalar) -> tuple[int, int]:
    """The characters of a block scalar's content, from its first character to its last.

    They equal the value only where it stands in one line.
    """
    body = source.text.find("\n", node.start, node.end)
    if body < 0:
        return node.start, node.start
    text = source.text[body : node.end]
    start = body + len(text) - len(text.lstrip())
    return (start, body + len(text.rstrip())) if text.strip() else (node.start, node.start)


def _compose(source: SourceText, streams: Iterable[tuple[int, str]]) -> Document:
    """The documents of the streams, each given with where in `source` it begins."""
    composers = [_Composer(source, text, start) for start, text in streams]
    for composer in composers:
        composer.run()
    return Document(
        source=source,
        roots=tuple(root for composer in composers for root in composer.roots),
        problems=tuple(problem for composer in composers for problem in composer.problems),
    )


def _is_template(text: str, position: int) -> bool:
    """True where the line of an error, or the one before, has what only a template has.

    A comment may hold anything, and so may a string: what is wrong is wrong without them.
    """
    end = text.find("\n", position)
    before = text[: end if end >= 0 else len(text)].rsplit("\n", _MAX_BETWEEN)
    said = [
        line
        for line in re.sub(_QUOTED, "", "\n".join(before[-_MAX_BETWEEN:])).split("\n")
        if line.strip()
    ]
    return re.search(_TEMPLATE, "\n".join(said[-2:])) is not None


class _Composer:
    """Builds nodes from one stream's events; gives up, with a problem, at any limit."""

    def __init__(self, source: SourceText, text: str, offset: int) -> None:
        self.source = source
        self._text = text
        self._offset = offset  # where `text` begins in the file
        self.roots: list[Node] = []
        self.problems: list[Problem] = []
        self._anchors: dict[str, Node] = {}
        self._open: list[Sequence | Mapping] = []
        self._keys: list[Node | None] = []  # of each open mapping: the key that waits for a value
        self._count = 0
        self._merged = 0

    def run(self) -> None:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(self._text)
        try:
            while (event := loader.get_event()) is not None:
                if not self._take(event, yaml):
                    break
        except yaml.YAMLError as error:
            self._refuse(error)
        except RecursionError:  # the pure-Python parser, where the C one is not installed
            self._problem("nested too deeply", self._offset)
        finally:
            loader.dispose()

    def _take(self, event: Any, yaml: ModuleType) -> bool:
        """Build with one event (the C parser's are not typed); False where a limit is reached."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._add(self._scalar(event), event.anchor)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            node = (Mapping if kind is yaml.MappingStartEvent else Sequence)(
                event.start_mark.index + self._offset, event.tag or ""
            )
            self._add(node, event.anchor)
            self._open.append(node)
            self._keys.append(None)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._close(event.end_mark.index + self._offset)
        elif kind is yaml.AliasEvent:
            if event.anchor not in self._anchors:
                start = event.start_mark.index + self._offset
                hint = "an anchor stands before its aliases, in the same document"
                self._problem(f"no anchor {event.anchor[:60]!r}", start, hint=hint)
                self._add(Scalar("", start, start), None)
            else:
                shared = self._anchors[event.anchor]
                if isinstance(shared, Scalar):
                    shared.is_shared = True
                self._add(shared, None)
        elif kind is yaml.DocumentStartEvent:
            self._anchors = {}
        return self._within_limits(event)

    def _within_limits(self, event: Any) -> bool:
        self._count += 1
        limit = (
            f"nested more than {_MAX_DEPTH} deep" if len(self._open) > _MAX_DEPTH
            else f"more than {_MAX_NODES} nodes" if self._count > _MAX_NODES
            else f"more than {_MAX_MERGED} merged keys" if self._merged > _MAX_MERGED
            else ""
        )  # fmt: skip
        if limit:
            self._problem(limit, event.start_mark.index + self._offset)
        return not limit

    def _scalar(self, event: Any) -> Scalar:
        start, end, style = event.start_mark.index, event.end_mark.index, event.style or ""
        if event.anchor or event.tag:
            while (match := _PROPERTY.match(self._text, start, end)) and match.end() > start:
                start = match.end()
        if style in ("'", '"'):
            start, end = start + 1, end - 1
        start, end = start + self._offset, end + self._offset
        return Scalar(event.value, start, end, style, event.tag or "")

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._open:
            self.roots.append(node)
            return
        parent = self._open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = node
        else:
            parent.pairs.append((key, node))
            self._keys[-1] = None

    def _close(self, end: int) -> None:
        node = self._open.pop()
        self._keys.pop()
        node.end = end
        if not isinstance(node, Mapping):
            return
        node.size += len(node.pairs)
        seen: set[str] = set()
        for key, value in node.pairs:
            if not isinstance(key, Scalar):
                continue
            if key.value == "<<" and not key.style:
                node.size += sum(source.size for source in merge_sources(value))
                self._merged += node.size
            elif key.value in seen:
                self._problem(
                    f"the key {key.value[:60]!r} stands twice; the last one counts",
                    key.start,
                    hint="remove the one that is not meant",
                )
            seen.add(key.value)

    def _refuse(self, error: Any) -> None:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        position = mark.index if mark else getattr(error, "position", 0)
        words = getattr(error, "problem", None) or getattr(error, "reason", None) or "syntax error"
        if _is_template(self._text, position):
            hint = "check what the template makes"
            self._problem(UNREAD_TEMPLATE, position + self._offset, hint=hint, skipped=True)
        else:
            self._problem(f"not YAML from here on: {words}", position + self._offset)

    def _problem(
        self,
        message: str,
        position: int,
        *,
        hint: str = "correct it: what follows was not read",
        skipped: bool = False,
    ) -> None:
        position = min(max(position, 0), len(self.source.text))
        place = self.source.location(position, position)
        problem = Problem(message=message, location=place, hint=hint, skipped=skipped)
        self.problems.append(problem)
