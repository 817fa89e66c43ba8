"""Kubernetes manifests, read without schemas: whatever holds containers is understood.

Workloads of every kind, List, CronJob, image volumes (`volumes[].image.reference`), custom
resources (Argo's `script`, Tekton's `steps`, Knative, an operator's `image: host/name:tag`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tagwatch.errors import InvalidReferenceError
from tagwatch.image.reference import Reference
from tagwatch.source.ignore import attach, find_ignores, ignore_problems
from tagwatch.source.image_text import image_target, literal_scalar
from tagwatch.source.interpolation import Resolved
from tagwatch.source.node import Document, Mapping, Node, Scalar, Sequence
from tagwatch.source.target import Extraction, SourceContext, Target
from tagwatch.source.yaml_nodes import load_yaml

__all__ = ["extract", "images_below", "recognizes"]

_API = re.compile(rb"""(?m)^(?:\xef\xbb\xbf)?[ \t\-{]*["']?apiVersion["']?[ \t]*:""")
_KIND = re.compile(rb"""(?m)(?:^[ \t\-{]*|[,{][ \t]*)["']?kind["']?[ \t]*:""")
# Keys below which a mapping with `image` is a container. Custom resources keep to these names.
_CONTAINER = frozenset({"container", "script", "sidecar", "mainContainer", "containerTemplate"})
_CONTAINERS = frozenset(
    {"containers", "initContainers", "ephemeralContainers", "sidecars", "steps", "stepTemplate"}
)
# What stands below these names is data or a record of the past, not what will run.
_DATA = frozenset({"metadata", "status", "data", "stringData", "binaryData"})
_DATA_KINDS = frozenset({"ConfigMap", "Secret", "CustomResourceDefinition"})
_CORE = re.compile(r"v1|(?:apps|batch|extensions|[a-z.-]+\.k8s\.io)/v\w+")


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`."""
    if not path.endswith((".yml", ".yaml", ".json")):
        return False
    return _API.search(head) is not None and _KIND.search(head) is not None


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:  # noqa: ARG001 (`Source`)
    """See `Source.extract`."""
    document = load_yaml(raw, path)
    targets: dict[tuple[int, int], Target] = {}
    for root in document.roots:
        for target, node in images_below(document, root):
            targets.setdefault((node.start, node.end), target)
    ignores = find_ignores(document.source.text, path)
    return Extraction(
        targets=attach(targets.values(), ignores),
        problems=document.problems + ignore_problems(ignores),
        ignores=ignores,
    )


def images_below(document: Document, root: Node) -> Iterator[tuple[Target, Scalar]]:
    """Every image that a manifest runs, with its node; a shared node may come more than once."""
    for group, node in _resource(root, 0):
        if not node.is_string and not node.is_null:
            value = Resolved(error="an image is a string")
        else:
            value = literal_scalar(document, node)
        yield image_target(document, node, value, kind="kubernetes", group=group), node


def _resource(root: Node, depth: int) -> Iterator[tuple[str | None, Scalar]]:
    """The container name and image of everything in a resource, or in a list of them.

    A list in a list is none: with aliases it may hold itself.
    """
    if isinstance(root, Sequence) and not depth:
        for item in root.items:
            yield from _resource(item, depth + 1)
    if not isinstance(root, Mapping):
        return
    items = root.get("items")
    if isinstance(items, Sequence) and _text(root, "kind").endswith("List") and not depth:
        for item in items.items:
            yield from _resource(item, depth + 1)
        return
    if _text(root, "kind") in _DATA_KINDS:
        return
    yield from _containers(root, is_custom=not _CORE.fullmatch(_text(root, "apiVersion")))


def _containers(root: Mapping, *, is_custom: bool) -> Iterator[tuple[str | None, Scalar]]:
    """Containers' images; in a custom resource also what is plainly one by its key and form."""
    seen: set[int] = set()
    stack: list[tuple[str, Node]] = [("", root)]
    while stack:
        key, node = stack.pop()
        if isinstance(node, Scalar):
            if is_custom and key.endswith(("image", "Image")) and _is_explicit(node.value):
                yield None, node
            continue
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Sequence):
            stack.extend((f"{key}[]", item) for item in reversed(node.items))
            continue
        image = _image(key, node)
        if image is not None and image.value:
            yield _text(node, "name") or None, image
        below = [pair for pair in node.entries.items() if pair[0] not in _DATA]
        stack.extend(pair for pair in reversed(below) if pair[1] is not image)


def _is_explicit(text: str) -> bool:
    """True for a reference with a tag or digest, and with a registry or namespace."""
    try:
        reference = Reference.parse(text)
    except InvalidReferenceError:
        return False
    return "/" in text and bool(reference.tag or reference.digest)


def _image(key: str, node: Mapping) -> Scalar | None:
    """The image of a mapping that stands below `key`; `[]` is added for an item of a list."""
    if key in _CONTAINER or key.removesuffix("[]") in _CONTAINERS:
        return node.scalar("image")
    if key == "volumes[]":
        return node.scalar("image", "reference") or node.scalar("containerDisk", "image")
    return None


def _text(node: Mapping, key: str) -> str:
    scalar = node.scalar(key)
    return scalar.value if scalar is not None else ""
