"""Versions that something other than a tag gives: labels, environment, attestations.

They may be inherited, since an image keeps the labels and variables of its base. So we do not
believe a label of an image with another name, a variable that is not the repository's own, or a
number that contradicts the tag's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tagwatch.audit.model.evidence import Basis
from tagwatch.image.image_config import ImageConfig
from tagwatch.image.order import version_key
from tagwatch.image.tag import Kind, Tag, parse_tag
from tagwatch.value import dataclass

__all__ = ["VersionEvidence", "attested_version", "is_own_version", "names_another"]
__all__ += ["other_version", "platform_versions", "version_evidence"]

_VERSION_LABELS = ("org.opencontainers.image.version", "org.label-schema.version")
_SOURCE_LABEL = "org.opencontainers.image.source"
_FULL = 3
"""A tag with so many numbers promises one version."""
_NAME_LABELS = ("org.opencontainers.image.title", "org.opencontainers.image.ref.name")
# 1:11.4.2+maria~ubu2404, 16.4-1.pgdg120+1, jdk-21.0.4+7, jdk8u422-b05, v1.2.3-rc.1
_UPSTREAM = re.compile(
    r"(?:\d+:)?(?:(?:v|jdk|go|rel|release|version)[-_.]?)?(\d+(?:\.\d+)+|\d+u\d+|\d+)"
    r"((?:-b\d+)?(?:[-._]?(?:alpha|beta|rc|preview|pre|ea|dev|M|a|b)[-._]?\d*)?(?:\+\d+(?![\w.]))?)",
    re.ASCII | re.IGNORECASE,
)
_SYSTEM_PACKAGES = ("pkg:apk/", "pkg:bitnami/", "pkg:deb/", "pkg:generic/", "pkg:rpm/")
_MAX_CLAIM = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEvidence:
    """A version that something other than a tag gives."""

    version: str
    basis: Basis
    detail: str = ""
    """The name of the label or variable, or the package URL, that gives the version."""


def version_evidence(
    config: ImageConfig, repository_path: str, tag: str | None = None
) -> VersionEvidence | None:
    """Return the version that `config` states for this repository and tag, or None.

    The variable named like the repository comes first; then a label, unless the labels name another
    image; then the only `*_VERSION` whose number fits the tag's (at least two numbers).
    """
    asked = parse_tag(tag).release if tag else ()
    name = repository_path.rpartition("/")[2]
    variables = list(_variables(config.env, asked))
    for variable, version in variables:
        if _plain(variable.removesuffix("_VERSION")) == _plain(name):
            return VersionEvidence(version=version, basis=Basis.ENV, detail=variable)
    if not names_another(config.labels, repository_path):
        for label in _VERSION_LABELS:
            stated = _upstream(config.labels.get(label, ""), asked)
            if stated is not None:
                return VersionEvidence(version=stated, basis=Basis.LABEL, detail=label)
    matching = {version: variable for variable, version in variables if len(asked) > 1}
    if len(matching) == 1:
        version, variable = matching.popitem()
        return VersionEvidence(version=version, basis=Basis.ENV, detail=variable)
    return None


def other_version(
    config: ImageConfig, repository_path: str, tag: str | None, *, inherited: bool = False
) -> VersionEvidence | None:
    """Return the version that the image states where a full-version `tag` says another, or None.

    A label counts that stands beside the image's own name or source, and the variable named like
    the repository: of an image that is not official only within the tag's major version, since
    images may have a number of their own (`corp/python:1.0.3`). With `inherited` every label counts
    that names no other image.
    """
    asked = parse_tag(tag) if tag else None
    if asked is None or asked.kind is not Kind.VERSION or len(asked.release) < _FULL:
        return None
    name, is_official = repository_path.rpartition("/")[2], repository_path.startswith("library/")
    for variable, version in _variables(config.env, ()):
        if _plain(variable.removesuffix("_VERSION")) == _plain(name) and (
            is_official or version_key(version)[0][:1] == asked.release[:1]
        ):
            found = VersionEvidence(version=version, basis=Basis.ENV, detail=variable)
            return found if _contradicts(version, asked) else None
    if inherited or _names_itself(config.labels, repository_path):
        if names_another(config.labels, repository_path):
            return None
        for label in _VERSION_LABELS:
            stated = _upstream(config.labels.get(label, ""), ())
            if stated is not None:
                found = VersionEvidence(version=stated, basis=Basis.LABEL, detail=label)
                return found if _contradicts(stated, asked) else None
    return None


def is_own_version(repository_path: str, version: str | None, variable: str, value: str) -> bool:
    """Return True for a `*_VERSION` variable that gives the version of the image itself.

    It is named like the repository, or its value is the `version` that the image has.
    """
    name = _plain(repository_path.rpartition("/")[2])
    is_named = _plain(variable.removesuffix("_VERSION")) == name
    return is_named or (bool(version) and version_key(value)[0] == version_key(version or "")[0])


def _contradicts(stated: str, asked: Tag) -> bool:
    """Return True where both are versions of one scheme, and their numbers differ.

    A version that stands anywhere in the tag is no contradiction: `temurin-21-tools-1.11.3`.
    """
    other = parse_tag(stated.replace("+", "_"))
    length = min(len(other.release), len(asked.release))
    return (
        length > 1
        and other.scheme is asked.scheme
        and other.release[:length] != asked.release[:length]
        and stated not in asked.text
    )


def _names_itself(labels: Mapping[str, str], repository_path: str) -> bool:
    """Return True where a name or the source in the labels is the repository's own."""
    name = _plain(repository_path.rpartition("/")[2])
    source = labels.get(_SOURCE_LABEL, "").rstrip("/").removesuffix(".git").rpartition("/")[2]
    titles = (labels.get(label, "") for label in _NAME_LABELS)
    return bool(name) and any(_plain(text) == name for text in (source, *titles))


