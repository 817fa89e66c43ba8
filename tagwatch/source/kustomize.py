"""Kustomize: the `images:` of a kustomization or component.

An entry replaces the name, tag and digest of what the resources name; what it leaves alone stays
theirs, and is `missing` here.
"""

from __future__ import annotations

import posixpath
import re

from tagwatch.source.ignore import attach, find_ignores, ignore_problems
from tagwatch.source.node import Document, Mapping, Scalar, items_of
from tagwatch.source.split_reference import SplitReference
from tagwatch.source.target import Extraction, Problem, SourceContext, Target
from tagwatch.source.yaml_nodes import load_yaml

__all__ = ["extract", "recognizes"]

_NAMES = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
_API = re.compile(rb"""(?m)^["']?apiVersion["']?[ \t]*:[ \t]*["']?kustomize\.config\.k8s\.io/""")


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`."""
    if posixpath.basename(path) in _NAMES:
        return True
    return path.endswith((".yml", ".yaml")) and _API.search(head) is not None


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:  # noqa: ARG001 (`Source`)
    """See `Source.extract`."""
    document = load_yaml(raw, path)
    targets: list[Target] = []
    problems = list(document.problems)
    for root in document.roots:
        if not isinstance(root, Mapping):
            continue
        for entry in items_of(root.get("images")):
            if isinstance(entry, Mapping) and (target := _target(document, entry)) is not None:
                targets.append(target)
                problems += _number_problems(document, entry)
    ignores = find_ignores(document.source.text, path)
    return Extraction(
        targets=attach(targets, ignores),
        problems=(*problems, *ignore_problems(ignores)),
        ignores=ignores,
    )


def _target(document: Document, entry: Mapping) -> Target | None:
    """The target of an entry that changes anything."""
    name, new_name = entry.scalar("name"), entry.scalar("newName")
    tag, digest, suffix = entry.scalar("newTag"), entry.scalar("digest"), entry.scalar("tagSuffix")
    shown = new_name if new_name is not None and new_name.value else name
    if shown is None or not any(node and node.value for node in (new_name, tag, digest, suffix)):
        return None
    return SplitReference(
        document=document, kind="kustomize", name=shown, tag=tag, digest=digest
    ).target()


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
