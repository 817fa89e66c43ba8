"""Builds of bases, made from stored documents: what a tag served, or what a claim names."""

from __future__ import annotations

from collections.abc import Mapping

from tagwatch.audit.base.claim import claimed_base_label, may_be
from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.history import Interval
from tagwatch.audit.reading.image import Image, PlatformImage, read_image
from tagwatch.audit.reading.stated_version import stated_version
from tagwatch.audit.reading.version_evidence import version_evidence
from tagwatch.errors import InvalidReferenceError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Reference
from tagwatch.image.snapshot import Document
from tagwatch.value import replace

__all__ = [
    "base_builds",
    "build_of",
    "canonical_name",
    "claimed_builds",
    "parse_or_none",
    "repository_of",
]


def base_builds(
    reference: str, interval: Interval, documents: Mapping[Digest, Document]
) -> tuple[BaseBuild, ...]:
    """Return a build for each platform of what a base's tag served in `interval`.

    `reference` is canonical, with the tag. A platform whose config was not read gives none.
    """
    image = read_image(interval.digest, documents, reference=reference)
    builds = (build_of(image, part) for part in image.platforms)
    return tuple(
        replace(
            build,
            tag=interval.tag,
            version=_more_exact(interval.version, build.version),
            first_seen=interval.first_seen,
            last_seen=interval.last_seen,
            ended=interval.ended,
        )
        for build in builds
        if build is not None
    )


def claimed_builds(
    reference: str, digest: Digest, documents: Mapping[Digest, Document]
) -> tuple[BaseBuild, ...]:
    """Return a build for each platform of a digest that an image claims as its base.

    `reference`: the canonical name with the tag that the claim gives. A platform gives no build
    where its config was not read, or where it states a version that the tag cannot have served,
    whatever the claim says.
    """
    parsed = Reference.parse(reference)
    image = read_image(digest, documents, reference=reference)
    name = Reference(repository=parsed.repository, digest=digest).canonical
    # `ended`: nobody saw the tag serve it, so it must not count as what the tag serves now
    return tuple(
        replace(build, ended=True, known_as=name)
        for part in image.platforms
        if (build := build_of(image, part)) is not None and _may_be_of(parsed, part)
    )


def build_of(image: Image, part: PlatformImage) -> BaseBuild | None:
    """Return one platform of an image as a build; None where its config was not read."""
    config, manifest = part.config, part.manifest
    if config is None or manifest is None:
        return None
    stated = stated_version(part, image.reference)
    return BaseBuild(
        reference=canonical_name(image.reference),
        tag=_tag(image.reference),
        platform=config.platform,
        digest=image.digest,
        manifest=part.digest,
        config=manifest.config.digest,
        diff_ids=config.diff_ids,
        layers=tuple((layer.digest, layer.size) for layer in manifest.layers),
        history=config.history,
        version=image.version or (stated.value if stated else None),
        created_at=config.created_at,
        user=config.user,
        exposed_ports=config.exposed_ports,
        claimed_base=claimed_base_label(config.labels),
    )


def canonical_name(reference: str) -> str:
    """Return the name with the tag and without the digest: builds are known by it."""
    parsed = parse_or_none(reference)
    if parsed is None:
        return reference
    tag = parsed.effective_tag
    return parsed.repository.name + (f":{tag}" if tag else "")


def repository_of(reference: str) -> str:
    """Return the canonical name of the repository; `reference` itself where it is no reference."""
    parsed = parse_or_none(reference)
    return parsed.repository.name if parsed else reference


def _tag(reference: str) -> str:
    parsed = parse_or_none(reference)
    return (parsed.effective_tag if parsed else None) or ""


def parse_or_none(reference: str) -> Reference | None:
    """Return the parsed reference; None where `reference` is no reference."""
    try:
        return Reference.parse(reference)
    except InvalidReferenceError:
        return None


def _more_exact(named: str | None, stated: str | None) -> str | None:
    """Return the version that says more: `named`, or a `stated` that only adds to it (`20.1`)."""
    if named is None or stated is None:
        return named or stated
    return stated if may_be(named, stated) and len(stated) > len(named) else named


def _may_be_of(reference: Reference, part: PlatformImage) -> bool:
    """Return True unless the image states a version that the tag cannot have served.

    The version is read without regard to the tag: the tag is what is in doubt.
    """
    stated = version_evidence(part.config, reference.repository.path) if part.config else None
    return stated is None or may_be(reference.effective_tag, stated.version)
