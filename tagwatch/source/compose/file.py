"""One Compose file: how it is recognized, its services, its texts with variables substituted."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from tagwatch.source.text.image_text import place_of
from tagwatch.source.text.interpolation import Lookup, Resolved, interpolate, literal
from tagwatch.source.text.node import Document, Mapping, Node, Scalar, as_mapping, items_of
from tagwatch.value import dataclass

__all__ = ["ComposeFile", "recognizes"]

_NAME = re.compile(r"(?:docker-|podman-)?compose(?:[._-][^/]*)?\.(?:ya?ml|json)", re.IGNORECASE)
_SERVICES = re.compile(
    rb"""(?m)^(?:\xef\xbb\xbf)?["']?services["']?[ \t]*:[ \t]*(?:\{|"""
    rb"""(?:&\S+[ \t]*)?(?:\#.*)?\r?\n(?:[ \t]*(?:\#.*)?\r?\n)*[ \t]+["']?[\w.<$-]+["']?[ \t]*:)"""
)
_FOREIGN = re.compile(
    r"(?:^|/)(?:(?:\.(?:github|gitea|forgejo)/workflows|templates|\.woodpecker)/"
    r"|\.(?:woodpecker|drone)[^/]*\.ya?ml$)"
)
_SERVICE_KEY = re.compile(
    rb"""(?m)(?:^[ \t]+|[{,][ \t]*)["']?(?:image|build|extends)["']?[ \t]*:"""
)
# Woodpecker's and Drone's `steps` (once `pipeline`) have services beside them, as GitLab's jobs do.
_OTHER = re.compile(rb"(?m)^(?:apiVersion|jobs|runs|stages|steps|pipeline|\$schema)[ \t]*:")
_JSON_SERVICES = re.compile(rb'"services"[ \t\r\n]*:[ \t\r\n]*\{')
_BLOCK = re.compile(rb"(?m)^(?=[^\s#])")
_BLOCK_KEY = re.compile(rb"[\w.-]+:[ \t]*\r?(?:#.*)?\n")
_CHILD = re.compile(rb"(?m)^([ \t]+)(?![ \t#\r\n])(?P<item>-?)")
_CHILD_KEY = re.compile(rb"""(?m)^([ \t]+)["']?(?:image|build|extends)["']?[ \t]*:""")
_NO_SERVICE = re.compile(
    rb"(?m)^[ \t-]+(?:script|stage|repository|tag|pullPolicy|steps|runs-on|kind)[ \t]*:"
)
_MAX_PROFILES = 100
_V1_KEYS = frozenset({"image", "build", "extends"})


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`."""
    name = posixpath.basename(path)
    if _FOREIGN.search(path):
        return False
    if name.endswith(".json"):
        named = _NAME.fullmatch(name) is not None
        return named and (not head or _JSON_SERVICES.search(head) is not None)
    if _NAME.fullmatch(name):
        return not _OTHER.search(head) or _SERVICES.search(head) is not None
    if not name.endswith((".yml", ".yaml")) or _OTHER.search(head):
        return False
    if _SERVICES.search(head):
        return _SERVICE_KEY.search(head) is not None
    return _is_version_1(head)


def _is_version_1(head: bytes) -> bool:
    """True where every top-level key looks like a service of the first layout."""
    blocks = [block for block in _BLOCK.split(head) if block.strip() and block[:1] not in b"# \n"]
    return bool(blocks) and all(map(_is_service, blocks))


def _is_service(block: bytes) -> bool:
    """True where a top-level key holds a mapping that has `image`, `build` or `extends` itself."""
    if not _BLOCK_KEY.match(block) or _NO_SERVICE.search(block):
        return False
    first = _CHILD.search(block)
    return (
        first is not None
        and not first["item"]
        and any(key[1] == first[1] for key in _CHILD_KEY.finditer(block, first.start()))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeFile:
    """One file of the project; relative paths start at `directory`.

    `services`: name and mapping, in order; a later document may have one again, and overrides.
    """

    document: Document
    directory: str
    lookup: Lookup
    services: tuple[tuple[str, Mapping], ...]
    by_name: dict[str, Mapping]

    @classmethod
    def of(cls, document: Document, directory: str, lookup: Lookup) -> ComposeFile:
        """The file that `document` was read from."""
        services = tuple(_services(document))
        return cls(
            document=document,
            directory=directory,
            lookup=lookup,
            services=services,
            by_name=dict(services),
        )

    @property
    def path(self) -> str:
        return self.document.source.path

    def value(self, node: Scalar) -> Resolved:
        """The scalar's text with its variables substituted."""
        if "$" not in node.value:
            return literal(node.value, place_of(self.document, node))
        return interpolate(node.value, self.lookup, place_of(self.document, node))

    def profiles(self, service: Mapping) -> tuple[str, ...]:
        return tuple(
            item.value
            for item in items_of(service.get("profiles"))[:_MAX_PROFILES]
            if isinstance(item, Scalar)
        )

    def paths(self, items: Iterable[Node]) -> set[str]:
        """The paths that the items of an `env_file` name."""
        named = (item.get("path") if isinstance(item, Mapping) else item for item in items)
        names = (self.known(one) for one in named)
        return {posixpath.normpath(posixpath.join(self.directory, name)) for name in names if name}

    def known(self, node: Node | None) -> str | None:
        """The text of a scalar that is there and depends on nothing unknown."""
        return self.value(node).known if isinstance(node, Scalar) else None


def _services(document: Document) -> Iterator[tuple[str, Mapping]]:
    for root in document.roots:
        mapping = as_mapping(root)
        if mapping is None:
            continue
        services = mapping.mapping("services")
        entries = services.entries if services else _version_1(mapping)
        for name, node in entries.items():
            service = as_mapping(node)
            if service is not None and service.tag != "!reset" and not name.startswith("x-"):
                yield name, service


def _version_1(root: Mapping) -> dict[str, Node]:
    """The services of a file of the first layout, which has no `services:`."""
    if root.entries.keys() & {"services", "include", "version"}:
        return {}
    return {
        name: node
        for name, node in root.entries.items()
        if isinstance(node, Mapping) and node.entries.keys() & _V1_KEYS
    }
