"""Kubernetes manifests, read without schemas: whatever holds containers is understood.

Workloads of every kind, List, CronJob, image volumes (`volumes[].image.reference`), custom
resources (Argo's `script`, Tekton's `steps`, Knative, an operator's `image: host/name:tag`), and
the values that a Flux or Argo CD resource gives to a chart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain

from tagwatch.errors import InvalidReferenceError
from tagwatch.image.reference import Reference, Repository
from tagwatch.source.cluster.release import argo_images, values_images, values_of
from tagwatch.source.target import Extraction, Location, SourceContext, Target
from tagwatch.source.text.comment import attach, find_ignores, ignore_problems
from tagwatch.source.text.image_text import image_target, literal_scalar
from tagwatch.source.text.interpolation import Resolved
from tagwatch.source.text.node import Document, Mapping, Node, Scalar, Sequence, items_of
from tagwatch.source.text.shared_value import mark_shared
from tagwatch.source.text.yaml_nodes import load_yaml
from tagwatch.value import replace

__all__ = ["built_by", "extract", "images_below", "recognizes"]

_API = re.compile(rb"""(?m)^(?:\xef\xbb\xbf)?[ \t\-{]*["']?apiVersion["']?[ \t]*:""")
_KIND = re.compile(rb"""(?m)(?:^[ \t\-{]*|[,{][ \t]*)["']?kind["']?[ \t]*:""")
# In JSON with its value: a schema has properties of these names.
_JSON_API = re.compile(rb'"apiVersion"[ \t\r\n]*:[ \t\r\n]*"[\w./-]+"')
_JSON_KIND = re.compile(rb'"kind"[ \t\r\n]*:[ \t\r\n]*"[A-Za-z]+"')
# Keys below which a mapping with `image` is a container. Custom resources keep to these names.
_CONTAINER = frozenset({"container", "script", "sidecar", "mainContainer", "containerTemplate"})
_CONTAINERS = frozenset(
    {"containers", "initContainers", "ephemeralContainers", "sidecars", "steps", "stepTemplate"}
)
# What stands below these names is data or a record of the past, not what will run.
_DATA = frozenset({"metadata", "status", "data", "stringData", "binaryData"})
_MOUNTED = {"artifact": "volume"}
_DATA_KINDS = frozenset({"ConfigMap", "Secret", "CustomResourceDefinition", "ImageRepository"})
_VOLUME = "volumes[]"
_IMAGE_KEYS = ("image", "Image", "imageName", "ImageName")
# Spark's operator took a name below Kubernetes' own.
_CORE = re.compile(r"v1|(?:apps|batch|extensions|(?!sparkoperator\.)[a-z.-]+\.k8s\.io)/v\w+")


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`."""
    if path.endswith(".json"):
        return _JSON_API.search(head) is not None and _JSON_KIND.search(head) is not None
    if not path.endswith((".yml", ".yaml")):
        return False
    return _API.search(head) is not None and _KIND.search(head) is not None


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:  # noqa: ARG001 (`Source`)
    """See `Source.extract`."""
    document = load_yaml(raw, path)
    targets: dict[tuple[Location, Reference | None], Target] = {}
    for root in document.roots:
        for target in images_below(document, root):
            targets.setdefault((target.location, target.reference), target)
    ignores = find_ignores(document.source.text, path)
    return Extraction(
        targets=attach(mark_shared(targets.values(), {}, ()), ignores),
        problems=document.problems + ignore_problems(ignores),
        ignores=ignores,
    )


def images_below(document: Document, root: Node, *, kind: str = "kubernetes") -> Iterator[Target]:
    """Every image that a manifest runs; the mappings that aliases share are read once."""
    seen: set[int] = set()
    for resource in _resources(root, 0):
        given = [values for values in values_of(resource) if id(values) not in seen]
        seen.update(map(id, given))
        for group, node, missing, is_mounted in _containers(resource, seen):
            target = _target(document, node, kind, group, missing)
            yield replace(target, facts=_MOUNTED) if is_mounted else target
        for values in given:
            yield from (target for target, _ in values_images(document, values, kind))
        yield from argo_images(document, resource, kind)


def _target(
    document: Document, node: Scalar, kind: str, group: str | None, missing: tuple[str, ...]
) -> Target:
    if missing:
        value = Resolved(missing=missing)
    elif node.value.startswith("ko://"):
        value = Resolved(missing=(node.value[:200],))  # what `ko` will build from this package
    elif not node.is_string and not node.is_null:
        value = Resolved(error="an image is a string")
    else:
        value = literal_scalar(document, node)
    return image_target(document, node, value, kind=kind, group=group)


def _resources(root: Node, depth: int) -> Iterator[Mapping]:
    """A resource that may run images, or those of a list.

    A list in a list is none: with aliases it may hold itself.
    """
    if isinstance(root, Sequence) and not depth:
        for item in root.items:
            yield from _resources(item, depth + 1)
    if not isinstance(root, Mapping):
        return
    items = root.get("items")
    if isinstance(items, Sequence) and _text(root, "kind").endswith("List") and not depth:
        for item in items.items:
            yield from _resources(item, depth + 1)
    elif _text(root, "kind") not in _DATA_KINDS:
        yield root


def _containers(
    root: Mapping, seen: set[int]
) -> Iterator[tuple[str | None, Scalar, tuple[str, ...], bool]]:
    """The container name and image of everything in a resource, and what is missing of it; True for
    what is mounted and not run.

    In a custom resource also what is plainly an image by its key and form; a name alone gets its
    tag from somewhere else. What stands below nodes whose identities are `seen` is passed over.
    """
    is_custom = not _CORE.fullmatch(_text(root, "apiVersion"))
    built, own = built_by(root), root.scalar("spec", "image")
    stack: list[tuple[str, Node]] = [("", root)]
    while stack:
        key, node = stack.pop()
        if isinstance(node, Scalar):
            may_be = is_custom and key.endswith(_IMAGE_KEYS)
            found = _plain(node.value, is_own=node is own) if may_be else None
            if found is not None and found.repository not in built:
                yield None, node, () if found.tag or found.digest else ("tag",), False
            continue
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Sequence):
            stack.extend((f"{key}[]", item) for item in reversed(node.items))
            continue
        image = _image(key, node)
        if image is not None and image.value:
            name = node.scalar("name")
            group = name.value if name is not None and name is not image else None
            yield group, image, (), key == _VOLUME and "image" in node.entries
        below = [pair for pair in node.entries.items() if pair[0] not in _DATA]
        stack.extend(pair for pair in reversed(below) if pair[1] is not image)


def built_by(root: Mapping) -> frozenset[Repository]:
    """The names of what Skaffold builds, under which nothing is pulled; a pin would break them."""
    if not _text(root, "apiVersion").startswith("skaffold/"):
        return frozenset()
    profiles = (item for item in items_of(root.get("profiles")) if isinstance(item, Mapping))
    artifacts = (items_of(one.get("build", "artifacts")) for one in (root, *profiles))
    found: set[Repository] = set()
    for artifact in chain.from_iterable(artifacts):
        if isinstance(artifact, Mapping) and (name := _text(artifact, "image")):
            with suppress(InvalidReferenceError):
                found.add(Reference.parse(name).repository)
    return frozenset(found)


def _plain(text: str, *, is_own: bool) -> Reference | None:
    """The text as a reference with a namespace and a tag or digest, or with a registry.

    Of the resource's `is_own` image an official one's name and tag are enough.
    """
    try:
        reference = Reference.parse(text)
    except InvalidReferenceError:
        return None
    first, slash, _ = text.partition("/")
    is_exact = bool(reference.tag or reference.digest)
    is_plain = (is_exact or "." in first) if slash else (is_exact and is_own)
    return reference if is_plain else None


def _image(key: str, node: Mapping) -> Scalar | None:
    """The image of a mapping that stands below `key`; `[]` is added for an item of a list."""
    if key == "from" and _text(node, "kind") == "DockerImage":
        return node.scalar("name")  # OpenShift: of an ImageStream's tag, or what a build stands on
    if key in _CONTAINER or key.removesuffix("[]") in _CONTAINERS:
        return node.scalar("image")
    if key == _VOLUME:
        return node.scalar("image", "reference") or node.scalar("containerDisk", "image")
    return None


def _text(node: Mapping, key: str) -> str:
    scalar = node.scalar(key)
    return scalar.value if scalar is not None else ""
