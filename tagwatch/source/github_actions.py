"""GitHub Actions: workflows (also Gitea's and Forgejo's) and action files.

Job and service containers, `uses: docker://…` of steps, and an action's `runs.image`. Expressions
(`${{ … }}`) are evaluated at run time: such a target says what it needs. Where one names an image
of the job's own matrix, and nothing else, the images are those that the matrix lists.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from tagwatch.source.build import Build, build_extraction
from tagwatch.source.target import Extraction, SourceContext, Target
from tagwatch.source.text.comment import attach, find_ignores, ignore_problems
from tagwatch.source.text.companion import Companions
from tagwatch.source.text.image_text import image_target, literal_scalar
from tagwatch.source.text.node import Document, Mapping, Node, Scalar, items_of
from tagwatch.source.text.yaml_nodes import load_yaml

__all__ = ["extract", "recognizes"]

_WORKFLOW = re.compile(r"(?:^|/)\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml")
_ACTION = re.compile(r"(?:^|/)action\.ya?ml")
_RUNS = re.compile(rb"""(?m)^["']?runs["']?[ \t]*:""")
_ON = re.compile(rb"""(?m)^["']?on["']?[ \t]*:""")
_JOBS = re.compile(rb"""(?m)^["']?jobs["']?[ \t]*:""")
_SCHEME = "docker://"
_MOST_JOBS = 256
"""So many jobs a matrix may make, as GitHub has it."""
_MATRIX = r"\s*\$\{\{\s*matrix\.([\w-]+(?:\.[\w-]+)*)\s*\}\}\s*"


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`."""
    if _WORKFLOW.search(path):
        return True
    if _ACTION.search(path):
        return not head or _RUNS.search(head) is not None
    return (
        path.endswith((".yml", ".yaml"))
        and _ON.search(head) is not None
        and _JOBS.search(head) is not None
    )


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:
    """See `Source.extract`."""
    document = load_yaml(raw, path)
    companions = Companions(context)
    targets: dict[tuple[int, int], Target] = {}
    for root in document.roots:
        if isinstance(root, Mapping):
            read: set[object] = set()
            for group, image in _images(root):
                for node in _of_matrix(root, group, image, read):
                    place = (node.start, node.end)
                    if place not in targets:
                        targets[place] = _target(document, group, node)
    built = [
        build_extraction(build, companions, context)
        for root in document.roots
        if isinstance(root, Mapping) and (build := _build(document, root)) is not None
    ]
    ignores = find_ignores(document.source.text, path)
    problems = [*document.problems, *ignore_problems(ignores), *companions.problems]
    return Extraction(
        targets=attach(targets.values(), ignores)
        + tuple(target for extraction in built for target in extraction.targets),
        problems=(*problems, *(item for extraction in built for item in extraction.problems)),
        wanted=companions.wanted,
        ignores=ignores,
    )


def _images(root: Mapping) -> Iterator[tuple[str | None, Scalar]]:
    """Job (or none) and image, in file order; what aliases share comes once."""
    seen: set[int] = set()
    jobs = root.mapping("jobs")
    for name, job in jobs.entries.items() if jobs else ():
        if not isinstance(job, Mapping):
            continue
        services = job.mapping("services")
        containers = [job.get("container")]
        if services is not None and id(services) not in seen:
            seen.add(id(services))
            containers += services.entries.values()
        for container in containers:
            image = container.scalar("image") if isinstance(container, Mapping) else container
            if isinstance(image, Scalar) and image.value and not image.is_null:
                yield name, image
        yield from ((name, node) for node in _docker_steps(job.get("steps"), seen))
    runs = root.mapping("runs")
    if runs is not None:
        image = runs.scalar("image")
        if image is not None and _is_docker(image.value):
            yield None, image
        yield from ((None, node) for node in _docker_steps(runs.get("steps"), seen))


def _of_matrix(
    root: Mapping, job: str | None, image: Scalar, read: set[object]
) -> Iterator[Scalar]:
    """Yield what the matrix of a job lists for an image that is one expression; else the image.

    The image itself is among them where the workflow makes a part of the list when it runs. `read`
    are the lists that were gone through: jobs may share them by aliases, thousands of times.
    """
    named = re.fullmatch(_MATRIX, image.value) if "matrix." in image.value else None
    matrix = root.get("jobs", job or "", "strategy", "matrix") if named else None
    name, *below = named[1].split(".") if named else ("",)
    lists = (matrix.get(name), matrix.get("include")) if isinstance(matrix, Mapping) else ()
    if named is None or not any(lists):
        yield image
        return
    values, included = map(items_of, lists)
    key = (*map(id, lists), named[1])
    if key in read:
        return
    read.add(key)
    found: list[Node | None] = [*values]
    found += [one.get(name) for one in included if isinstance(one, Mapping)]
    is_made = any(map(_is_expression, (*lists, *included))) or len(found) > _MOST_JOBS
    for inner in below:
        is_made = is_made or any(map(_is_expression, found))
        found = [one.get(inner) if isinstance(one, Mapping) else None for one in found]
    kept = [one for one in found if isinstance(one, Scalar) and one.value and not one.is_null]
    yield from kept[:_MOST_JOBS]
    if is_made or not kept:
        yield image


def _is_expression(node: Node | None) -> bool:
    return isinstance(node, Scalar) and "${{" in node.value


def _docker_steps(steps: Node | None, seen: set[int]) -> Iterator[Scalar]:
    if id(steps) in seen:
        return
    seen.add(id(steps))
    for step in items_of(steps):
        uses = step.scalar("uses") if isinstance(step, Mapping) else None
        if uses is not None and _is_docker(uses.value):
            yield uses


def _is_docker(text: str) -> bool:
    """True for `docker://…`, in any case as the runner compares it."""
    return text[: len(_SCHEME)].lower() == _SCHEME


def _target(document: Document, group: str | None, node: Scalar) -> Target:
    skip = len(_SCHEME) if _is_docker(node.value) else 0
    value = literal_scalar(document, node)
    return image_target(document, node, value, kind="github-actions", skip=skip, group=group)


def _build(document: Document, root: Mapping) -> Build | None:
    """The Dockerfile that a container action is built from."""
    image = root.scalar("runs", "image")
    if image is None or not image.value or _is_docker(image.value):
        return None
    folder = posixpath.dirname(document.source.path)
    path = posixpath.normpath(posixpath.join(folder, image.value))
    return Build(location=document.location(image), path=path)
