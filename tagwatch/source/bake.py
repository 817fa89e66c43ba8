"""Bake files (`docker buildx bake`), HCL and JSON: what their targets are built from.

`contexts` that are `docker-image://`, registry caches, inline Dockerfiles, and the Dockerfiles
with the arguments of the target and of those it inherits from. Variables have their defaults,
or the environment's value; functions and conditions are not evaluated: they are missing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from tagwatch.source.build import IMAGE_SCHEME, Build, Builds, argument_field, cache_reference
from tagwatch.source.companion import Companions
from tagwatch.source.ignore import attach, find_ignores, ignore_problems
from tagwatch.source.image_text import image_target, place_of
from tagwatch.source.shared_value import mark_shared
from tagwatch.source.target import Extraction, SourceContext, Span, Target
from tagwatch.source.text.hcl_nodes import load_hcl
from tagwatch.source.text.interpolation import Place, Resolved, joined, literal
from tagwatch.source.text.json_nodes import load_json
from tagwatch.source.text.node import Document, Mapping, Node, Scalar, items_of

__all__ = ["extract", "recognizes"]

_NAME = re.compile(r"(?:docker-)?bake(?:[._-][^/]*)?\.(?:hcl|json)")
_HCL_TARGET = re.compile(rb'(?m)^[ \t]*target[ \t]+(?:"[^"\n]+"|\w+)[ \t]*\{')
_JSON_TARGET = re.compile(rb'"target"[ \t\r\n]*:[ \t\r\n]*\{')
_JSON_KEY = re.compile(rb'"(?:dockerfile|context|contexts|inherits|tags)"[ \t]*:')
_VARIABLE = re.compile(r"[ \t]*([A-Za-z_][\w-]*)[ \t]*")
_MAX_CHAIN = 32
_MAX_NESTED = 50  # variables in variables


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`."""
    if _NAME.fullmatch(posixpath.basename(path)):
        return True
    if path.endswith(".hcl"):
        return _HCL_TARGET.search(head) is not None
    return path.endswith(".json") and bool(_JSON_TARGET.search(head) and _JSON_KEY.search(head))


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:
    """See `Source.extract`."""
    is_json = path.endswith(".json") or raw.lstrip().startswith(b"{")
    document = load_json(raw, path) if is_json else load_hcl(raw, path)
    companions = Companions(context)
    builds = Builds(companions, context)
    reader = _Reader(document, context)
    targets: dict[tuple[object, ...], Target] = {}
    problems = list(document.problems)
    for name in reader.names:
        for target in reader.images(name):
            targets.setdefault((target.location, target.reference), target)
    text = document.source.text
    ignores = find_ignores(text, path, comment="#") + find_ignores(text, path, comment="//")
    found = list(attach(targets.values(), ignores))
    for name in reader.names:
        build = None if builds.is_full else reader.build(name)
        if build is not None:
            extraction = builds.extraction(build)
            found += extraction.targets
            problems += extraction.problems
    return Extraction(
        targets=mark_shared(found, reader.places, [text], bare=True),
        problems=(*problems, *ignore_problems(ignores), *companions.problems),
        wanted=companions.wanted,
        ignores=ignores,
    )


