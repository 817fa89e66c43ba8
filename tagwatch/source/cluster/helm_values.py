"""The images in the values of a Helm chart: `{registry, repository, tag, digest}` in all its forms.

Values stand in a file of their own, or in a manifest that installs a chart.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from itertools import chain

from tagwatch.errors import InvalidReferenceError
from tagwatch.image.reference import Repository
from tagwatch.source.cluster.split_reference import SplitReference
from tagwatch.source.target import Problem, Target
from tagwatch.source.text.companion import Companions
from tagwatch.source.text.image_text import image_target, literal_scalar
from tagwatch.source.text.node import Document, Mapping, Node, Scalar, Sequence, items_of, walk
from tagwatch.source.text.yaml_nodes import load_yaml
from tagwatch.value import dataclass, field, replace

__all__ = ["Values"]

_IMAGE_KEY = re.compile(r"(?:.*[a-z0-9_-])?[iI]mage|.*_image|.*-image")
_IMAGE_LIST = re.compile(r"(?:.*[a-z0-9])?[iI]mages")
_TAGGED = re.compile(r"[^\s:@]+(?::\d+/[^\s:@]+)?[:@][^\s/]+")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


# `v0.0.0`, `0.0.0-dev`: what a development branch has until a release fills it in.
_PLACEHOLDER = r"v?0+(?:\.0+)+(?:-.*)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """A top-level key of the values, and the registry that `global` puts before its images."""

    name: str
    registry: str
    default: Mapping | None = None
    """The values, where they hold what every image falls back on (`defaultImageRegistry`)."""

    def fallback(self, part: str) -> Scalar | None:
        found = self.default.scalar(f"defaultImage{part}") if self.default is not None else None
        return found if found is not None and found.value else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chart:
    """What a chart says of its images: all empty where there is no chart (yet)."""

    app_version: str = ""
    subcharts: frozenset[str] = frozenset()

    @classmethod
    def beside(cls, path: str, companions: Companions) -> _Chart:
        """The chart in the folder of a values file."""
        path = posixpath.join(posixpath.dirname(path), "Chart.yaml")
        raw = companions.read(path, None)
        roots = load_yaml(raw, path).roots if raw is not None else ()
        if not roots or not isinstance(roots[0], Mapping):
            return cls()
        names = (
            node.scalar("alias") or node.scalar("name")
            for node in items_of(roots[0].get("dependencies"))
            if isinstance(node, Mapping)
        )
        version = roots[0].scalar("appVersion")
        is_known = version is not None and not re.fullmatch(_PLACEHOLDER, version.value)
        return cls(
            app_version=version.value if version is not None and is_known else "",
            subcharts=frozenset(name.value for name in names if name is not None),
        )


@dataclass(slots=True, kw_only=True)
class Values:
    """Values that stand in `document`: a file of their own, or a part of a manifest.

    `companions` are asked for the chart beside a values file; None where no chart stands beside.
    """

    document: Document
    kind: str
    companions: Companions | None = None
    chart: _Chart | None = None
    below: set[int] = field(default_factory=set)
    """Mappings of several images by their names: `image: {web: {repository: …}}`."""

    def images(self, root: Mapping) -> Iterator[tuple[Target, Problem | None]]:
        """Every image of the values, in file order, with what is wrong with its tag."""
        registry = root.scalar("global", "imageRegistry")
        seen = {id(root)}
        for name, top in root.entries.items():
            default = root if "defaultImageRegistry" in root.entries else None
            above = registry.value if registry else ""
            section = _Section(name=name, registry=above, default=default)
            for parent, key, value in chain([(root, name, top)], walk(top, seen)):
                yield from self._at(parent, key, value, section)

    def _at(
        self, parent: Mapping, key: str, value: Node, section: _Section
    ) -> Iterator[tuple[Target, Problem | None]]:
        if isinstance(value, Scalar):
            if _IMAGE_KEY.fullmatch(key) and (target := self._inline(parent, key, value)):
                yield target, None
        elif isinstance(value, Mapping):
            if (target := self._split(key, value, section, parent)) is not None:
                yield target, self._tag_problem(value)
            elif _IMAGE_LIST.fullmatch(key):
                yield from ((target, None) for target in self._named(value))
            elif _IMAGE_KEY.fullmatch(key):
                self.below.add(id(value))
        else:
            yield from self._listed(key, value, section)

    def _listed(
        self, key: str, node: Sequence, section: _Section
    ) -> Iterator[tuple[Target, Problem | None]]:
        is_list = _IMAGE_LIST.fullmatch(key) is not None
        for item in node.items:
            if isinstance(item, Scalar) and is_list and self._is_name(item):
                yield self._whole(item, key), None
            elif isinstance(item, Mapping):
                target = self._split("image" if is_list else "", item, section)
                if target is not None:
                    yield target, self._tag_problem(item)

    def _named(self, node: Mapping) -> Iterator[Target]:
        """The images of `images: {web: o/r:7}` and of `images: {tags: {web: o/r:7}}`."""
        for below in (node, node.mapping("tags")):
            for key, value in below.entries.items() if below else ():
                if isinstance(value, Scalar) and _TAGGED.fullmatch(value.value):
                    yield self._whole(value, key)

    def _inline(self, parent: Mapping, key: str, node: Scalar) -> Target | None:
        """A text under an image key: the whole reference, or its name with the tag beside it."""
        if not self._is_name(node):
            return None
        tag = parent.get("tag") if key == "image" else None
        tag = tag or parent.get(f"{key}Tag") or parent.get(f"{key}Version")
        if isinstance(tag, Scalar) and tag.value and ":" not in node.value.rpartition("/")[2]:
            return SplitReference(
                document=self.document, kind=self.kind, name=node, tag=tag, group=key
            ).target()
        return self._whole(node, key)

    def _whole(self, node: Scalar, key: str) -> Target:
        value = literal_scalar(self.document, node)
        return image_target(self.document, node, value, kind=self.kind, group=key)

    def _split(
        self, key: str, node: Mapping, section: _Section, parent: Mapping | None = None
    ) -> Target | None:
        """The target of a mapping that has `repository`; under an image key `repo`, `name`."""
        is_image = _IMAGE_KEY.fullmatch(key) is not None or id(parent) in self.below
        repository = node.scalar("repository")
        if section.default is not None and is_image and (name := node.scalar("name")) is not None:
            return self._by_default(key, node, section, name)
        if repository is None and is_image and "tag" in node.entries:
            repository = node.scalar("repo") or node.scalar("name")
        if repository is None or not repository.value or not self._is_name(repository):
            return None
        if not is_image and not _is_split(node):
            return None
        own = node.scalar("registry")
        prefix = own.value if own is not None else ""
        if "registry" in node.entries and section.registry:
            prefix = section.registry
        digest = _digest(node)
        bare = digest is not None and ":" not in digest.value
        split = SplitReference(
            document=self.document,
            kind=self.kind,
            name=repository,
            tag=node.scalar("tag") or (node.scalar("version") if is_image else None),
            digest=digest,
            prefix=f"{prefix.rstrip('/')}/" if prefix else "",
            digest_prefix="sha256:" if bare else "",  # as `sha` has it, mostly
            group=key or None,
        )
        target = split.target()
        if target.missing == ("tag",) and is_image and (version := self._app_version(section)):
            return replace(split, default_tag=version).target()
        return target

    def _by_default(
        self, key: str, node: Mapping, section: _Section, name: Scalar
    ) -> Target | None:
        """The target of an image whose parts are the chart's defaults where they are empty."""
        if not name.value or not self._is_name(name):
            return None
        owners = [
            own if own and own.value and not own.is_null else section.fallback(part)
            for part, own in (
                ("Registry", node.scalar("registry")),
                ("Repository", node.scalar("repository")),
            )
        ]
        own, fallback = node.scalar("tag"), section.fallback("Tag")
        own = own or node.scalar("tagPrefix")  # of Kafka's images: what goes before its version
        is_prefix = own is not None and own is node.scalar("tagPrefix")
        return SplitReference(
            document=self.document,
            kind=self.kind,
            name=name,
            tag=own if not is_prefix else None,
            digest=_digest(node),
            prefix="".join(f"{one.value.strip('/')}/" for one in owners if one is not None),
            default_tag=fallback.value if fallback is not None and not is_prefix else "",
            group=key or None,
        ).target()

    def _app_version(self, section: _Section) -> str:
        """The chart's `appVersion`; empty without a chart, and in the values of a subchart."""
        if self.chart is None:
            path, companions = self.document.source.path, self.companions
            self.chart = _Chart.beside(path, companions) if companions else _Chart()
        return "" if section.name in self.chart.subcharts else self.chart.app_version

    def _is_name(self, node: Scalar) -> bool:
        """False for what cannot be an image: numbers, booleans, URLs, patterns, free text."""
        text = node.value
        if not text or node.is_null or not node.is_string or "://" in text or "*" in text:
            return False
        if "{{" in text or "$" in text:
            return True
        try:
            Repository.parse(text.partition("@")[0].rpartition(":")[0] or text)
        except InvalidReferenceError:
            return not any(character.isspace() for character in text) and "/" in text
        return True

    def _tag_problem(self, node: Mapping) -> Problem | None:
        """A tag without quotes that Helm reads as a number and prints otherwise (3.10 as 3.1)."""
        tag = node.scalar("tag")
        if tag is None or tag.style or not _NUMBER.fullmatch(tag.value):
            return None
        number = float(tag.value)
        if "." in tag.value and f"{number:g}" == tag.value:
            return None
        if "." not in tag.value and str(int(tag.value)) == tag.value and abs(number) < 1e6:
            return None
        return Problem(
            message=f"tag: {tag.value} without quotes is a number, and Helm prints it otherwise",
            location=self.document.location(tag),
            hint=f'write tag: "{tag.value}"',
        )


def _digest(node: Mapping) -> Scalar | None:
    """The field of the digest that the chart puts into the reference; maybe empty.

    `useDigest: false` is Cilium's and turns it off. An empty `sha` is passed over: some charts
    write `@sha256:` before it, others `@`, and only a value shows which.
    """
    used = node.scalar("useDigest")
    if used is not None and used.value.lower() == "false":
        return None
    own, sha = node.entries.get("digest"), node.scalar("sha")
    if isinstance(own, Scalar) and own.value and not own.is_null:
        return own
    if sha is not None and sha.value:
        return sha
    return own if isinstance(own, Scalar) else None


def _is_split(node: Mapping) -> bool:
    """True where a mapping outside an image key still reads like an image."""
    return isinstance(node.get("tag"), Scalar) and bool(
        node.entries.keys() & {"registry", "digest", "pullPolicy", "imagePullPolicy", "name"}
    )
