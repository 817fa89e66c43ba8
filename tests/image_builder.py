"""Images made by hand, byte for byte the same every time: layers, configs, manifests, indexes.

`build` turns a list of steps into what a builder would push (real tar layers, gzip or zstd or
plain), `index` joins platforms, `attest` makes BuildKit's attestation manifests. What comes out is
a `Built`: `documents` are what a crawl would store, `blobs` what a registry would hold.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.manifest import (
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
)
from tagwatch.image.platform import LINUX_AMD64, Platform
from tagwatch.image.snapshot import Document

Compression = Literal["gzip", "gzip-fast", "zstd", "none"]
Flavour = Literal["oci", "docker"]

EPOCH = datetime(2026, 5, 1, tzinfo=UTC)
EMPTY_TAR = b"\0" * 1024
ATTESTATION_TYPE = "application/vnd.docker.attestation.manifest.v1+json"
IN_TOTO = "application/vnd.in-toto+json"
EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"

_SUFFIX = {"gzip": "+gzip", "gzip-fast": "+gzip", "zstd": "+zstd", "none": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of history. `files` None: an empty layer, `{}`: a layer that holds nothing."""

    created_by: str
    files: Mapping[str, str] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer as stored: `data` are the compressed bytes that `digest` covers."""

    tar: bytes
    data: bytes
    media_type: str
    foreign: bool = False

    @property
    def diff_id(self) -> Digest:
        return digest_of(self.tar)

    @property
    def digest(self) -> Digest:
        return digest_of(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A manifest or index with everything below it."""

    digest: Digest
    media_type: str
    raw: bytes
    platform: Platform | None = None
    layers: tuple[Layer, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    documents: Mapping[Digest, Document] = field(default_factory=dict)
    blobs: Mapping[Digest, bytes] = field(default_factory=dict)
    images: tuple[Built, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def descriptor(self) -> dict[str, Any]:
        """How an index would point here."""
        entry: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": len(self.raw),
        }
        if self.platform is not None:
            entry["platform"] = platform_object(self.platform)
        if self.annotations:
            entry["annotations"] = dict(self.annotations)
        return entry

    @property
    def diff_ids(self) -> tuple[Digest, ...]:
        return tuple(layer.diff_id for layer in self.layers)

    def write_layout(self, directory: Path, tag: str) -> None:
        """Add this image under `tag` to the OCI layout in `directory`; makes it if need be."""
        blobs = directory / "blobs" / "sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        held = {digest: document.raw for digest, document in self.documents.items()}
        for digest, data in {**held, **self.blobs}.items():
            (blobs / digest.partition(":")[2]).write_bytes(data)
        (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        index_path = directory / "index.json"
        entries = []
        if index_path.exists():
            entries = json.loads(index_path.read_bytes())["manifests"]
        entry = {**self.descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}}
        entries = [old for old in entries if old.get("annotations") != entry["annotations"]]
        index_path.write_bytes(json_bytes({"schemaVersion": 2, "manifests": [*entries, entry]}))


def run(command: str, **files: str) -> Step:
    """`RUN command`, as BuildKit writes it; `files` are what it left behind."""
    return Step(created_by=f"RUN /bin/sh -c {command} # buildkit", files=files)


def copy(source: str, target: str, content: str = "") -> Step:
    """`COPY source target`, with content."""
    return Step(
        created_by=f"COPY {source} {target} # buildkit", files={f"{target}/{source}": content}
    )


def env(name: str, value: str) -> Step:
    """`ENV name=value`: an empty layer."""
    return Step(created_by=f"ENV {name}={value}", config={"Env": [f"{name}={value}"]})


def setting(created_by: str, **config: Any) -> Step:
    """Any other step that changes only the config, such as `USER app`."""
    return Step(created_by=created_by, config=config)


def entrypoint(*words: str) -> Step:
    return setting(f"ENTRYPOINT {json.dumps(list(words))}", Entrypoint=list(words))


def cmd(*words: str) -> Step:
    return setting(f"CMD {json.dumps(list(words))}", Cmd=list(words))


def user(name: str) -> Step:
    return setting(f"USER {name}", User=name)


def expose(port: str) -> Step:
    return setting(f"EXPOSE [{port}]", ExposedPorts={port: {}})


def label(name: str, value: str) -> Step:
    return setting(f"LABEL {name}={value}", Labels={name: value})


def workdir(path: str) -> Step:
    """`WORKDIR`, which BuildKit stores as a layer that holds nothing."""
    return Step(created_by=f"WORKDIR {path}", files={}, config={"WorkingDir": path})


def debian_root(release: str, day: int = 0) -> tuple[Step, Step]:
    """The root file system of a Debian image made on a day, and its CMD."""
    stamp = int((EPOCH + timedelta(days=day)).timestamp())
    root = Step(
        created_by=f"# debian.sh --arch 'amd64' out/ '{release}' '@{stamp}'",
        files={"etc/os-release": release, "var/lib/dpkg/status": f"{release} {day}"},
    )
    return root, cmd("bash")


def tar_of(files: Mapping[str, str]) -> bytes:
    """A tar of small files with fixed times and owners; no file gives BuildKit's empty tar."""
    if not files:
        return EMPTY_TAR
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name.lstrip("/"))
            data = content.encode()
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def make_layer(
    tar: bytes,
    *,
    compression: Compression = "gzip",
    flavour: Flavour = "oci",
    foreign: bool = False,
) -> Layer:
    """A tar as it would be stored."""
    match compression:
        case "gzip":
            data = gzip.compress(tar, 9, mtime=0)
        case "gzip-fast":
            data = gzip.compress(tar, 1, mtime=0)
        case "zstd":
            data = zstd_frame(tar)
        case "none":
            data = tar
    kind = "nondistributable." if foreign else ""
    media_type = f"application/vnd.oci.image.layer.{kind}v1.tar{_SUFFIX[compression]}"
    if flavour == "docker":
        rootfs = "foreign" if foreign else "diff"
        media_type = f"application/vnd.docker.image.rootfs.{rootfs}.tar"
        media_type += {"gzip": ".gzip", "gzip-fast": ".gzip", "zstd": ".zstd", "none": ""}[
            compression
        ]
    return Layer(tar=tar, data=data, media_type=media_type, foreign=foreign)


