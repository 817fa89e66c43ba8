"""GitLab CI: the images and services of jobs, with the variables of the pipeline's own files.

A job has its own image, that of the jobs it `extends`, or the default; its variables are the
job's, then the pipeline's. What GitLab itself supplies (`CI_…`) is not known here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from tagwatch.errors import UsageError
from tagwatch.image.platform import Platform
from tagwatch.source.target import Extraction, Ignore, Problem, SourceContext, Span, Target
from tagwatch.source.text.comment import attach, find_ignores, ignore_problems
from tagwatch.source.text.companion import Companions
from tagwatch.source.text.image_text import image_target, place_of, template_variables
from tagwatch.source.text.interpolation import Resolved, interpolate, literal
from tagwatch.source.text.node import Document, Mapping, Node, Scalar, Sequence, items_of
from tagwatch.source.text.shared_value import mark_shared
from tagwatch.source.text.yaml_nodes import load_yaml
from tagwatch.value import dataclass, field

__all__ = ["extract", "recognizes"]

_NAME = re.compile(r"(?:.*[._-])?gitlab-ci\.ya?ml|\.gitlab-ci[._-].*\.ya?ml", re.IGNORECASE)
_FOLDER = re.compile(r"(?:^|/)\.?gitlab(?:-ci|/ci)?/(?:[^/]+/)*[^/]+\.ya?ml")
_ROOT_KEY = re.compile(rb"(?m)^(?:stages|default|workflow|include|variables|image)[ \t]*:")
_JOB = re.compile(rb"(?m)^[ \t]+(?:stage|script)[ \t]*:")
_BLOCK = re.compile(rb"(?m)^(?=[\w.\"'])")
_KEY = re.compile(rb"(?m)^([ \t]+)([a-z_]+)[ \t]*:")
_OTHER = re.compile(
    rb"(?m)^(?:(?:jobs|apiVersion|trigger|pr|pool|steps|language|pipelines)[ \t]*:"
    rb"|services:[ \t\r]*\n[ \t]+\w[\w-]*:)"
)
_KEYWORDS = frozenset(
    {"default", "include", "stages", "types", "variables", "workflow", "image", "services"}
    | {"cache", "before_script", "after_script", "spec"}
)
_MAX_FILES = 100
_MAX_BASES = 40  # GitLab allows 11 levels
_MAX_REFERENCES = 10
_MAX_NESTED = 50  # variables in variables
_MAX_IMAGES = 20_000  # of all jobs


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`."""
    if _NAME.fullmatch(posixpath.basename(path)):
        return True
    if not path.endswith((".yml", ".yaml")) or _OTHER.search(head) or not _JOB.search(head):
        return False
    if _FOLDER.search(path) or _ROOT_KEY.search(head):
        return True
    return any(map(_is_job, _BLOCK.split(head)))


def _is_job(block: bytes) -> bool:
    """True where a top-level key holds what only a job of GitLab's has: a script and its stage."""
    keys = _KEY.findall(block)
    own = {key for indent, key in keys if indent == keys[0][0]}
    return b"script" in own and bool(own & {b"stage", b"image", b"extends", b"services"})


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:
    """See `Source.extract`."""
    pipeline = _Pipeline(Companions(context), posixpath.dirname(path) if _is_main(path) else "")
    pipeline.open(raw, path)
    pipeline.read()
    return pipeline.result()


def _is_main(path: str) -> bool:
    return posixpath.basename(path) == ".gitlab-ci.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """A job's or the pipeline's mapping in one file."""

    document: Document
    node: Mapping


_Follow = Callable[[Document, "Node | None"], tuple[Document, "Node | None"]]


class _Scope:
    """The variables that one job sees: the first layer that sets one wins."""

    def __init__(
        self,
        lineage: list[_Layer],
        pipeline: list[_Layer],
        places: dict[Span, str],
        follow: _Follow,
    ) -> None:
        self._lineage = lineage
        self._pipeline = pipeline
        self._inherits = _inherits(lineage)
        self._places = places  # where each variable's value stands: added to
        self._follow = follow
        self._known: dict[str, Resolved | None] = {}
        self._depth = 0

    def value(self, document: Document, node: Scalar) -> Resolved:
        """The scalar's text with its variables substituted."""
        if "$[[" in node.value:
            return Resolved(missing=template_variables(node.value))
        place = place_of(document, node)
        return interpolate(node.value, self._lookup, place, operators=False)

    def _lookup(self, name: str) -> Resolved | None:
        if name not in self._known and self._depth < _MAX_NESTED:
            self._known[name] = None  # where a variable leads back to itself
            self._depth += 1
            self._known[name] = self._find(name)
            self._depth -= 1
        return self._known.get(name)

    def _find(self, name: str) -> Resolved | None:
        pipeline = self._pipeline if self._inherits(name) else []
        for layer in (*self._lineage, *pipeline):
            if name in _varying_names(layer.node):
                return None
            document, variables = self._follow(layer.document, layer.node.get("variables"))
            if not isinstance(variables, Mapping):
                continue
            document, variable = self._follow(document, variables.get(name))
            value = variable.scalar("value") if isinstance(variable, Mapping) else variable
            if isinstance(value, Scalar):
                number = value.number
                if number is not None and str(number) != value.value:
                    return literal(str(number))
                found = self.value(document, value)
                for span in found.spans:
                    self._places.setdefault(span, name)
                return found
        return None


