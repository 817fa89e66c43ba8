"""Manifests that install a Helm chart with values of their own: Flux, Argo CD, Rancher.

`spec.values` of a HelmRelease, `helm.valuesObject` and `helm.values` of an Application's sources,
`spec.valuesContent` of a HelmChart. The chart itself is elsewhere: an empty tag is `missing`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.source.cluster.helm_values import Values
from tagwatch.source.target import Problem, Target
from tagwatch.source.text.node import Document, Mapping, Node, Scalar, items_of
from tagwatch.source.text.yaml_nodes import load_embedded

__all__ = ["values_images", "values_of"]


def values_of(root: Mapping) -> list[Node]:
    """The values, mappings or texts that hold one, that a manifest gives to charts."""
    kind = root.scalar("kind")
    match kind.value if kind is not None else "":
        case "HelmRelease":
            found = [root.get("spec", "values")]
        case "HelmChart" | "HelmChartConfig":
            found = [root.get("spec", "valuesContent")]
        case "Application":
            found = list(_argo_values(root.mapping("spec")))
        case "ApplicationSet":
            found = list(_argo_values(root.mapping("spec", "template", "spec")))
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


def _argo_values(spec: Mapping | None) -> Iterator[Node | None]:
    """The values of an Argo CD Application's source, or of each of its sources."""
    if spec is None:
        return
    for source in (spec.get("source"), *items_of(spec.get("sources"))):
        if isinstance(source, Mapping):
            yield source.get("helm", "valuesObject")
            yield source.get("helm", "values")