def zstd_frame(data: bytes) -> bytes:
    """A valid Zstandard frame of raw blocks (RFC 8878): it stores, it does not compress."""
    frame = b"\x28\xb5\x2f\xfd" + b"\xa0" + len(data).to_bytes(4, "little")
    blocks = [data[at : at + 65_536] for at in range(0, len(data), 65_536)] or [b""]
    for number, block in enumerate(blocks, 1):
        header = (len(block) << 3) | (number == len(blocks))
        frame += header.to_bytes(3, "little") + block
    return frame


def build(
    *steps: Step,
    base: Built | None = None,
    platform: Platform = LINUX_AMD64,
    created: datetime = EPOCH,
    compression: Compression = "gzip",
    flavour: Flavour = "oci",
    annotations: Mapping[str, str] | None = None,
) -> Built:
    """One platform's image: the steps on top of `base`, whose layers and history are taken over."""
    document: dict[str, Any] = json.loads(json.dumps(base.config)) if base is not None else {}
    config = document.setdefault("config", {})
    history = document.setdefault("history", [])
    layers = list(base.layers) if base is not None else []
    for step in steps:
        entry: dict[str, Any] = {"created": time_text(created), "created_by": step.created_by}
        if step.files is None:
            entry["empty_layer"] = True
        else:
            layers.append(
                make_layer(
                    tar_of(step.files),
                    compression=compression,
                    flavour=flavour,
                    foreign=step.foreign,
                )
            )
        history.append(entry)
        _merge(config, step.config)
    platform = base.platform if base is not None and base.platform else platform
    document["created"] = time_text(created)
    document["os"] = platform.os
    document["architecture"] = platform.architecture
    if platform.variant:
        document["variant"] = platform.variant
    if platform.os_version:
        document["os.version"] = platform.os_version
    document["rootfs"] = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    return assemble(document, layers, platform, flavour=flavour, annotations=annotations)


