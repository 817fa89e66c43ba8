"""Compose files (compose-spec): what their services run, build from and publish.

A project may stand in several files: `extends` and `include` are followed, `.env` is read, and an
override file beside the main one adds its ports. Files that are needed come back as `wanted`.
"""

from __future__ import annotations

import posixpath
import re

from tagwatch.errors import UsageError
from tagwatch.image.platform import Platform
from tagwatch.source.build import Builds
from tagwatch.source.compose.build import BuildReader, Makers
from tagwatch.source.compose.environment import EnvFiles, environment_lookup
from tagwatch.source.compose.file import ComposeFile, recognizes
from tagwatch.source.compose.port import Publication, read_publication
from tagwatch.source.target import (
    Extraction,
    Ignore,
    Port,
    Problem,
    SourceContext,
    Target,
    is_replaced,
)
from tagwatch.source.text.comment import attach, find_ignores, ignore_problems
from tagwatch.source.text.companion import Companions
from tagwatch.source.text.image_text import image_target
from tagwatch.source.text.interpolation import Lookup, Resolved
from tagwatch.source.text.node import (
    Document,
    Mapping,
    Node,
    Scalar,
    Sequence,
    items_of,
)
from tagwatch.source.text.shared_value import mark_shared
from tagwatch.source.text.yaml_nodes import load_yaml
from tagwatch.value import dataclass, replace

__all__ = ["extract", "recognizes"]

_MAIN = re.compile(r"(?:docker-)?compose\.ya?ml")
_MAX_CHAIN = 32
_MAX_PORTS = 50_000  # of one project
_MAX_EXTENSIONS = 20_000  # followed in one project


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:
    """See `Source.extract`."""
    project = _Project(context)
    file = project.open(raw, path, posixpath.dirname(path), project.outermost, dotenv=True)
    project.read(file, override=True)
    return project.result()


