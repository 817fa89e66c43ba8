"""GitLab CI: the images and services of jobs, with the variables of the pipeline's own files.

A job has its own image, that of the jobs it `extends`, or the default; its variables are the
job's, then the pipeline's. What GitLab itself supplies (`CI_…`) is not known here.
"""

from __future__ import annotations

import posixpath
import re

from tagwatch.errors import UsageError
from tagwatch.image.platform import Platform
from tagwatch.source.companion import Companions
from tagwatch.source.ignore import attach, find_ignores, ignore_problems
from tagwatch.source.image_text import image_target, place_of, template_variables
from tagwatch.source.interpolation import Resolved, interpolate
from tagwatch.source.node import Document, Mapping, Node, Scalar, Sequence, items_of
from tagwatch.source.shared_value import mark_shared
from tagwatch.source.target import Extraction, Ignore, Problem, SourceContext, Span, Target
from tagwatch.source.yaml_nodes import load_yaml
from tagwatch.value import dataclass, field

__all__ = ["extract", "recognizes"]

_NAME = re.compile(r"(?:.*[._-])?gitlab-ci\.ya?ml|\.gitlab-ci[._-].*\.ya?ml", re.IGNORECASE)
_FOLDER = re.compile(r"(?:^|/)\.?gitlab(?:-ci|/ci)?/(?:[^/]+/)*[^/]+\.ya?ml")
_ROOT_KEY = re.compile(rb"(?m)^(?:stages|default|workflow|include|variables|image)[ \t]*:")
_JOB = re.compile(rb"(?m)^[ \t]+(?:stage|script)[ \t]*:")
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


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`."""
    if _NAME.fullmatch(posixpath.basename(path)):
        return True
    if not path.endswith((".yml", ".yaml")) or _OTHER.search(head) or not _JOB.search(head):
        return False
    return _FOLDER.search(path) is not None or _ROOT_KEY.search(head) is not None


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


class _Scope:
    """The variables that one job sees: the first layer that sets one wins."""

    def __init__(self, layers: tuple[_Layer, ...], places: dict[Span, str]) -> None:
        self._layers = layers
        self._places = places  # where each variable's value stands: added to
        self._known: dict[str, Resolved | None] = {}

    def value(self, document: Document, node: Scalar) -> Resolved:
        """The scalar's text with its variables substituted."""
        if "$[[" in node.value:
            return Resolved(missing=template_variables(node.value))
        place = place_of(document, node)
        return interpolate(node.value, self._lookup, place, operators=False)

    def _lookup(self, name: str) -> Resolved | None:
        if name not in self._known:
            self._known[name] = None  # where a variable leads back to itself
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> Resolved | None:
        for layer in self._layers:
            if name in _matrix_names(layer.node):
                return None
            variable = layer.node.get("variables", name)
            value = variable.scalar("value") if isinstance(variable, Mapping) else variable
            if isinstance(value, Scalar):
                found = self.value(layer.document, value)
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
        for item in node.items if isinstance(node, Sequence) else [node]:
            if isinstance(node, Sequence) and node.tag == "!reference":
                break  # it names another job's key, which is read there
            image = item.scalar("name") if isinstance(item, Mapping) else item
            if not isinstance(image, Scalar) or not image.value or image.is_null:
                continue
            used.add(id(image))
            if id(image) in seen:
                continue
            target = image_target(
                document,
                image,
                _Scope((*lineage, *self.layers), self.variables).value(document, image),
                kind="gitlab-ci",
                group=job,
                platform=self._platform(document, item),
            )
            self.targets.setdefault((target.location, target.reference, target.platform), target)
        return used

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


def _matrix_names(job: Mapping) -> set[str]:
    """Variables that take several values: `parallel: {matrix: …}`."""
    return {
        name
        for item in items_of(job.get("parallel", "matrix"))
        if isinstance(item, Mapping)
        for name in item.entries
    }