@dataclass(slots=True)
class _Pipeline:
    """The files of one pipeline, the main one first: its keys win."""

    companions: Companions
    folder: str
    layers: list[_Layer] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ignores: list[Ignore] = field(default_factory=list)
    targets: dict[tuple[object, ...], Target] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    variables: dict[Span, str] = field(default_factory=dict)
    fixed: set[int] = field(default_factory=set)  # images that are the same in every job
    read_images: int = 0

    def open(self, raw: bytes, path: str) -> None:
        """Add a file and the files that it includes."""
        self.opened.add(path)
        document = load_yaml(raw, path)
        ignores = find_ignores(document.source.text, path)
        self.ignores += ignores
        self.problems += [*document.problems, *ignore_problems(ignores)]
        for root in document.roots:
            if isinstance(root, Mapping):
                self.layers.append(_Layer(document=document, node=root))
                for item in _listed(root.get("include")):
                    self._include(document, item)

    def read(self) -> None:
        """Every job's image and services, then what no job uses."""
        used: set[int] = set()
        for name in self._job_names():
            if not name.startswith("."):
                used |= self._job(name)
        for name in self._job_names():
            if name.startswith("."):
                self._own(name, self._jobs(name), used)
        for layer in self.layers:
            default = layer.node.mapping("default")
            for node in (layer.node, default) if default else (layer.node,):
                self._own(None, [_Layer(document=layer.document, node=node)], used)

    def result(self) -> Extraction:
        texts = {layer.document.source.path: layer.document.source.text for layer in self.layers}
        order = sorted(self.targets.values(), key=lambda target: target.location)
        targets = mark_shared(order, self.variables, texts.values())
        return Extraction(
            targets=attach(targets, self.ignores),
            problems=tuple(dict.fromkeys([*self.problems, *self.companions.problems])),
            wanted=self.companions.wanted,
            ignores=tuple(self.ignores),
        )

    def _job_names(self) -> list[str]:
        names = (
            name
            for layer in self.layers
            for name, node in layer.node.entries.items()
            if isinstance(node, Mapping) and name not in _KEYWORDS
        )
        return list(dict.fromkeys(names))

    def _jobs(self, name: str) -> list[_Layer]:
        """The job in each file that has it, the one that wins first."""
        return [
            _Layer(document=layer.document, node=node)
            for layer in self.layers
            if isinstance(node := layer.node.entries.get(name), Mapping)
        ]

    def _lineage(self, name: str) -> list[_Layer]:
        """The job, then what it extends: of several bases the last wins, before its own bases."""
        found: dict[str, list[_Layer]] = {}
        waiting = [name]
        while waiting and len(found) < _MAX_BASES:
            name = waiting.pop()
            if name not in found:
                found[name] = self._jobs(name)
                bases = [b for layer in found[name] for b in _listed(layer.node.get("extends"))]
                waiting += [base.value for base in bases if isinstance(base, Scalar)]
        return [layer for layers in found.values() for layer in layers]

    def _job(self, name: str) -> set[int]:
        """Add what a job runs; the identities of the nodes that it took."""
        lineage = self._lineage(name)
        if any(layer.node.get("trigger") is not None for layer in lineage):
            return set()
        defaults = [
            _Layer(document=layer.document, node=node)
            for layer in self.layers
            for node in (layer.node.mapping("default"), layer.node)
            if node is not None
        ]
        used: set[int] = set()
        for key in ("image", "services"):
            for layer in (*lineage, *defaults):
                node = layer.node.get(key)
                if node is not None:
                    used |= self._add(name, layer.document, node, lineage)
                    break
        return used

    def _own(self, name: str | None, layers: list[_Layer], used: set[int]) -> None:
        """Add what stands in a template or as default and was not taken by a job."""
        for layer in layers:
            for key in ("image", "services"):
                node = layer.node.get(key)
                if node is not None and id(node) not in used:
                    lineage = self._lineage(name) if name else []
                    self._add(name, layer.document, node, lineage, seen=used)

    def _add(
        self,
        job: str | None,
        document: Document,
        node: Node,
        lineage: list[_Layer],
        seen: set[int] | frozenset[int] = frozenset(),
    ) -> set[int]:
        """Add the image of `image:` or the images of `services:`."""
        used = {id(node)}
        scope = _Scope(lineage, self.layers, self.variables, self._follow)
        for within, item in self._items(document, node, set()):
            named = item.get("name") if isinstance(item, Mapping) else item
            holder, image = self._follow(within, named)
            if not isinstance(image, Scalar) or not image.value or image.is_null:
                continue
            used.add(id(image))
            if not self._afford(within, item):
                break
            if id(image) in seen or id(image) in self.fixed:
                continue
            if "$" not in image.value:
                self.fixed.add(id(image))
            target = image_target(
                holder,
                image,
                scope.value(holder, image),
                kind="gitlab-ci",
                group=job,
                platform=self._platform(within, item),
            )
            self.targets.setdefault((target.location, target.reference, target.platform), target)
        return used

    def _afford(self, document: Document, item: Node) -> bool:
        """False where the pipeline's limit is spent: jobs multiply what they share."""
        self.read_images += 1
        if self.read_images == _MAX_IMAGES:
            message = f"more than {_MAX_IMAGES} images of jobs; from here on none is read"
            self.problems.append(Problem(message=message, location=document.location(item)))
        return self.read_images < _MAX_IMAGES

    def _items(
        self, document: Document, node: Node, seen: set[int]
    ) -> Iterator[tuple[Document, Node]]:
        """The node, or the items of a list; a list that `!reference` puts into one is flattened."""
        document, found = self._follow(document, node)
        if found is None or id(found) in seen:
            return
        if not isinstance(found, Sequence):
            yield document, found
            return
        seen.add(id(found))
        for below in found.items:
            yield from self._items(document, below, seen)

    def _follow(self, document: Document, node: Node | None) -> tuple[Document, Node | None]:
        """What a `!reference [job, key, …]` names, any other node itself."""
        for _ in range(_MAX_REFERENCES):
            if not isinstance(node, Sequence) or node.tag != "!reference":
                return document, node
            path = [item.value for item in node.items if isinstance(item, Scalar)]
            found = ((layer.document, layer.node.get(*path)) for layer in self.layers if path)
            document, node = next((pair for pair in found if pair[1] is not None), (document, None))
        return document, None

    def _platform(self, document: Document, item: Node) -> str | None:
        node = item.scalar("docker", "platform") if isinstance(item, Mapping) else None
        if node is None or "$" in node.value:
            return None
        try:
            return str(Platform.parse(node.value))
        except UsageError as error:
            self.problems.append(
                Problem(message=error.message, location=document.location(node), hint=error.hint)
            )
            return None

    def _include(self, document: Document, item: Node) -> None:
        local = item.scalar("local") if isinstance(item, Mapping) else item
        place = document.location(item)
        if not isinstance(local, Scalar) or "://" in local.value:
            where = "another project, a template, a component or a remote file"
            return self._skip(item, document, f"an include of {where} was not read")
        if "*" in local.value or "$" in local.value:
            return self._skip(item, document, f"include {local.value[:100]!r} was not resolved")
        path = posixpath.normpath(posixpath.join(self.folder, local.value.lstrip("/")))
        if path in self.opened or len(self.opened) >= _MAX_FILES:
            return None
        raw = self.companions.read(path, place)
        if raw is not None:
            self.open(raw, path)
        return None

    def _skip(self, item: Node, document: Document, message: str) -> None:
        place = document.location(item)
        hint = "what it names is not part of this answer"
        self.problems.append(Problem(message=message, location=place, hint=hint, skipped=True))


def _listed(node: Node | None) -> list[Node]:
    if node is None:
        return []
    return node.items if isinstance(node, Sequence) else [node]


def _varying_names(node: Mapping) -> set[str]:
    """Variables of a job or pipeline that take several values: by a matrix, or by a rule."""
    varying = [*items_of(node.get("parallel", "matrix"))]
    for rule in (*items_of(node.get("rules")), *items_of(node.get("workflow", "rules"))):
        given = rule.get("variables") if isinstance(rule, Mapping) else None
        varying += [given] if given is not None else []
    return {name for item in varying if isinstance(item, Mapping) for name in item.entries}


def _inherits(lineage: list[_Layer]) -> Callable[[str], bool]:
    """Which of the pipeline's variables a job sees: `inherit: {variables: …}`."""
    found = (layer.node.get("inherit", "variables") for layer in lineage)
    kept = next((node for node in found if node is not None), None)
    if isinstance(kept, Sequence):
        names = {item.value for item in kept.items if isinstance(item, Scalar)}
        return names.__contains__
    is_none = isinstance(kept, Scalar) and kept.value.lower() == "false"
    return lambda _: not is_none
