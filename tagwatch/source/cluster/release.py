"""Manifests that install a Helm chart with values of their own: Flux, Argo CD, Rancher.

`spec.values` of a HelmRelease, `spec.valuesContent` of a HelmChart, and of an Application's sources
`helm.valuesObject` and `values`, the parameters of `helm`, the images of `kustomize`. The chart
itself is elsewhere: an empty tag is `missing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tagwatch.source.cluster.helm_values import Values
from tagwatch.source.cluster.split_reference import SplitReference
from tagwatch.source.target import Problem, Target
from tagwatch.source.text.image_text import image_target, literal_scalar, part_of
from tagwatch.source.text.interpolation import Resolved
from tagwatch.source.text.node import Document, Mapping, Node, Scalar, items_of
from tagwatch.source.text.yaml_nodes import load_embedded

__all__ = ["argo_images", "values_images", "values_of"]


def values_of(root: Mapping) -> list[Node]:
    """The values, mappings or texts that hold one, that a manifest gives to charts."""
    kind = root.scalar("kind")
    match kind.value if kind is not None else "":
        case "HelmRelease":
            found = [root.get("spec", "values")]
        case "HelmChart" | "HelmChartConfig":
            found = [root.get("spec", "valuesContent")]
        case "Application" | "ApplicationSet":
            found = list(_argo_values(root))
        case _:
            found = []
    return list({id(node): node for node in found if node is not None}.values())


def values_images(
    document: Document, node: Node, kind: str
) -> Iterator[tuple[Target, Problem | None]]:
    """The images that values name: a mapping, or a text that holds one."""
    values = Values(document=document, kind=kind)
    roots = load_embedded(document, node).roots if isinstance(node, Scalar) else (node,)
    for root in roots:
        if isinstance(root, Mapping):
            yield from values.images(root)


def argo_images(document: Document, resource: Mapping, kind: str) -> Iterator[Target]:
    """The images that an Argo CD Application sets itself, by parameters of Helm or for Kustomize.

    A parameter names a place in the chart's values (`image.tag`): those that make one image are one
    reference. What sets a part of one only leaves the rest to the chart, which is not here.
    """
    for source in _argo_sources(resource):
        yield from _parameter_images(document, items_of(source.get("helm", "parameters")), kind)
        for item in items_of(source.get("kustomize", "images")):
            if isinstance(item, Scalar) and (found := _override(document, item, kind)) is not None:
                yield found


def _parameter_images(document: Document, items: Sequence[Node], kind: str) -> Iterator[Target]:
    given: dict[str, Scalar] = {}
    for item in items:
        name = item.scalar("name") if isinstance(item, Mapping) else None
        value = item.scalar("value") if isinstance(item, Mapping) else None
        if name is not None and value is not None and value.value and not value.is_null:
            given[name.value] = value
    for path, value in given.items():
        above, _, key = path.rpartition(".")
        if key == "repository" or (key == "name" and f"{above}.tag" in given):
            registry = given.get(f"{above}.registry")
            yield SplitReference(
                document=document,
                kind=kind,
                name=value,
                tag=given.get(f"{above}.tag"),
                digest=given.get(f"{above}.digest"),
                prefix=f"{registry.value.rstrip('/')}/" if registry is not None else "",
                group=above or None,
            ).target()
        elif key == "image" or key.endswith("Image"):
            yield image_target(document, value, literal_scalar(document, value), kind=kind)


def _override(document: Document, node: Scalar, kind: str) -> Target | None:
    """The image of Kustomize's short form, `[name=]new[:tag][@digest]`; None of a name alone."""
    old, equals, new = node.value.rpartition("=")
    named = part_of(document, node, len(old) + len(equals), len(node.value)) or node
    if not equals and not re.search(r"[:@]", new.rpartition("/")[2]):
        return None
    value = literal_scalar(document, named)
    if value.known is not None and not re.search(r"[:@]", new.rpartition("/")[2]):
        value = Resolved(missing=("tag",))
    return image_target(document, named, value, kind=kind)


def _argo_sources(resource: Mapping) -> Iterator[Mapping]:
    """The sources of an Application, or of the template that an ApplicationSet fills in."""
    kind = resource.scalar("kind")
    match kind.value if kind is not None else "":
        case "Application":
            spec = resource.mapping("spec")
        case "ApplicationSet":
            spec = resource.mapping("spec", "template", "spec")
        case _:
            spec = None
    for source in (spec.get("source"), *items_of(spec.get("sources"))) if spec is not None else ():
        if isinstance(source, Mapping):
            yield source


def _argo_values(resource: Mapping) -> Iterator[Node | None]:
    """The values of an Argo CD Application's source, or of each of its sources."""
    for source in _argo_sources(resource):
        yield source.get("helm", "valuesObject")
        yield source.get("helm", "values")
