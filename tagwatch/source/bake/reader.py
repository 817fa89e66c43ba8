"""A bake file's targets: the images that they name, and how they are built."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from tagwatch.source.bake.file import BakeFile, BakeTarget
from tagwatch.source.build import (
    IMAGE_SCHEME,
    Build,
    argument_field,
    cache_node,
    cache_reference,
)
from tagwatch.source.hcl.function import Value, text_of
from tagwatch.source.hcl.value import UnknownValueError
from tagwatch.source.target import Problem, Target, replaced
from tagwatch.source.text.image_text import image_target, part_of
from tagwatch.source.text.interpolation import Resolved, literal
from tagwatch.source.text.node import Mapping, Node, Scalar, Sequence

__all__ = ["BakeReader"]

_EMPTY = f"{IMAGE_SCHEME}scratch"  # which BuildKit does not pull
_Found = tuple[Scalar, Resolved] | None


class BakeReader:
    """What the targets of a file name, and how they are built."""

    def __init__(self, file: BakeFile) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._document = file.document

    def images(self, name: str, target: BakeTarget) -> Iterator[Target]:
        """The images that the target names itself (what it inherits is read where it stands)."""
        for key, image in (("contexts", self._context), ("cache-from", self._cache)):
            section = target.node.get(key)
            holder = section if isinstance(section, Scalar) else None
            try:
                items = self._listed(section, target)
            except UnknownValueError as error:
                if holder is not None and IMAGE_SCHEME in holder.value:
                    yield self._target(name, holder, Resolved(missing=error.names))
                continue
            for item in items:
                found = image(item, holder, target)
                if found is None:
                    continue
                one = self._target(name, *found)
                is_cache = key == "cache-from"
                yield replaced(one, "cache", one.location.path) if is_cache else one

    def _target(self, name: str, node: Scalar, value: Resolved) -> Target:
        return image_target(self._document, node, value, kind="bake", group=name)

    def build(self, name: str) -> Build | None:
        """The target's build, with everything inherited; None where it is not known or remote."""
        try:
            return self._build(name, self._file.lineage(name))
        except (UnknownValueError, TypeError) as error:
            place = self._document.location(self._file.targets[name].node)
            needs = ", ".join(error.names if isinstance(error, UnknownValueError) else ())[:200]
            message = f"how target {name[:60]!r} is built depends on {needs}, and was not read"
            self.problems.append(Problem(message=message, location=place, skipped=True))
            return None

    def _build(self, name: str, lineage: list[BakeTarget]) -> Build | None:
        inline = self._first(lineage, "dockerfile-inline")
        file = self._first(lineage, "dockerfile")
        context = self._known(self._first(lineage, "context"), ".")
        path = self._known(file, "Dockerfile")
        if context is None or path is None or "://" in context:
            return None
        arguments: dict[str, Resolved] = {}
        contexts: set[str] = set()
        for layer in reversed(lineage):
            contexts |= {key for key, _ in self._entries(layer, "contexts")}
            arguments |= self._arguments(layer)
        folder = posixpath.dirname(self._document.source.path)
        text = self._known(inline, None)
        return Build(
            location=self._document.location(file[0] if file else self._file.targets[name].node),
            path=posixpath.normpath(posixpath.join(folder, context, path)),
            inline=(self._document, inline[0], text) if inline is not None and text else None,
            arguments={k: text for k, v in arguments.items() if (text := v.known) is not None},
            argument_fields={k: at for k, v in arguments.items() if (at := argument_field(v))},
            unknown=frozenset(k for k, v in arguments.items() if v.known is None),
            target=self._known(self._first(lineage, "target"), None),
            contexts=frozenset(contexts),
            is_explicit=file is not None,
        )

    def _arguments(self, layer: BakeTarget) -> dict[str, Resolved]:
        """The arguments that a target passes on: null is passed on by none."""
        found: dict[str, Resolved] = {}
        for key, item in self._entries(layer, "args"):
            if isinstance(item, Scalar):
                if not self._is_null(item, layer):
                    found[key] = self._file.resolved(item, layer.local)
            elif item is not None and not isinstance(item, Mapping | Sequence | list | dict):
                found[key] = literal(text_of(item))
        return found

    def _is_null(self, node: Scalar, layer: BakeTarget) -> bool:
        try:
            return self._file.plain(node, layer.local) is None
        except UnknownValueError:
            return False

    def _entries(self, layer: BakeTarget, key: str) -> list[tuple[str, Node | Value]]:
        section = layer.node.get(key)
        if isinstance(section, Mapping):
            return list(section.entries.items())
        made = self._file.plain(section, layer.local)
        return list(made.items()) if isinstance(made, dict) else []

    def _listed(self, section: Node | None, target: BakeTarget) -> list[Node | Value]:
        """What an object or a list holds: nodes where it is written out, else values."""
        if isinstance(section, Mapping):
            return list(section.entries.values())
        if isinstance(section, Sequence):
            return list(section.items)
        made = self._file.plain(section, target.local)
        if isinstance(made, dict):
            return list(made.values())
        return list(made) if isinstance(made, list) else []

    def _context(self, item: Node | Value, holder: Scalar | None, target: BakeTarget) -> _Found:
        """Where the image of a context stands and what it is; None where it is none.

        `holder`: the expression that the context was made by, where it is not written out.
        """
        if isinstance(item, str) and holder is not None and item.startswith(IMAGE_SCHEME):
            return (holder, literal(item[len(IMAGE_SCHEME) :])) if item != _EMPTY else None
        if not isinstance(item, Scalar):
            return None
        value = self._file.resolved(item, target.local)
        if value.known == _EMPTY:
            return None
        if item.value.startswith(IMAGE_SCHEME):
            after = part_of(self._document, item, len(IMAGE_SCHEME), len(item.value))
            if after is not None:
                return after, self._file.resolved(after, target.local)
        if value.text.startswith(IMAGE_SCHEME):
            rest = Resolved(missing=value.missing, error=value.error)
            return item, literal(value.text[len(IMAGE_SCHEME) :]) if value.known else rest
        is_image = value.missing and IMAGE_SCHEME in item.value
        return (item, Resolved(missing=value.missing)) if is_image else None

    def _cache(self, item: Node | Value, holder: Scalar | None, target: BakeTarget) -> _Found:
        """The same for a cache source that is in a registry."""
        if isinstance(item, Mapping):
            ref = item.scalar("ref")
            is_registry = ref is not None and self._is_text(item.get("type"), "registry")
            return (ref, self._file.resolved(ref, target.local)) if is_registry and ref else None
        if isinstance(item, Scalar):
            node = cache_node(self._document, item)
            if node is not None:
                return node, self._file.resolved(node, target.local)
            holder, item = item, self._file.resolved(item, target.local).known
        if isinstance(item, dict):
            text = item.get("ref") if item.get("type") == "registry" else None
        else:
            text = cache_reference(item) if isinstance(item, str) else None
        return (holder, literal(text)) if holder and isinstance(text, str) and text else None

    @staticmethod
    def _is_text(node: Node | None, text: str) -> bool:
        return isinstance(node, Scalar) and node.value == text

    @staticmethod
    def _first(lineage: list[BakeTarget], key: str) -> tuple[Scalar, BakeTarget] | None:
        return next(
            ((node, layer) for layer in lineage if (node := layer.node.scalar(key)) is not None),
            None,
        )

    def _known(self, found: tuple[Scalar, BakeTarget] | None, default: str | None) -> str | None:
        """The text of an attribute. Raises `UnknownValueError`."""
        if found is None:
            return default
        value = self._file.plain(found[0], found[1].local)
        return default if value is None else text_of(value)
