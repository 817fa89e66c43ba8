"""Manifests and indexes, OCI and Docker schema 2 (OCI image-spec manifest.md, image-index.md).

The body decides what a document is; a Content-Type that says otherwise, or a body that could be
read as both, is refused (CVE-2021-41190).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tagwatch.errors import InvalidDigestError, InvalidDocumentError
from tagwatch.image.digest import Digest, parse_digest
from tagwatch.image.platform import EVERY_PLATFORM, Platform
from tagwatch.image.unicode import HALF_WRITTEN, without_halves
from tagwatch.value import dataclass, field

__all__ = [
    "CONFIG_TYPES",
    "INDEX_TYPES",
    "MANIFEST_ACCEPT",
    "MANIFEST_TYPES",
    "MAX_DOCUMENT_BYTES",
    "SCHEMA1_TYPES",
    "Descriptor",
    "Index",
    "Manifest",
    "artifact_of",
    "decode_json",
    "parse_manifest",
]

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_INDEX})
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
CONFIG_TYPES = frozenset({OCI_CONFIG, DOCKER_CONFIG})
_ARTIFACTS = {
    "helm": "a Helm chart",
    "simplesigning": "a signature",
    "notary.signature": "a signature",
    "sigstore": "a signature",
    "wasm": "a WebAssembly module",
    "spdx": "an SBOM",
    "cyclonedx": "an SBOM",
    "in-toto": "an attestation",
}
"""What a media type with this word in it is."""
_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1"
SCHEMA1_TYPES = frozenset({f"{_SCHEMA1}+json", f"{_SCHEMA1}+prettyjws"})
MANIFEST_ACCEPT = ", ".join(
    (OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST, *sorted(SCHEMA1_TYPES, reverse=True))
)
"""The whole Accept list: a shorter one makes registries answer 404 or another digest."""

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
_MAX_ENTRIES = {"manifests": 1_000, "layers": 10_000}
"""An index of 10,000 platforms took half a minute to judge. Large ones have some hundred."""
_MAX_SIZE = 2**63 - 1  # an int64 by the specification; a larger one has no share that a float holds
_ATTESTATION = "vnd.docker.reference.type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A pointer to stored bytes: media type, digest and size in bytes (descriptor.md)."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    urls: tuple[str, ...] = ()

    @property
    def is_attestation(self) -> bool:
        """True for BuildKit's attestation entries and anything else that cannot be run."""
        return _ATTESTATION in self.annotations or (
            self.platform is not None and self.platform.os == "unknown"
        )

    @property
    def attested(self) -> str | None:
        """The digest of the image manifest that this attestation entry describes."""
        return self.annotations.get("vnd.docker.reference.digest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Several manifests under one digest, usually one a platform."""

    media_type: str
    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str | None = None
    subject: Descriptor | None = None

    @property
    def images(self) -> tuple[Descriptor, ...]:
        """The entries that can be run, in order."""
        return tuple(entry for entry in self.manifests if not entry.is_attestation)

    @property
    def attestations(self) -> tuple[Descriptor, ...]:
        """BuildKit's attestation entries (`vnd.docker.reference.type: attestation-manifest`)."""
        return tuple(
            entry
            for entry in self.manifests
            if entry.annotations.get(_ATTESTATION) == "attestation-manifest"
        )

    def images_for(self, platform: Platform) -> tuple[Descriptor, ...]:
        """The entries that pulls for `platform` would take, as containerd chooses: mostly one.

        Windows images come once a build of the system (`os.version`), and a host takes its own.
        """
        if platform == EVERY_PLATFORM:
            return self.images
        for wanted in _fallbacks(platform):
            builds: dict[str | None, Descriptor] = {}
            for entry in self.images:
                if entry.platform is not None and entry.platform.serves(wanted):
                    builds.setdefault(entry.platform.os_version, entry)
            if builds:
                return tuple(builds.values())
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One image (or artifact) for one platform: a config and layers, base first."""

    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str | None = None
    subject: Descriptor | None = None

    @property
    def is_image(self) -> bool:
        """False for charts, signatures, SBOMs and other artifacts stored as manifests."""
        return self.config.media_type in CONFIG_TYPES and self.artifact_type is None

    @property
    def size(self) -> int:
        """Compressed size of all layers in bytes."""
        return sum(layer.size for layer in self.layers)


def artifact_of(manifest: Manifest) -> str:
    """Return what a manifest holds in place of an image, in words; empty for an image.

    A signature has an image's config, and no layer of one.
    """
    kind = ""
    if not manifest.is_image:
        kind = manifest.artifact_type or manifest.config.media_type
    elif manifest.layers and not any(_is_layer(one) for one in manifest.layers):
        kind = manifest.layers[0].media_type
    told = next((words for part, words in _ARTIFACTS.items() if part in kind), "an artifact")
    return f"{told} ({kind[:100]!r})" if kind else ""


def _is_layer(entry: Descriptor) -> bool:
    """Return True for a layer of a known type, and where it says no type: engines try that."""
    return (
        not entry.media_type or "image.layer." in entry.media_type or "rootfs" in entry.media_type
    )


def decode_json(raw: bytes, *, what: str) -> dict[str, Any]:
    """Return the JSON object in `raw`.

    Raises `InvalidDocumentError` for anything larger than 4 MiB, not UTF-8, not an object, nested
    too deep, with a key twice or a number that JSON has not (`NaN`): parsers differ there, and a
    digest covers the bytes only. Halves of surrogate pairs become U+FFFD.
    """
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise InvalidDocumentError(f"{what} is larger than {MAX_DOCUMENT_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
        hook = _unique_clean_keys if HALF_WRITTEN.search(text) else _unique_keys
        document = json.loads(text, object_pairs_hook=hook, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidDocumentError(f"{what} is not valid JSON: {str(error)[:120]}") from error
    if not isinstance(document, dict):
        raise InvalidDocumentError(f"{what} is not a JSON object")
    return document


def parse_manifest(raw: bytes, media_type: str | None = None) -> Index | Manifest:
    """Read a manifest or index from its raw bytes.

    `media_type` is the Content-Type it came with (parameters are ignored); a body that names
    another type is refused. Raises `InvalidDocumentError`, for schema 1 with a hint.
    """
    document = decode_json(raw, what="manifest")
    sent = (media_type or "").split(";")[0].strip().lower() or None
    stated = document.get("mediaType")
    known = INDEX_TYPES | MANIFEST_TYPES
    if document.get("schemaVersion") == 1 or "fsLayers" in document:
        raise InvalidDocumentError(
            "image manifest version 2, schema 1 is not supported",
            hint="push the image again with a current builder: registries refuse schema 1 today",
        )
    if "manifests" in document and ("layers" in document or "config" in document):
        raise InvalidDocumentError("the document is both an index and a manifest (CVE-2021-41190)")
    if isinstance(stated, str) and sent in known and stated != sent:
        raise InvalidDocumentError(
            f"the registry sent {sent!r} but the document says it is {stated!r}"
        )
    actual = stated if isinstance(stated, str) else sent if sent in known else None
    if "manifests" in document:
        if actual is not None and actual not in INDEX_TYPES:
            raise InvalidDocumentError(f"an index with the media type {actual!r}")
        return _parse_index(document, actual or OCI_INDEX)
    if "config" in document and "layers" in document:
        if actual in INDEX_TYPES:
            raise InvalidDocumentError(f"a manifest with the media type {actual!r}")
        return _parse_manifest(document, actual or OCI_MANIFEST)
    raise InvalidDocumentError("the document is neither an index nor a manifest")


def _parse_index(document: Mapping[str, Any], media_type: str) -> Index:
    return Index(
        media_type=media_type,
        manifests=tuple(_descriptors(document, "manifests")),
        annotations=_strings(document.get("annotations")),
        artifact_type=_text(document.get("artifactType")),
        subject=_subject(document),
    )


def _parse_manifest(document: Mapping[str, Any], media_type: str) -> Manifest:
    return Manifest(
        media_type=media_type,
        config=_descriptor(document["config"], "config"),
        layers=tuple(_descriptors(document, "layers")),
        annotations=_strings(document.get("annotations")),
        artifact_type=_text(document.get("artifactType")),
        subject=_subject(document),
    )


def _subject(document: Mapping[str, Any]) -> Descriptor | None:
    subject = document.get("subject")
    return None if subject is None else _descriptor(subject, "subject")


def _descriptors(document: Mapping[str, Any], key: str) -> Iterator[Descriptor]:
    entries = document[key]
    if entries is None:
        return
    most = _MAX_ENTRIES[key]
    if not isinstance(entries, list) or len(entries) > most:
        raise InvalidDocumentError(f"{key!r} is not a list of at most {most} entries")
    for number, entry in enumerate(entries):
        yield _descriptor(entry, f"{key}[{number}]")


def _descriptor(entry: object, where: str) -> Descriptor:
    if not isinstance(entry, dict):
        raise InvalidDocumentError(f"{where} is not an object")
    size = entry.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MAX_SIZE:
        raise InvalidDocumentError(f"{where} has no valid size")
    try:
        digest = parse_digest(str(entry.get("digest")))
    except InvalidDigestError as error:
        raise InvalidDocumentError(f"{where}: {error.message}") from error
    urls = entry.get("urls") or ()
    return Descriptor(
        media_type=_text(entry.get("mediaType")) or "",
        digest=digest,
        size=size,
        platform=_platform(entry.get("platform")),
        artifact_type=_text(entry.get("artifactType")),
        annotations=_strings(entry.get("annotations")),
        urls=tuple(str(url) for url in urls) if isinstance(urls, list) else (),
    )


def _platform(value: object) -> Platform | None:
    if not isinstance(value, dict):
        return None
    os, architecture = _text(value.get("os")), _text(value.get("architecture"))
    if not os or not architecture:
        return None
    return Platform.normalized(
        os, architecture, _text(value.get("variant")), _text(value.get("os.version"))
    )


def _fallbacks(platform: Platform) -> Iterator[Platform]:
    yield platform
    if platform.architecture == "arm" and platform.variant in ("v8", "v7", "v6"):
        for variant in ("v7", "v6", "v5"):
            if variant < platform.variant:
                yield Platform(os=platform.os, architecture="arm", variant=variant)


def _strings(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {str(key): text for key, text in value.items() if isinstance(text, str)}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return result


def _unique_clean_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return _unique_keys([(without_halves(key), _clean(value)) for key, value in pairs])


def _clean(value: Any) -> Any:
    """Return a value that an object holds; objects in it have been here already."""
    if isinstance(value, str):
        return without_halves(value)
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _refuse(constant: str) -> None:
    raise ValueError(f"it has a number {constant}")
