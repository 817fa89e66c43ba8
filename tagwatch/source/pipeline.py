"""Pipelines of Woodpecker and Drone: the images of steps and services.

`steps` (in old files `pipeline`), `services` and Woodpecker's `clone` are a list of what has an
`image`, or a map of it by name; a file may hold several documents. Both substitute variables like
`${CI_COMMIT_SHA}` when a pipeline begins: such a target says what it needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tagwatch.source.target import Extraction, SourceContext, Target
from tagwatch.source.text.comment import attach, find_ignores, ignore_problems
from tagwatch.source.text.image_text import image_target, literal_scalar
from tagwatch.source.text.node import Mapping, Scalar, items_of
from tagwatch.source.text.yaml_nodes import load_yaml

__all__ = ["extract", "recognizes"]

# Woodpecker reads the folder at a repository's root: one deeper in a tree holds data of tests. (A
# folder of several checkouts has each one's root a folder deeper.)
_NAME = re.compile(
    r"(?:(?:\.\./)*(?:[^/]+/)?\.woodpecker/(?:[^/]+/)*[^/]+"
    r"|(?:.*/)?\.(?:woodpecker|drone)(?:[._-][^/]*)?)\.ya?ml"
)
_PARTS = ("clone", "steps", "pipeline", "services")


def recognizes(path: str, head: bytes) -> bool:  # noqa: ARG001 (protocol)
    """See `Source.recognizes`."""
    return _NAME.fullmatch(path) is not None


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:  # noqa: ARG001 (protocol)
    """See `Source.extract`."""
    document = load_yaml(raw, path)
    targets: dict[tuple[int, int], Target] = {}
    for root in document.roots:
        if isinstance(root, Mapping):
            for group, node in _images(root):
                value = literal_scalar(document, node)
                target = image_target(document, node, value, kind="pipeline", group=group)
                targets.setdefault((node.start, node.end), target)
    ignores = find_ignores(document.source.text, path)
    return Extraction(
        targets=attach(targets.values(), ignores),
        problems=(*document.problems, *ignore_problems(ignores)),
        ignores=ignores,
    )


def _images(root: Mapping) -> Iterator[tuple[str | None, Scalar]]:
    """Yield the name of a step or service (or none) and its image, in the order of the parts."""
    for part in _PARTS:
        node = root.get(part)
        if isinstance(node, Mapping):
            found = [(name, one) for name, one in node.entries.items()]
        else:
            found = [("", one) for one in items_of(node)]
        for name, one in found:
            if not isinstance(one, Mapping):
                continue
            image, called = one.scalar("image"), one.scalar("name")
            if image is not None and image.value and not image.is_null:
                yield name or (called.value if called is not None else None), image
