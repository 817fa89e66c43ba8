"""The `build:` section of a Compose service."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator

from tagwatch.image.reference import Reference, Repository
from tagwatch.source.build import IMAGE_SCHEME, Build, argument_field, cache_node
from tagwatch.source.target import Field, SourceContext, Target, is_replaced, replaced
from tagwatch.source.text.image_text import image_target
from tagwatch.source.text.interpolation import Resolved, literal
from tagwatch.source.text.node import Document, Mapping, Node, Scalar, items_of
from tagwatch.value import dataclass

__all__ = ["BuildReader", "Makers"]

_MAX_ARGUMENTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReader:
    """Reads a file's build sections. `value` substitutes variables, `directory` is the file's."""

    document: Document
    directory: str
    value: Callable[[Scalar], Resolved]

    def build(self, node: Node) -> Build | None:
        """The build; None where its context is remote or not known."""
        place = self.document.location(node)
        if isinstance(node, Scalar):
            context = self._known(node)
            path = None if context is None else self._dockerfile(context, "Dockerfile")
            return Build(location=place, path=path) if path else None
        if not isinstance(node, Mapping):
            return None
        inline = node.scalar("dockerfile_inline")
        text = self._known(inline)
        context = self._known(node.scalar("context"), default=".")
        name = self._known(node.scalar("dockerfile"), default="Dockerfile")
        path = self._dockerfile(context, name) if context and name else None
        if text is None and (path is None or inline is not None):
            return None
        given = {name: (text, at) for name, text, at in self._arguments(node.get("args"))}
        arguments = {name: text for name, (text, _) in given.items()}
        return Build(
            location=place,
            path=path or "",
            inline=(self.document, inline, text) if inline is not None and text else None,
            arguments={name: text for name, text in arguments.items() if text is not None},
            argument_fields={name: at for name, (_, at) in given.items() if at is not None},
            unknown=frozenset(name for name, text in arguments.items() if text is None),
            target=self._known(node.scalar("target")),
            contexts=frozenset(name for name, _ in _pairs(node.get("additional_contexts"))),
        )

    def targets(self, node: Node, caches: Iterable[Node], service: str) -> Iterator[Target]:
        """The images the section names itself: cache sources and `docker-image://` contexts."""
        if not isinstance(node, Mapping):
            return
        for item in caches:
            if isinstance(item, Scalar):
                source = cache_node(self.document, item)
                if source is not None:
                    target = self._target(source, self.value(source), 0, service)
                    yield replaced(target, "cache", self.document.source.path)
        for _, item in _pairs(node.get("additional_contexts")):
            start = item.value.find(IMAGE_SCHEME)
            if start >= 0 and item.value[start + len(IMAGE_SCHEME) :] != "scratch":
                yield self._target(item, self.value(item), start + len(IMAGE_SCHEME), service)

    def _target(self, node: Scalar, value: Resolved, skip: int, service: str) -> Target:
        return image_target(self.document, node, value, kind="compose", skip=skip, group=service)

    def _arguments(self, node: Node | None) -> Iterator[tuple[str, str | None, Field | None]]:
        """Name, value (None where it is not known) and the place of the value.

        A name alone stands for the environment's.
        """
        for name, scalar in _pairs(node)[:_MAX_ARGUMENTS]:
            listed = not isinstance(node, Mapping)
            if (listed and "=" not in scalar.value) or scalar.is_null:
                text = self.value(Scalar(f"${{{name}}}", scalar.start, scalar.end)).known
                if text is not None:  # not set: not passed
                    yield name, text, None
                continue
            value = self.value(scalar)
            if not listed and (number := scalar.number) is not None:
                printed = str(number).removesuffix(".0")  # as Go does
                value = value if printed == scalar.value else literal(printed)
            skip = len(name) + 1 if listed else 0
            at = argument_field(value, skip, is_shared=scalar.is_shared)
            yield name, None if value.known is None else value.known[skip:], at

    def _known(self, node: Scalar | None, default: str | None = None) -> str | None:
        return default if node is None else self.value(node).known

    def _dockerfile(self, context: str, name: str) -> str | None:
        if "://" in context or context.startswith(("git@", "github.com/")):
            return None
        return posixpath.normpath(posixpath.join(self.directory, context, name))


class Makers:
    """What the services of a project are called that are built, and from which Dockerfiles."""

    def __init__(self, context: SourceContext) -> None:
        self._files = context.files
        self._made: dict[tuple[Repository, str | None], dict[str, str]] = {}

    def add(self, reference: Reference, dockerfile: str, where: str) -> None:
        """Note what the file `where` builds; `dockerfile` is empty where that is not known."""
        is_there = dockerfile in ("", where) or self._files.get(dockerfile) is not None
        if is_there and reference.digest is None:
            name = reference.repository, reference.effective_tag
            self._made.setdefault(name, {})[dockerfile] = where

    def seen(self, target: Target) -> Target:
        """The target; with a fact where a Dockerfile names without a tag what a service makes.

        Not in the Dockerfile that the service is built from: that one pulls what it names.
        """
        named = target.reference
        if named is None or named.tag or named.digest or target.kind == "compose":
            return target
        made = self._made.get((named.repository, named.effective_tag), {})
        if not made or "" in made or target.location.path in made or is_replaced(target):
            return target
        return replaced(target, "service", next(iter(made.values())))


def _pairs(node: Node | None) -> list[tuple[str, Scalar]]:
    """Name and value of a mapping, or name and whole item of a list of `name=value`."""
    if isinstance(node, Mapping):
        return [(key, value) for key, value in node.entries.items() if isinstance(value, Scalar)]
    return [
        (item.value.partition("=")[0], item) for item in items_of(node) if isinstance(item, Scalar)
    ]
