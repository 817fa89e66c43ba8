"""Images as the judgement sees them: what is known of one digest, platform by platform.

Whatever was not read is None, and a problem says why. A verdict that needs it becomes `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tagwatch.audit.reading.attestation import (
    UNREAD_ATTESTATION,
    Attestation,
    listed_attestations,
)
from tagwatch.errors import InvalidDocumentError
from tagwatch.image.digest import Digest
from tagwatch.image.image_config import ImageConfig, parse_image_config
from tagwatch.image.manifest import Descriptor, Index, Manifest, parse_manifest
from tagwatch.image.platform import Platform
from tagwatch.image.snapshot import Document
from tagwatch.value import dataclass, replace

__all__ = [
    "NOT_READ",
    "UNKNOWN_PLATFORM",
    "Image",
    "PlatformImage",
    "has_unread_attestations",
    "read_image",
    "with_attestations",
    "with_reasons",
]

UNKNOWN_PLATFORM = Platform(os="unknown", architecture="unknown")
NOT_READ = "was not read"
"""The end of a problem that another run may solve; see `PlatformImage.is_unintelligible`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformImage:
    """One platform of an image."""

    platform: Platform
    digest: Digest
    manifest: Manifest | None = None
    config: ImageConfig | None = None
    attestations: tuple[Attestation, ...] = ()
    problem: str = ""
    """Why `manifest` or `config` is None."""

    @property
    def is_unintelligible(self) -> bool:
        """Return True where a document was read but not understood: another run will not help."""
        if self.config is not None or (self.manifest is not None and not self.manifest.is_image):
            return False
        return not self.problem.endswith(NOT_READ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """All that is known of the image that a reference served."""

    digest: Digest
    index: Index | None = None
    """None where the digest is of a single manifest, or nothing is known: then see `problem`."""
    platforms: tuple[PlatformImage, ...] = ()
    reference: str = ""
    version: str | None = None
    """The version that the caller knows, for example by an alias. Without it configs are read."""
    version_from: str = ""
    """The basis of `version`."""
    seen: tuple[datetime, datetime] | None = None
    """When we first and last saw the reference serve the image."""
    problem: str = ""

    @property
    def is_unintelligible(self) -> bool:
        """See `PlatformImage.is_unintelligible`; here it is about the manifest or index itself."""
        return bool(self.problem) and not self.problem.endswith(NOT_READ)

    def on(self, platform: Platform) -> PlatformImage | None:
        """Return the image that serves `platform`, or None.

        Where several do, builds of one operating system, the first is returned.
        """
        return next((image for image in self.platforms if image.platform.serves(platform)), None)


def read_image(
    digest: Digest, documents: Mapping[Digest, Document], *, reference: str = ""
) -> Image:
    """Put an image together from documents. This never raises: problems are part of the result."""
    problem, document = "", _parsed(digest, documents)
    index = None
    match document:
        case Index():
            index = document
            platforms = tuple(_read_platform(entry, index, documents) for entry in index.images)
        case Manifest():
            entry = Descriptor(media_type=document.media_type, digest=digest, size=0)
            platforms = (_platform_image(entry, document, None, documents),)
        case str():
            problem, platforms = document, ()
    return Image(
        digest=digest, index=index, platforms=platforms, reference=reference, problem=problem
    )


def has_unread_attestations(image: Image) -> bool:
    """Return True where configs were read but attestations were not, as a scan does."""
    attestations = (one for part in image.platforms if part.config for one in part.attestations)
    return any(one.kind == UNREAD_ATTESTATION for one in attestations)


def with_attestations(image: Image, found: Mapping[Digest, tuple[Attestation, ...]]) -> Image:
    """Return `image` with attestations by manifest digest, on platforms that have none.

    `found` comes from referrers; attestations in the image's own index are kept.
    """
    platforms = tuple(
        replace(part, attestations=part.attestations or found.get(part.digest, ()))
        for part in image.platforms
    )
    return replace(image, platforms=platforms)


def with_reasons(image: Image, reasons: Mapping[Digest, str]) -> Image:
    """Return `image` with what is known of why its parts were not read, by digest."""

    def told(problem: str, digest: Digest) -> str:
        return reasons.get(digest, problem) if problem else problem

    platforms = (replace(part, problem=told(part.problem, part.digest)) for part in image.platforms)
    return replace(image, problem=told(image.problem, image.digest), platforms=tuple(platforms))


def _read_platform(
    entry: Descriptor, index: Index, documents: Mapping[Digest, Document]
) -> PlatformImage:
    platform = entry.platform or UNKNOWN_PLATFORM
    manifest = _parsed(entry.digest, documents)
    if not isinstance(manifest, Manifest):
        problem = manifest if isinstance(manifest, str) else "an index inside an index"
        return PlatformImage(platform=platform, digest=entry.digest, problem=problem)
    return _platform_image(entry, manifest, index, documents)


def _platform_image(
    entry: Descriptor,
    manifest: Manifest,
    index: Index | None,
    documents: Mapping[Digest, Document],
) -> PlatformImage:
    platform = entry.platform or UNKNOWN_PLATFORM
    attested = (one for one in index.attestations if one.attested == entry.digest) if index else ()
    config = _config(manifest, documents)
    if isinstance(config, ImageConfig) and entry.platform is None:
        platform = config.platform
    return PlatformImage(
        platform=platform,
        digest=entry.digest,
        manifest=manifest,
        config=config if isinstance(config, ImageConfig) else None,
        attestations=tuple(listed_attestations(attested, documents)),
        problem=config if isinstance(config, str) else "",
    )


def _config(manifest: Manifest, documents: Mapping[Digest, Document]) -> ImageConfig | str:
    if not manifest.is_image:
        kind = manifest.artifact_type or manifest.config.media_type
        return f"not an image but {kind[:100]!r}"
    document = documents.get(manifest.config.digest)
    if document is None:
        return f"the config {NOT_READ}"
    try:
        return parse_image_config(document.raw)
    except InvalidDocumentError as error:
        return error.message


def _parsed(digest: Digest, documents: Mapping[Digest, Document]) -> Index | Manifest | str:
    """Return the manifest or index of this digest, or a text that says why there is none."""
    document = documents.get(digest)
    if document is None:
        return f"the manifest {NOT_READ}"
    try:
        return parse_manifest(document.raw, document.media_type)
    except InvalidDocumentError as error:
        return error.message
