"""Dev containers: the image, the build, the Compose files and the features of `devcontainer.json`.

Features are OCI artifacts named by a tag or by a digest, never both: the CLI's `getRef` takes all
before `@` for the name, and refuses `name:tag`. `${localEnv:…}` is the user's
environment: not known.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from tagwatch.errors import InvalidReferenceError
from tagwatch.image.reference import Reference
from tagwatch.source.build import Build, argument_field, build_extraction, cache_node
from tagwatch.source.compose.source import extract as extract_compose
from tagwatch.source.target import Extraction, SourceContext, Target
from tagwatch.source.text.comment import attach, find_ignores, ignore_problems
from tagwatch.source.text.companion import Companions
from tagwatch.source.text.image_text import image_target, literal_scalar
from tagwatch.source.text.json_nodes import load_json
from tagwatch.source.text.node import Document, Mapping, Node, Scalar, Sequence
from tagwatch.value import replace

__all__ = ["extract", "recognizes"]

_PATH = re.compile(r"(?:^|/)(?:\.devcontainer/(?:[^/]+/)*|\.?)devcontainer\.jsonc?$")
_KEY = re.compile(
    rb'"(?:dockerComposeFile|dockerFile|remoteUser|postCreateCommand|containerEnv|features)"[ \t]*:'
)
_KIND = "devcontainer"


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`."""
    if _PATH.search(path):
        return True
    if path.endswith("-lock.json"):  # what features were resolved to, which tools write
        return False
    return path.endswith((".json", ".jsonc")) and _KEY.search(head) is not None


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:
    """See `Source.extract`."""
    document = load_json(raw, path)
    companions = Companions(context)
    ignores = find_ignores(document.source.text, path, comment="//")
    targets: list[Target] = []
    parts: list[Extraction] = []
    for root in document.roots:
        if isinstance(root, Mapping):
            targets += attach(_images(document, root), ignores)
            build = _build(document, root)
            if build is not None:
                parts.append(build_extraction(build, companions, context))
            parts += _compose(document, root, companions, context)
    problems = [*document.problems, *ignore_problems(ignores), *companions.problems]
    wanted = dict.fromkeys([*companions.wanted, *(path for part in parts for path in part.wanted)])
    return Extraction(
        targets=(*targets, *(target for part in parts for target in part.targets)),
        problems=(*problems, *(problem for part in parts for problem in part.problems)),
        wanted=tuple(wanted),
        ignores=(*ignores, *(ignore for part in parts for ignore in part.ignores)),
        ports=tuple(port for part in parts for port in part.ports),
    )


def _images(document: Document, root: Mapping) -> Iterator[Target]:
    image = root.scalar("image")
    if image is not None and image.value:
        yield image_target(document, image, literal_scalar(document, image), kind=_KIND)
    for item in _listed(root.get("build", "cacheFrom")):
        node = cache_node(document, item) if isinstance(item, Scalar) else None
        if node is not None:
            yield image_target(document, node, literal_scalar(document, node), kind=_KIND)
    features = root.mapping("features")
    for key, _ in features.pairs if features else ():
        if isinstance(key, Scalar) and _is_artifact(key.value):
            yield _feature(document, key)


def _feature(document: Document, key: Scalar) -> Target:
    value = literal_scalar(document, key)
    facts = {"artifact": "feature"}
    target = image_target(document, key, value, kind=_KIND, facts=facts, tag_or_digest=True)
    reference = target.reference
    if reference is None or not (reference.tag and reference.digest):
        return target
    written = str(replace(reference, tag=None))
    refusal = f"a feature takes a tag or a digest, not both (write {written})"
    return replace(target, reference=None, fields=(), invalid=refusal)


def _is_artifact(name: str) -> bool:
    """True where a registry is named: not for a local feature, an address, an old short name."""
    host = name.partition("/")[0]
    try:
        return any(mark in host for mark in ".:") and Reference.parse(name) is not None
    except InvalidReferenceError:
        return False


def _build(document: Document, root: Mapping) -> Build | None:
    """The build of a Dockerfile, under `build` or in the older top-level keys."""
    name = root.scalar("build", "dockerfile") or root.scalar("dockerFile")
    if name is None or not name.value:
        return None
    folder = posixpath.dirname(document.source.path)
    values = root.mapping("build", "args")
    given = {
        key: literal_scalar(document, node)
        for key, node in (values.entries.items() if values else ())
        if isinstance(node, Scalar)
    }
    target = root.scalar("build", "target")
    return Build(
        location=document.location(name),
        path=posixpath.normpath(posixpath.join(folder, name.value)),
        arguments={k: text for k, v in given.items() if (text := v.known) is not None},
        argument_fields={k: at for k, v in given.items() if (at := argument_field(v))},
        unknown=frozenset(k for k, v in given.items() if v.known is None),
        target=target.value if target is not None else None,
    )


def _compose(
    document: Document, root: Mapping, companions: Companions, context: SourceContext
) -> Iterator[Extraction]:
    folder = posixpath.dirname(document.source.path)
    for node in _listed(root.get("dockerComposeFile")):
        if isinstance(node, Scalar) and node.value:
            path = posixpath.normpath(posixpath.join(folder, node.value))
            raw = companions.read(path, document.location(node))
            if raw is not None:
                yield extract_compose(raw, path, context)


def _listed(node: Node | None) -> list[Node]:
    if node is None:
        return []
    return node.items if isinstance(node, Sequence) else [node]