_PULLS = ("always", "daily", "weekly", "every_")
"""How a `pull_policy` begins by which Compose pulls what is there, also where it could build."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    """A service with what it inherits through `extends`."""

    image: tuple[ComposeFile, Scalar] | None = None
    platform: str | None = None
    publication: Publication = Publication()
    built: str | None = None
    """The Dockerfile that it is built from; empty where that is not known. None: it is not."""
    is_pulled: bool = False
    """True where its image is pulled although it could be built."""


class _Project:
    """One walk over a project's files; asks for what it needs and gathers what it finds."""

    def __init__(self, context: SourceContext) -> None:
        self.outermost = environment_lookup(context)
        self._companions = Companions(context)
        self._env = EnvFiles(self._companions, context.private)
        self._builds = Builds(self._companions, context)
        self._targets: dict[tuple[object, ...], Target] = {}
        self._problems: list[Problem] = []
        self._ignores: list[Ignore] = []
        self._ports: list[Port] = []
        self._documents: dict[str, Document] = {}
        self._files: dict[tuple[str, str, Lookup, bool], ComposeFile] = {}
        self._included: set[str] = set()
        self._publications: dict[tuple[str, int], Publication] = {}
        self._extensions = 0
        self._published = 0
        self._env_files: set[str] = set()
        self._sections: set[tuple[int, int]] = set()
        self._dockerfiles: dict[tuple[int, int], str] = {}
        self._makers = Makers(context)

    def result(self) -> Extraction:
        texts = [document.source.text for document in self._documents.values()]
        for span, name in self._env.variables.items():
            if span.path in self._env_files:  # services get it whole
                texts.append(f"${name}")
        targets = mark_shared(self._targets.values(), self._env.variables, texts)
        targets = attach(targets, self._ignores)
        problems = [*self._problems, *self._env.problems, *self._companions.problems]
        return Extraction(
            targets=tuple(map(self._makers.seen, targets)),
            problems=tuple(dict.fromkeys(problems)),
            wanted=self._companions.wanted,
            ignores=tuple(self._ignores),
            ports=tuple(self._ports),
            variables=tuple(self._env.asked),
        )

    def open(
        self, raw: bytes, path: str, directory: str, lookup: Lookup, *, dotenv: bool
    ) -> ComposeFile:
        """A file of the project. `dotenv`: the `.env` of its directory stands below `lookup`."""
        key = (path, directory, lookup, dotenv)
        if key in self._files:
            return self._files[key]
        document = self._documents.get(path)
        if document is None:
            document = self._documents[path] = load_yaml(raw, path)
            ignores = find_ignores(document.source.text, path)
            self._ignores += ignores
            self._problems += [*document.problems, *ignore_problems(ignores)]
        if dotenv and b"$" in raw:
            lookup = self._env.below(lookup, {posixpath.join(directory, ".env"): None})
        self._files[key] = ComposeFile.of(document, directory, lookup)
        return self._files[key]

    def read(self, file: ComposeFile, *, override: bool = False) -> None:
        """Everything that the file names; `override`: an override file beside it counts too."""
        overrides = self._override(file) if override else None
        for name, node in file.services:
            service = self._service(file, name, node, ())
            extra = overrides.by_name.get(name) if overrides else None
            if overrides and extra:
                own = self._publication(overrides, extra)
                service = replace(service, publication=own.upon(service.publication))
            self._emit(name, service)
            self._beside(file, name, node)
            self._env_files |= file.paths(self._unread(file, node.get("env_file")))
        if overrides is not None:
            self._ports_beside(overrides, file)
        for root in file.document.roots:
            if isinstance(root, Mapping):
                for item in _listed(root.get("include")):
                    self._include(file, item)

    def _ports_beside(self, overrides: ComposeFile, file: ComposeFile) -> None:
        """The ports of services that only the override file has; it names their images itself."""
        for name, node in overrides.services:
            if name not in file.by_name:
                self._ports += self._publication(overrides, node).of(name)

    def _service(
        self, file: ComposeFile, name: str, node: Mapping, chain: tuple[tuple[str, str], ...]
    ) -> _Service:
        base = self._extended(file, node, (*chain, (file.path, name)))
        image = node.scalar("image")
        said = self._publication(file, node)
        own = said.upon(base.publication)
        if said.profiles:  # those of a base that stands only to be extended start nothing else
            own = replace(own, profiles=said.profiles)
        own = self._afford(file, node, own)
        section, built = node.get("build"), base.built
        if section is not None:
            self._build(file, section, name)
            built = self._dockerfiles[id(file), id(section)]
        policy = file.known(_node(node, "pull_policy")) or ""
        return _Service(
            image=(file, image) if image is not None and image.value else base.image,
            platform=self._platform(file, node.get("platform")) or base.platform,
            publication=own,
            built=built,
            is_pulled=policy.startswith(_PULLS) if policy else base.is_pulled,
        )

    def _publication(self, file: ComposeFile, node: Mapping) -> Publication:
        if self._published > _MAX_PORTS:
            return Publication()
        key = (file.path, id(node))
        if key not in self._publications:
            self._publications[key], problems = read_publication(file, node)
            self._problems += problems
        return self._publications[key]

    def _afford(self, file: ComposeFile, node: Mapping, whole: Publication) -> Publication:
        """`whole`, no ports where the project's limit is spent: `extends` multiplies them."""
        count = len(whole.ports)
        self._published += count
        if self._published <= _MAX_PORTS:
            return whole
        if self._published - count <= _MAX_PORTS:
            self._problem(file, node, f"more than {_MAX_PORTS} ports; from here on none is judged")
        return replace(whole, ports=())

    def _extended(
        self, file: ComposeFile, node: Mapping, chain: tuple[tuple[str, str], ...]
    ) -> _Service:
        extends = node.get("extends")
        if extends is None:
            return _Service()
        service = extends if isinstance(extends, Scalar) else None
        other: ComposeFile | None = file
        if isinstance(extends, Mapping):
            service = extends.scalar("service")
            if (name := extends.scalar("file")) is not None:
                other = self._companion(file, name, None, file.lookup, dotenv=False)
        if service is None or other is None:
            return _Service()
        wanted = file.known(service) or service.value
        found = other.by_name.get(wanted)
        if found is None:
            self._problem(file, service, f"extends an unknown service {wanted[:60]!r}")
            return _Service()
        if (other.path, wanted) in chain:
            self._problem(file, service, f"service {wanted[:60]!r} extends itself")
            return _Service()
        self._extensions += 1
        if len(chain) > _MAX_CHAIN or self._extensions > _MAX_EXTENSIONS:
            self._problem(file, service, "extends more services than anybody writes")
            return _Service()
        self._beside(other, wanted, found)
        return self._service(other, wanted, found, chain)

    def _build(self, file: ComposeFile, section: Node, service: str) -> None:
        if (id(file), id(section)) in self._sections:
            return
        self._sections.add((id(file), id(section)))
        reader = BuildReader(document=file.document, directory=file.directory, value=file.value)
        build = reader.build(section)
        self._dockerfiles[id(file), id(section)] = (
            "" if build is None else build.location.path if build.inline else build.path
        )
        caches = section.get("cache_from") if isinstance(section, Mapping) else None
        for target in reader.targets(section, self._unread(file, caches), service):
            self._add(target)
        if self._builds.is_full:
            return
        if build is None:
            self._problem(file, section, "a build whose Dockerfile is not here", skipped=True)
            return
        extraction = self._builds.extraction(build)
        self._problems += extraction.problems
        for target in extraction.targets:
            self._add(target)

    def _emit(self, name: str, service: _Service) -> None:
        ports = service.publication.of(name)
        if service.image is None:
            self._ports += ports
            return
        file, node = service.image
        value = file.value(node) if node.is_string else Resolved(error="an image is a string")
        is_built = service.built is not None and not service.is_pulled
        target = image_target(
            file.document,
            node,
            value,
            kind="compose",
            group=name,
            ports=ports,
            platform=service.platform,
            facts={"built": name} if is_built else {},
        )
        self._add(target)
        if is_built and service.built is not None and target.reference is not None:
            self._makers.add(target.reference, service.built, file.path)

    def _beside(self, file: ComposeFile, name: str, node: Mapping) -> None:
        """What is pulled beside the image: volumes of type `image`, containers of `pre_start`."""
        volumes = self._unread(file, node.get("volumes"))
        steps = self._unread(file, node.get("pre_start"))
        mounted = (one for one in volumes if file.known(_node(one, "type")) == "image")
        named = [
            *(_node(one, "source") for one in mounted),
            *(_node(one, "image") for one in steps),
        ]
        for scalar in named:
            if scalar is not None and scalar.value:
                value = file.value(scalar)
                self._add(image_target(file.document, scalar, value, kind="compose", group=name))

    def _unread(self, file: ComposeFile, section: Node | None) -> list[Node]:
        """The items of a list that was not read before in the same file: aliases multiply it."""
        key = (id(file), id(section))
        if key in self._sections:
            return []
        self._sections.add(key)
        return items_of(section)

    def _add(self, target: Target) -> None:
        """Keep the target; where an anchor leads two services to one place, join their ports."""
        key = (
            *(target.location, target.reference, target.platform, target.kind),
            is_replaced(target),
        )
        known = self._targets.get(key)
        if known is not None and not target.ports:
            return
        if known is not None:
            ports = dict.fromkeys((*known.ports, *target.ports))
            target = replace(known, ports=tuple(ports))
        self._targets[key] = target

    def _include(self, file: ComposeFile, item: Node) -> None:
        paths: list[Node] = [item]
        directory: str | None = None
        lookup = file.lookup
        env_files: list[Node] = []
        if isinstance(item, Mapping):
            paths = _listed(item.get("path"))
            directory = file.known(item.get("project_directory"))
            env_files = _listed(item.get("env_file"))
        named = {
            posixpath.normpath(posixpath.join(file.directory, name)): file.document.location(node)
            for node in env_files
            if (name := file.known(node))
        }
        lookup = self._env.below(lookup, named) if named else lookup
        for node in paths:
            if isinstance(node, Scalar):
                other = self._companion(file, node, directory, lookup, dotenv=not env_files)
                if other is not None and other.path not in self._included:
                    self._included.add(other.path)
                    self.read(other)

    def _companion(
        self,
        file: ComposeFile,
        node: Scalar,
        directory: str | None,
        lookup: Lookup,
        *,
        dotenv: bool,
    ) -> ComposeFile | None:
        """Another file of the project, None where it is not there (yet)."""
        name = file.known(node)
        if name is None:
            self._problem(file, node, f"{node.value[:100]!r} cannot be resolved")
            return None
        if "://" in name or name.startswith("git@"):
            self._problem(file, node, f"{name[:100]!r} is remote and was not read", skipped=True)
            return None
        path = posixpath.normpath(posixpath.join(file.directory, name))
        raw = self._companions.read(path, file.document.location(node))
        if raw is None:
            return None
        inside = posixpath.dirname(path)
        if directory is not None:
            inside = posixpath.normpath(posixpath.join(file.directory, directory))
        return self.open(raw, path, inside, lookup, dotenv=dotenv)

    def _override(self, file: ComposeFile) -> ComposeFile | None:
        """The override file that Compose reads beside a main file."""
        name = posixpath.basename(file.path)
        if not _MAIN.fullmatch(name):
            return None
        stem = name.rpartition(".")[0]
        for suffix in (".yml", ".yaml"):
            path = posixpath.join(posixpath.dirname(file.path), f"{stem}.override{suffix}")
            if (raw := self._companions.read(path, None)) is not None:
                return self.open(raw, path, file.directory, self.outermost, dotenv=True)
        return None

    def _platform(self, file: ComposeFile, node: Node | None) -> str | None:
        text = file.known(node)
        if not text or node is None:
            return None
        try:
            return str(Platform.parse(text))
        except UsageError as error:
            self._problem(file, node, error.message)
            return None

    def _problem(
        self, file: ComposeFile, node: Node, message: str, *, skipped: bool = False
    ) -> None:
        self._problems.append(
            Problem(message=message, location=file.document.location(node), skipped=skipped)
        )


def _listed(node: Node | None) -> list[Node]:
    """A list's items; one thing as a list of itself."""
    if node is None:
        return []
    return node.items if isinstance(node, Sequence) else [node]


def _node(item: Node, key: str) -> Scalar | None:
    return item.scalar(key) if isinstance(item, Mapping) else None