def assemble(
    config: Mapping[str, Any],
    layers: Sequence[Layer],
    platform: Platform,
    *,
    flavour: Flavour = "oci",
    annotations: Mapping[str, str] | None = None,
) -> Built:
    """A manifest of exactly this config and these layers, whether or not they agree."""
    config_raw = json_bytes(config)
    config_type = OCI_CONFIG if flavour == "oci" else DOCKER_CONFIG
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST if flavour == "oci" else DOCKER_MANIFEST,
        "config": {
            "mediaType": config_type,
            "digest": digest_of(config_raw),
            "size": len(config_raw),
        },
        "layers": [
            {"mediaType": layer.media_type, "digest": layer.digest, "size": len(layer.data)}
            for layer in layers
        ],
    }
    if annotations:
        manifest["annotations"] = dict(annotations)
    raw = json_bytes(manifest)
    return Built(
        digest=digest_of(raw),
        media_type=manifest["mediaType"],
        raw=raw,
        platform=platform,
        layers=tuple(layers),
        config=config,
        documents=_documents((manifest["mediaType"], raw), (config_type, config_raw)),
        blobs={layer.digest: layer.data for layer in layers if not layer.foreign},
    )


def recompress(image: Built, compression: Compression) -> Built:
    """The same config over the same tars, stored otherwise: what a mirror does."""
    layers = [make_layer(layer.tar, compression=compression) for layer in image.layers]
    return assemble(image.config, layers, image.platform or LINUX_AMD64)


def squash(image: Built) -> Built:
    """All layers in one, with one line of history; the rest of the config is kept."""
    tar = b"".join(layer.tar for layer in image.layers)
    config = {
        **image.config,
        "rootfs": {"type": "layers", "diff_ids": [digest_of(tar)]},
        "history": [{"created": image.config["created"], "comment": "squashed"}],
    }
    return assemble(config, [make_layer(tar)], image.platform or LINUX_AMD64)


def without_history(image: Built) -> Built:
    """The same image with no history at all."""
    config = {key: value for key, value in image.config.items() if key != "history"}
    return assemble(config, image.layers, image.platform or LINUX_AMD64)


def index(
    *images: Built, flavour: Flavour = "oci", annotations: Mapping[str, str] | None = None
) -> Built:
    """An index of images and attestation manifests, in this order."""
    media_type = OCI_INDEX if flavour == "oci" else DOCKER_INDEX
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [image.descriptor for image in images],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    raw = json_bytes(document)
    documents = _documents((media_type, raw))
    blobs: dict[Digest, bytes] = {}
    for image in images:
        documents |= image.documents
        blobs |= image.blobs
    return Built(
        digest=digest_of(raw),
        media_type=media_type,
        raw=raw,
        documents=documents,
        blobs=blobs,
        images=images,
    )


def attest(
    image: Built, *statements: Mapping[str, Any], form: Literal["legacy", "artifact"] = "legacy"
) -> Built:
    """BuildKit's attestation manifest of an image, as an index carries it.

    `legacy` has an image config that describes nothing; `artifact` an artifact type and a subject.
    """
    raws = [json_bytes(statement) for statement in statements]
    layers = [
        {
            "mediaType": IN_TOTO,
            "digest": digest_of(raw),
            "size": len(raw),
            "annotations": {"in-toto.io/predicate-type": statement["predicateType"]},
        }
        for raw, statement in zip(raws, statements, strict=True)
    ]
    config_type = OCI_CONFIG if form == "legacy" else EMPTY_CONFIG
    config_raw = b"{}"
    if form == "legacy":
        config_raw = json_bytes(
            {
                "architecture": "unknown",
                "os": "unknown",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
            }
        )
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": config_type,
            "digest": digest_of(config_raw),
            "size": len(config_raw),
        },
        "layers": layers,
    }
    if form == "artifact":
        manifest["artifactType"] = ATTESTATION_TYPE
        manifest["subject"] = {
            "mediaType": image.media_type,
            "digest": image.digest,
            "size": len(image.raw),
        }
    raw = json_bytes(manifest)
    documents = _documents((OCI_MANIFEST, raw), (config_type, config_raw))
    documents |= _documents(*((IN_TOTO, statement) for statement in raws))
    return Built(
        digest=digest_of(raw),
        media_type=OCI_MANIFEST,
        raw=raw,
        platform=Platform(os="unknown", architecture="unknown"),
        documents=documents,
        annotations={
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": image.digest,
        },
    )


