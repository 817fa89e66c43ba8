"""Sample images as real builders make them: layers, configs, manifests, indexes, provenance.

Everything is made from its arguments, so two runs give the same digests, whatever the Python.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from typing import Any

from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.snapshot import Document
from tagwatch.value import dataclass, field

__all__ = ["Built", "Shelf", "Step", "build", "index_of"]

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_IN_TOTO = "application/vnd.in-toto+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One build step; `content` None: it changes the config only."""

    created_by: str
    content: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """One platform's image with every blob it needs; `packages` (name, version) for its SBOM."""

    manifest: Document
    config: Mapping[str, Any]
    layers: tuple[Mapping[str, Any], ...]
    blobs: Mapping[Digest, bytes]
    architecture: str
    packages: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True, kw_only=True)
class Shelf:
    """What a registry holds: blobs and manifests by digest, tags by repository."""

    manifests: dict[Digest, Document] = field(default_factory=dict)
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    tags: dict[str, dict[str, Digest]] = field(default_factory=dict)
    pushed: dict[tuple[str, str], str] = field(default_factory=dict)

    def push(self, repository: str, tags: Iterable[str], images: Iterable[Built], day: str) -> None:
        """Put images, one a platform, behind `tags`; a tag that serves them already stays."""
        index, extra, members = index_of(images)
        for member in members:
            self.manifests[member.manifest.digest] = member.manifest
            self.blobs.update(member.blobs)
        for document in extra:
            self.manifests[document.digest] = document
            self.blobs.setdefault(document.digest, document.raw)
        self.manifests[index.digest] = index
        shelf = self.tags.setdefault(repository, {})
        for tag in tags:
            if shelf.get(tag) != index.digest:
                shelf[tag] = index.digest
                self.pushed[repository, tag] = day

    def delete(self, repository: str, tag: str) -> None:
        """Take a tag away; its manifest stays, as on real registries until they collect garbage."""
        del self.tags[repository][tag]


def build(
    base: Built | None,
    steps: Iterable[Step],
    *,
    day: str,
    config: Mapping[str, Any] | None = None,
    architecture: str = "amd64",
    packages: tuple[tuple[str, str], ...] = (),
) -> Built:
    """An image of `steps` on `base`; `config` overrides what the base's config says."""
    history = list(base.config["history"]) if base else []
    diff_ids = list(base.config["rootfs"]["diff_ids"]) if base else []
    layers = list(base.layers) if base else []
    blobs = dict(base.blobs) if base else {}
    for step in steps:
        entry: dict[str, Any] = {"created": f"{day}T02:00:00Z", "created_by": step.created_by}
        if step.content is None:
            entry["empty_layer"] = True
        else:
            tar = _tar(step.content, day)
            raw = _gzip(tar)
            digest = digest_of(raw)
            blobs[digest] = raw
            diff_ids.append(digest_of(tar))
            layers.append({"mediaType": _LAYER, "digest": digest, "size": len(raw)})
        history.append(entry)
    document = {
        "created": f"{day}T02:00:00Z",
        "architecture": architecture,
        "os": "linux",
        "config": {**(base.config["config"] if base else {}), **(config or {})},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history,
    }
    raw_config = _json(document)
    blobs[digest_of(raw_config)] = raw_config
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {
                "mediaType": _CONFIG,
                "digest": digest_of(raw_config),
                "size": len(raw_config),
            },
            "layers": layers,
        }
    )
    return Built(
        manifest=Document(digest=digest_of(manifest), media_type=_MANIFEST, raw=manifest),
        config=document,
        layers=tuple(layers),
        blobs=blobs,
        architecture=architecture,
        packages=(*(base.packages if base else ()), *packages),
    )


def index_of(images: Iterable[Built]) -> tuple[Document, tuple[Document, ...], tuple[Built, ...]]:
    """An index over one image a platform, with BuildKit's attestation entry beside each.

    Returns the index, the attestation documents (manifests and their blobs), and the images.
    """
    entries: list[dict[str, Any]] = []
    attestations: list[dict[str, Any]] = []
    extra: list[Document] = []
    members = tuple(images)
    for image in members:
        manifest = image.manifest
        entries.append(
            {
                "mediaType": _MANIFEST,
                "digest": manifest.digest,
                "size": len(manifest.raw),
                "platform": {"architecture": image.architecture, "os": "linux"},
            }
        )
        documents = _attestation(manifest.digest, image.packages)
        extra += documents
        attestations.append(
            {
                "mediaType": _MANIFEST,
                "digest": documents[0].digest,
                "size": len(documents[0].raw),
                "annotations": {
                    "vnd.docker.reference.digest": manifest.digest,
                    "vnd.docker.reference.type": "attestation-manifest",
                },
                "platform": {"architecture": "unknown", "os": "unknown"},
            }
        )
    raw = _json(
        {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [*entries, *attestations]},
    )
    return Document(digest=digest_of(raw), media_type=_INDEX, raw=raw), tuple(extra), members


def _attestation(subject: Digest, packages: Iterable[tuple[str, str]]) -> list[Document]:
    """What BuildKit attests, in its legacy form: manifest, config, provenance, SPDX."""
    provenance = {"builder": {"id": ""}, "buildType": "https://mobyproject.org/buildkit@v1"}
    sbom = {
        "spdxVersion": "SPDX-2.3",
        "packages": [
            {
                "name": name,
                "versionInfo": version,
                "externalRefs": [
                    {
                        "referenceCategory": "PACKAGE-MANAGER",
                        "referenceType": "purl",
                        "referenceLocator": f"pkg:deb/debian/{name}@{version}",
                    }
                ],
            }
            for name, version in packages
        ],
    }
    statements = [
        _statement(subject, "https://slsa.dev/provenance/v0.2", provenance),
        *([_statement(subject, "https://spdx.dev/Document", sbom)] if packages else []),
    ]
    config = _json({"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {}})
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, "digest": digest_of(config), "size": len(config)},
            "layers": [
                {
                    "mediaType": _IN_TOTO,
                    "digest": digest_of(raw),
                    "size": len(raw),
                    "annotations": {"in-toto.io/predicate-type": kind},
                }
                for kind, raw in statements
            ],
        }
    )
    return [
        Document(digest=digest_of(manifest), media_type=_MANIFEST, raw=manifest),
        Document(digest=digest_of(config), media_type=_CONFIG, raw=config),
        *(Document(digest=digest_of(raw), media_type=_IN_TOTO, raw=raw) for _, raw in statements),
    ]


def _statement(subject: Digest, kind: str, predicate: Mapping[str, Any]) -> tuple[str, bytes]:
    statement = {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": kind,
        "subject": [{"name": "_", "digest": {"sha256": subject.removeprefix("sha256:")}}],
        "predicate": predicate,
    }
    return kind, _json(statement)


def _tar(content: str, day: str) -> bytes:
    """One file whose bytes follow from `content`, some kB of them so that sizes say something."""
    seed = hashlib.sha256(f"{content} {day}".encode())
    data = b"".join(
        hashlib.sha256(seed.digest() + number.to_bytes(4, "big")).digest()
        for number in range(64 + seed.digest()[0])
    )
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo(
            f"usr/share/demo/{hashlib.sha256(content.encode()).hexdigest()[:8]}"
        )
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def _gzip(raw: bytes) -> bytes:
    """`raw` compressed, by a system that is not named (RFC 1952, OS 255).

    Python names it up to 3.12 and no more from 3.13 on: digests would follow the interpreter.
    """
    compressed = gzip.compress(raw, 6, mtime=0)
    return compressed[:9] + b"\xff" + compressed[10:]


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