def attested_version(
    packages: Mapping[str, frozenset[str]], repository_path: str, tag: str | None = None
) -> VersionEvidence | None:
    """Return the version of the system package in an SBOM that is named like the repository.

    None where there is none, or several versions. `packages` is package URL without version ->
    versions (`packages.packages_of`). Only system packages count: a language's library of that
    name is a client of the product.
    """
    asked = parse_tag(tag).release if tag else ()
    name = _plain(repository_path.rpartition("/")[2])
    found = {
        version: purl
        for purl, versions in packages.items()
        if purl.startswith(_SYSTEM_PACKAGES)
        and _plain(purl.partition("?")[0].rpartition("/")[2]) == name
        for text in versions
        if (version := _upstream(text, asked)) is not None
    }
    if len(found) != 1:
        return None
    version, purl = found.popitem()
    return VersionEvidence(version=version, basis=Basis.ATTESTATION, detail=purl)


def platform_versions(versions: Mapping[str, str | None]) -> str:
    """Return a sentence where the platforms of one tag are at different versions, else "".

    `versions` is platform -> the version that its own config states, or None.

    >>> platform_versions({"linux/amd64": "1.2.4", "linux/arm64": "1.2.3"})
    'its platforms are at different versions: 1.2.4 on linux/amd64; 1.2.3 on linux/arm64'
    """
    on: dict[str, list[str]] = {}
    for platform, version in versions.items():
        if version is not None:
            on.setdefault(version, []).append(platform)
    if len(on) < 2:
        return ""
    newest_first = sorted(on, key=lambda version: (version_key(version), version), reverse=True)
    parts = "; ".join(f"{version} on {', '.join(sorted(on[version]))}" for version in newest_first)
    return f"its platforms are at different versions: {parts}"


def _variables(environment: Mapping[str, str], asked: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    for variable, text in sorted(environment.items()):
        if variable.endswith("_VERSION"):
            version = _upstream(text, asked)
            if version is not None:
                yield variable, version


def _upstream(text: str, asked: tuple[int, ...]) -> str | None:
    """Return the upstream version in `text`, without epoch, prefix and packaging, or None.

    None also where the version contradicts the numbers of the tag.
    """
    match = _UPSTREAM.match(text.strip()) if len(text) <= _MAX_CLAIM else None
    if match is None:
        return None
    version = match[1] + match[2]
    release = version_key(version)[0]
    length = min(len(release), len(asked))
    return version if release and release[:length] == asked[:length] else None


def names_another(labels: Mapping[str, str], repository_path: str) -> bool:
    """Return True where the labels say that they belong to another image.

    An image that is built on Ubuntu inherits Ubuntu's labels.
    """
    path = _plain(repository_path)
    names = [_plain(labels[label]) for label in _NAME_LABELS if labels.get(label)]
    words = [name for name in names if name and not any(map(str.isdigit, name))]
    last = _plain(repository_path.rpartition("/")[2])
    return bool(words) and not any(name in path or last in name for name in words)


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()
