"""Kustomize: the `images:` of a kustomization or component, its patches, its charts' values.

An entry replaces the name, tag and digest of what the resources name; what it leaves alone stays
theirs: it is read there, and `missing` where they are not here. A patch is a part of a manifest, or
a list of JSON 6902 operations.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain, islice

from tagwatch.errors import InvalidReferenceError
from tagwatch.image.reference import Reference, Repository
from tagwatch.source.cluster.kubernetes import images_below
from tagwatch.source.cluster.release import values_images
from tagwatch.source.cluster.split_reference import SplitReference
from tagwatch.source.target import Extraction, Location, Problem, SourceContext, Target
from tagwatch.source.text.comment import attach, find_ignores, ignore_problems
from tagwatch.source.text.companion import Companions
from tagwatch.source.text.image_text import image_target, literal_scalar
from tagwatch.source.text.node import Document, Mapping, Scalar, Sequence, items_of
from tagwatch.source.text.shared_value import mark_shared
from tagwatch.source.text.yaml_nodes import load_embedded, load_yaml
from tagwatch.value import replace

__all__ = ["NAMES", "extract", "parts_of", "recognizes", "tagged_by"]

_KIND = "kustomize"
_MAX_FILES = 100  # kustomizations that one is laid over
NAMES = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
# A patch in a file of its own: a list of operations. (A part of a manifest is read as a manifest.)
_OPERATION = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:[ \t]*(?:\#[^\n]*|---[ \t\r]*)?\n)*"
    rb"""-[ \t]+["']?(?:op|path|value)["']?[ \t]*:"""
)
_OP = re.compile(rb"""(?m)^[- ][ \t]+["']?op["']?[ \t]*:[ \t]*["']?(?:add|replace)\b""")
_PATH = re.compile(rb"""(?m)^[- ][ \t]+["']?path["']?[ \t]*:[ \t]*["']?/""")
_API = re.compile(rb"""(?m)^["']?apiVersion["']?[ \t]*:[ \t]*["']?kustomize\.config\.k8s\.io/""")


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`."""
    if posixpath.basename(path) in NAMES:
        return True
    if not path.endswith((".yml", ".yaml")):
        return False
    if _API.search(head):
        return True
    return bool(_OPERATION.match(head) and _OP.search(head) and _PATH.search(head))


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:
    """See `Source.extract`."""
    document = load_yaml(raw, path)
    resources = _Resources(Companions(context))
    targets: dict[tuple[Location, Reference | None], Target] = {}
    problems = list(document.problems)
    for root in document.roots:
        if isinstance(root, Sequence):
            for changed in _operations(document, root):
                targets.setdefault((changed.location, changed.reference), changed)
        if not isinstance(root, Mapping):
            continue
        for entry in items_of(root.get("images")):
            if not isinstance(entry, Mapping):
                continue
            for target in _targets(document, entry, partial(resources.below, path, root)):
                targets.setdefault((target.location, target.reference), target)
                problems += _number_problems(document, entry)
        for target in (*_patched(document, root, problems), *_chart_images(document, root)):
            targets.setdefault((target.location, target.reference), target)
    ignores = find_ignores(document.source.text, path)
    ordered = sorted(targets.values(), key=lambda target: target.location)
    return Extraction(
        targets=attach(mark_shared(ordered, {}, ()), ignores),
        problems=(*dict.fromkeys(problems), *ignore_problems(ignores)),
        ignores=ignores,
        wanted=resources.companions.wanted,
    )


class _Resources:
    """The images of the manifests that kustomizations lay themselves over."""

    def __init__(self, companions: Companions) -> None:
        self.companions = companions
        self._found: dict[str, list[Reference]] = {}

    def below(self, path: str, root: Mapping) -> list[Reference]:
        """What the resources of the kustomization at `path` name, as far as they are here."""
        if path in self._found or len(self._found) > _MAX_FILES:
            return self._found.get(path, [])
        found = self._found[path] = []
        folder = posixpath.dirname(path)
        for name in islice(parts_of(root, "resources", "bases"), _MAX_FILES):
            found += self._named(posixpath.normpath(posixpath.join(folder, name)))
            found[:] = dict.fromkeys(found)  # bases that name a base twice would double it
        return found

    def _named(self, path: str) -> list[Reference]:
        is_file = path.endswith((".yaml", ".yml", ".json"))
        paths = [path] if is_file else [posixpath.join(path, name) for name in sorted(NAMES)]
        for one in paths:
            raw = self.companions.read(one, None)
            if raw is None:
                continue
            document = load_yaml(raw, one)
            if is_file:
                images = (
                    image for root in document.roots for image in images_below(document, root)
                )
                return [image.reference for image in images if image.reference is not None]
            return [
                changed
                for root in document.roots
                if isinstance(root, Mapping)
                for changed in _changed(document, root, self.below(one, root))
            ]
        return []


def _changed(document: Document, root: Mapping, below: list[Reference]) -> Iterator[Reference]:
    """The references of the resources after a kustomization's own entries."""
    entries = [one for one in items_of(root.get("images")) if isinstance(one, Mapping)]
    for reference in below:
        own = next((one for one in entries if _names(one, reference)), None)
        made = list(_targets(document, own, partial(list, [reference]))) if own else []
        yield next((one.reference for one in made if one.reference is not None), reference)


def parts_of(root: Mapping, *keys: str) -> tuple[str, ...]:
    """The paths below these keys of a kustomization, each once; no addresses.

    Those of `patches` stand under `path`, each.
    """
    items = chain(*(items_of(root.get(key)) for key in keys))
    nodes = (one.scalar("path") if isinstance(one, Mapping) else one for one in items)
    named = {node.value: None for node in nodes if isinstance(node, Scalar) and node.value}
    return tuple(one for one in named if "://" not in one)


def tagged_by(root: Mapping) -> frozenset[Repository]:
    """The names to which a kustomization gives a tag of its own, or a digest."""
    found = set()
    for entry in items_of(root.get("images")):
        if not isinstance(entry, Mapping) or (name := entry.scalar("name")) is None:
            continue
        tag, digest = entry.scalar("newTag"), entry.scalar("digest")
        if any(one and one.value and not one.is_null for one in (tag, digest)):
            with suppress(InvalidReferenceError):
                found.add(Reference.parse(name.value).repository)
    return frozenset(found)


def _names(entry: Mapping, reference: Reference) -> bool:
    """True where an entry is about the repository of a reference."""
    name = entry.scalar("name")
    try:
        return name is not None and Reference.parse(name.value).repository == reference.repository
    except InvalidReferenceError:
        return False


def _targets(
    document: Document, entry: Mapping, below: Callable[[], list[Reference]]
) -> Iterator[Target]:
    """The targets of an entry: with a tag of its own one, else one for each tag of the resources.

    A resource's own digest goes with its name: a new name alone keeps the tag.
    """
    split = _split(document, entry)
    target = split.target() if split is not None else None
    if split is None or target is None:
        return
    if target.missing != ("tag",):
        yield target
        return
    suffix = entry.scalar("tagSuffix")
    tags = {one.tag or "latest": None for one in below() if _names(entry, one) and not one.digest}
    made = [f"{tag}{suffix.value if suffix is not None else ''}" for tag in tags]
    yield from (replace(split, default_tag=tag).target() for tag in made)
    if not made:
        yield target


def _split(document: Document, entry: Mapping) -> SplitReference | None:
    """The fields of an entry that changes anything."""
    name, new_name = entry.scalar("name"), entry.scalar("newName")
    tag, suffix, digest = (
        entry.scalar("newTag"),
        entry.scalar("tagSuffix"),
        entry.entries.get("digest"),
    )
    digest = digest if isinstance(digest, Scalar) else None
    shown = new_name if new_name is not None and new_name.value else name
    if shown is None or not any(
        node and node.value and not node.is_null for node in (new_name, tag, digest, suffix)
    ):
        return None
    return SplitReference(document=document, kind=_KIND, name=shown, tag=tag, digest=digest)


def _patched(document: Document, root: Mapping, problems: list[Problem]) -> Iterator[Target]:
    """The images that inline patches set; a patch that cannot be read is added to `problems`."""
    for node in _patches(root):
        if node.value.endswith((".yaml", ".yml", ".json")) or not node.value.strip():
            continue  # a file, which is read where it stands
        patch = load_embedded(document, node)
        problems += patch.problems
        if not patch.roots:
            message = "an inline patch was not read: it is written with escapes or folded lines"
            place = document.location(node)
            problems.append(Problem(message=message, location=place, skipped=True))
        for part in patch.roots:
            if isinstance(part, Sequence):
                yield from _operations(patch, part)
            else:
                yield from images_below(patch, part, kind=_KIND)


def _patches(root: Mapping) -> Iterator[Scalar]:
    """The texts of all inline patches; what aliases share once."""
    seen: set[int] = set()
    for key in ("patches", "patchesJson6902", "patchesStrategicMerge"):
        for item in items_of(root.get(key)):
            node = item.scalar("patch") if isinstance(item, Mapping) else item
            if isinstance(node, Scalar) and id(node) not in seen:
                seen.add(id(node))
                yield node


def _operations(patch: Document, operations: Sequence) -> Iterator[Target]:
    """What `add` and `replace` set: an image by its path, or a container with one."""
    for operation in operations.items:
        if not isinstance(operation, Mapping):
            continue
        verb, where = operation.scalar("op"), operation.scalar("path")
        value = operation.get("value")
        if verb is None or where is None or verb.value not in ("add", "replace"):
            continue
        if isinstance(value, Scalar) and where.value.endswith("/image"):
            yield image_target(patch, value, literal_scalar(patch, value), kind=_KIND)
        elif value is not None and not isinstance(value, Scalar):
            below = where.value.removesuffix("/-").rstrip("/0123456789").rpartition("/")[2]
            is_item = isinstance(value, Mapping) and where.value[-1:] in "-0123456789"
            held = Sequence(value.start, end=value.end, items=[value]) if is_item else value
            yield from images_below(
                patch, Mapping(value.start, pairs=[(Scalar(below, 0, 0), held)]), kind=_KIND
            )


def _chart_images(document: Document, root: Mapping) -> Iterator[Target]:
    """The images in the values that are given inline to charts."""
    seen: set[int] = set()
    for chart in items_of(root.get("helmCharts")):
        values = chart.get("valuesInline") if isinstance(chart, Mapping) else None
        if values is not None and id(values) not in seen:
            seen.add(id(values))
            yield from (target for target, _ in values_images(document, values, _KIND))


def _number_problems(document: Document, entry: Mapping) -> list[Problem]:
    """Kustomize refuses a tag that YAML reads as a number."""
    return [
        Problem(
            message=f"kustomize refuses {key}: {node.value} without quotes (a number, no string)",
            location=document.location(node),
            hint=f'write {key}: "{node.value}"',
        )
        for key in ("newTag", "newName", "digest")
        if isinstance(node := entry.get(key), Scalar) and not node.is_string
    ]