class _Reader:
    """The targets of one file, with what they inherit."""

    def __init__(self, document: Document, context: SourceContext) -> None:
        self._document = document
        self._environment = context.environment
        root = document.roots[0] if document.roots else None
        self._root = root if isinstance(root, Mapping) else Mapping(0)
        self._known: dict[str, Resolved | None] = {}
        self._depth = 0
        self.places: dict[Span, str] = {}  # where each variable's default stands

    @property
    def names(self) -> list[str]:
        """The targets' names, in file order."""
        targets = self._root.mapping("target") or Mapping(0)
        return [name for name, node in targets.entries.items() if isinstance(node, Mapping)]

    def images(self, name: str) -> Iterator[Target]:
        """The images that the target names itself (what it inherits is read where it stands)."""
        node = self._root.mapping("target", name)
        contexts = node.mapping("contexts") if node else None
        for value in contexts.entries.values() if contexts else ():
            if isinstance(value, Scalar) and value.value.startswith(IMAGE_SCHEME):
                yield self._image(name, value, len(IMAGE_SCHEME))
        for item in items_of(node.get("cache-from") if node else None):
            source = item.scalar("ref") if isinstance(item, Mapping) else item
            if not isinstance(source, Scalar):
                continue
            reference = cache_reference(source.value)
            if reference and source.value.endswith(reference):
                yield self._image(name, source, len(source.value) - len(reference))

    def build(self, name: str) -> Build | None:
        """The target's build, with everything inherited."""
        lineage = self._lineage(name)
        inline = self._first(lineage, "dockerfile-inline")
        context = self._text(self._first(lineage, "context"), ".")
        file = self._first(lineage, "dockerfile")
        name_of_file = self._text(file, "Dockerfile")
        node = self._root.mapping("target", name)
        if node is None or context is None or name_of_file is None or "://" in context:
            return None
        arguments: dict[str, Resolved] = {}
        contexts: set[str] = set()
        for layer in reversed(lineage):
            contexts |= _keys(layer.get("contexts"))
            values = layer.mapping("args")
            for key, value in values.entries.items() if values else ():
                if isinstance(value, Scalar) and not value.is_null:
                    arguments[key] = self.value(value)
        folder = posixpath.dirname(self._document.source.path)
        text = self._text(inline, None)
        return Build(
            location=self._document.location(file or node),
            path=posixpath.normpath(posixpath.join(folder, context, name_of_file)),
            inline=(self._document, inline, text) if inline is not None and text else None,
            arguments={k: text for k, v in arguments.items() if (text := v.known) is not None},
            argument_fields={k: at for k, v in arguments.items() if (at := argument_field(v))},
            unknown=frozenset(k for k, v in arguments.items() if v.known is None),
            target=self._text(self._first(lineage, "target"), None),
            contexts=frozenset(contexts),
            is_explicit=file is not None,
        )

    def value(self, node: Scalar) -> Resolved:
        """The text of a string with its `${variables}` substituted."""
        return self._template(node.value, place_of(self._document, node))

    def _image(self, name: str, node: Scalar, skip: int) -> Target:
        return image_target(
            self._document, node, self.value(node), kind="bake", skip=skip, group=name
        )

    def _lineage(self, name: str) -> list[Mapping]:
        """The target, then what it inherits from: of several the last wins."""
        found: dict[str, Mapping] = {}
        waiting = [name]
        while waiting and len(found) < _MAX_CHAIN:
            name = waiting.pop()
            node = self._root.mapping("target", name)
            if node is not None and name not in found:
                found[name] = node
                bases = (self._text(item, None) for item in items_of(node.get("inherits")))
                waiting += [base for base in bases if base]
        return list(found.values())

    @staticmethod
    def _first(lineage: list[Mapping], key: str) -> Scalar | None:
        return next((node for layer in lineage if (node := layer.scalar(key)) is not None), None)

    def _text(self, node: Node | None, default: str | None) -> str | None:
        return self.value(node).known if isinstance(node, Scalar) else default

    def _template(self, text: str, place: Place | None) -> Resolved:
        parts: list[Resolved] = []
        position = 0
        while (at := _next_marker(text, position)) >= 0:
            parts.append(literal(text[position:at], place, position))
            if text.startswith(("$${", "%%{"), at):
                parts.append(literal(text[at + 1 : at + 3]))
                position = at + 3
                continue
            end = _expression_end(text, at + 2)
            expression = text[at + 2 : end - 1]
            variable = _VARIABLE.fullmatch(expression) if text[at] == "$" else None
            value = self._variable(variable[1]) if variable else None
            name = variable[1] if variable else expression.strip()[:200]
            parts.append(Resolved(missing=(name,)) if value is None else value)
            position = end
        parts.append(literal(text[position:], place, position))
        return joined(parts)

    def _variable(self, name: str) -> Resolved | None:
        if name in self._environment and self._root.get("variable", name) is not None:
            return literal(self._environment[name])
        if name not in self._known and self._depth < _MAX_NESTED:
            self._depth += 1
            self._known[name] = None  # where a variable leads back to itself
            default = self._root.scalar("variable", name, "default")
            value = self.value(default) if default is not None else None
            self._known[name] = value
            for span in value.spans if value else ():
                self.places.setdefault(span, name)
            self._depth -= 1
        return self._known.get(name)


def _keys(node: Node | None) -> set[str]:
    return set(node.entries) if isinstance(node, Mapping) else set()


def _next_marker(text: str, position: int) -> int:
    found = [at for mark in ("$${", "%%{", "${", "%{") if (at := text.find(mark, position)) >= 0]
    return min(found, default=-1)


def _expression_end(text: str, at: int) -> int:
    """Where an expression that begins at `at` ends: after its `}`, strings passed over."""
    depth, quoted = 1, False
    while at < len(text) and depth:
        character = text[at]
        if character == "\\":
            at += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            depth += (character == "{") - (character == "}")
        at += 1
    return at