def statement(predicate_type: str, predicate: Mapping[str, Any], subject: Built) -> dict[str, Any]:
    """An in-toto statement about an image."""
    return {
        "_type": "https://in-toto.io/Statement/v0.1",
        "subject": [{"name": "image", "digest": {"sha256": subject.digest.partition(":")[2]}}],
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }


def spdx(subject: Built, packages: Mapping[str, str]) -> dict[str, Any]:
    """An SPDX statement: package URL without version -> version."""
    return statement(
        "https://spdx.dev/Document",
        {
            "spdxVersion": "SPDX-2.3",
            "packages": [
                {
                    "name": purl.rpartition("/")[2],
                    "SPDXID": f"SPDXRef-Package-{number}",
                    "versionInfo": version,
                    "externalRefs": [
                        {
                            "referenceCategory": "PACKAGE-MANAGER",
                            "referenceType": "purl",
                            "referenceLocator": f"{purl}@{version}?arch=amd64",
                        }
                    ],
                }
                for number, (purl, version) in enumerate(packages.items())
            ],
        },
        subject,
    )


def cyclonedx(subject: Built, packages: Mapping[str, str]) -> dict[str, Any]:
    """A CycloneDX statement: package URL without version -> version."""
    return statement(
        "https://cyclonedx.org/bom",
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "components": [
                {
                    "type": "library",
                    "name": purl.rpartition("/")[2],
                    "version": version,
                    "purl": f"{purl}@{version}",
                }
                for purl, version in packages.items()
            ],
        },
        subject,
    )


def provenance(
    subject: Built, materials: Sequence[tuple[str, str]], *, slsa: Literal["v0.2", "v1"] = "v0.2"
) -> dict[str, Any]:
    """SLSA provenance in BuildKit's min mode: (package URL, digest) of every image of the build."""
    listed = [
        {"uri": uri, "digest": {"sha256": digest.partition(":")[2]}} for uri, digest in materials
    ]
    predicate: dict[str, Any] = {
        "buildType": "https://mobyproject.org/buildkit@v1",
        "materials": listed,
    }
    if slsa == "v1":
        predicate = {
            "buildDefinition": {
                "buildType": "https://github.com/moby/buildkit/blob/master/docs/attestations/"
                "slsa-definitions.md",
                "resolvedDependencies": listed,
            }
        }
    return statement(f"https://slsa.dev/provenance/{slsa}", predicate, subject)


def without_documents(image: Built, *digests: Digest) -> Built:
    """The same image of which some documents were never read."""
    left = {key: value for key, value in image.documents.items() if key not in digests}
    return replace(image, documents=left)


def config_digest(image: Built) -> Digest:
    """The digest of an image's config blob."""
    return Digest(json.loads(image.raw)["config"]["digest"])


def json_bytes(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def time_text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def platform_object(platform: Platform) -> dict[str, str]:
    parts = {
        "os": platform.os,
        "architecture": platform.architecture,
        "variant": platform.variant,
        "os.version": platform.os_version,
    }
    return {key: value for key, value in parts.items() if value}


def _documents(*entries: tuple[str, bytes]) -> dict[Digest, Document]:
    documents = (
        Document(digest=digest_of(raw), media_type=media_type, raw=raw)
        for media_type, raw in entries
    )
    return {document.digest: document for document in documents}


def _merge(config: dict[str, Any], change: Mapping[str, Any]) -> None:
    for key, value in change.items():
        if key == "Env":
            names = {text.partition("=")[0] for text in value}
            kept = [text for text in config.get(key, []) if text.partition("=")[0] not in names]
            config[key] = [*kept, *value]
        elif isinstance(value, Mapping):
            config[key] = {**config.get(key, {}), **value}
        else:
            config[key] = value
