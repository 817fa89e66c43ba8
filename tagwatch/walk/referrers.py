"""Attestations that refer to an image from outside: referrers, by the API or the fallback tag.

The referrers of an image change while the image stays the same. So they are asked for every time,
and not stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from tagwatch.audit.reading.attestation import UNREAD_ATTESTATION, Attestation, listed_attestations
from tagwatch.audit.reading.image import Image, with_attestations
from tagwatch.errors import InvalidDocumentError, RegistryError
from tagwatch.image.digest import Digest
from tagwatch.image.manifest import Descriptor, Index, Manifest, parse_manifest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document
from tagwatch.registry.interface import MAX_BLOB_BYTES
from tagwatch.walk.loop import run
from tagwatch.walk.site import Site

if TYPE_CHECKING:
    from tagwatch.registry.interface import Registry

__all__ = ["add_referrers"]

_MOST = 20
"""So many attestations of one manifest are read; whoever may push can attach any number."""
_WORDS = ("in-toto", "attestation", "spdx", "cyclonedx", "sigstore.bundle")
"""What the artifact type of an attestation contains; the first word also stands for no type."""


def add_referrers(images: Sequence[tuple[Repository | None, Image]], site: Site) -> list[Image]:
    """Return the images with attestations of audited platforms whose index has none for them.

    Cost: one or two requests a platform, and two an attestation. An image without a repository is
    one of this machine, for which nothing is asked. What cannot be read becomes an attestation with
    a problem.
    """
    audited = site.policy.defaults.audited
    wanted = {
        (repository, part.digest): None
        for repository, image in images
        if repository is not None
        for part in image.platforms
        if part.config is not None and not part.attestations
        if any(part.platform.serves(platform) for platform in audited)
    }
    found = run(_read(wanted, site)) if wanted else {}
    return [with_attestations(image, found) for _, image in images]


async def _read(
    wanted: Iterable[tuple[Repository, Digest]], site: Site
) -> Mapping[Digest, tuple[Attestation, ...]]:
    from tagwatch.registry.client import open_registries
    from tagwatch.registry.settings import RegistrySettings

    settings = {
        host: RegistrySettings(**options) for host, options in site.settings.registries.items()
    }
    found: dict[Digest, tuple[Attestation, ...]] = {}
    async with open_registries(settings, environment=site.environment, home=site.home) as hosts:
        for repository, digest in wanted:
            try:
                entries = await _attesting(hosts.of(repository.host), repository, digest)
                read = await _documents(hosts.of(repository.host), repository, entries)
            except (RegistryError, InvalidDocumentError) as error:
                unread = Attestation(kind=UNREAD_ATTESTATION, digest=digest, problem=error.message)
                found[digest] = (unread,)
            else:
                found[digest] = tuple(listed_attestations(entries, read))
    return found


async def _attesting(
    registry: Registry, repository: Repository, digest: Digest
) -> list[Descriptor]:
    """Return the referrers of a manifest that attest something; signatures and others do not."""
    document = await registry.referrers(repository, digest)
    listing = parse_manifest(document.raw, document.media_type) if document else None
    if not isinstance(listing, Index):
        return []
    kinds = [(entry, (entry.artifact_type or _WORDS[0]).lower()) for entry in listing.manifests]
    return [entry for entry, kind in kinds if any(word in kind for word in _WORDS)][:_MOST]


async def _documents(
    registry: Registry, repository: Repository, entries: Iterable[Descriptor]
) -> Mapping[Digest, Document]:
    """Read the manifests and statements of referrers; a statement that is too large is left out."""
    found: dict[Digest, Document] = {}
    for entry in entries:
        document = await registry.manifest(repository, entry.digest)
        found[entry.digest] = document
        manifest = parse_manifest(document.raw, document.media_type)
        for layer in manifest.layers if isinstance(manifest, Manifest) else ():
            if layer.size <= MAX_BLOB_BYTES:
                found[layer.digest] = await registry.blob(repository, layer.digest, layer.size)
    return found
