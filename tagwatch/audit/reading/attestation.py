"""Attestations: what a builder says of an image in in-toto statements (SBOM, SLSA provenance).

BuildKit stores them as entries of the index, with a made-up image config (legacy) or as an artifact
with a subject; others attach them as referrers, in DSSE envelopes or Sigstore bundles. All of them
are claims: nothing here verifies a signature.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from tagwatch.errors import InvalidDocumentError, InvalidReferenceError
from tagwatch.image.digest import Digest, is_digest
from tagwatch.image.manifest import Descriptor, Manifest, decode_json, parse_manifest
from tagwatch.image.reference import Reference
from tagwatch.image.snapshot import Document
from tagwatch.value import dataclass, field

__all__ = [
    "UNREAD_ATTESTATION",
    "Attestation",
    "InTotoStatement",
    "Material",
    "image_materials",
    "listed_attestations",
    "parse_statement",
    "read_attestations",
]

UNREAD_ATTESTATION = "attestation"
"""The kind of an attestation whose manifest was not read, so that its real kind is not known."""

_PREDICATE = "in-toto.io/predicate-type"
_BARE_DOCUMENTS = {
    "application/spdx+json": "https://spdx.dev/Document",
    "text/spdx+json": "https://spdx.dev/Document",
    "application/vnd.cyclonedx+json": "https://cyclonedx.org/bom",
}
_KINDS = (
    ("https://spdx.dev/document", "spdx"),
    ("https://cyclonedx.org/", "cyclonedx"),
    ("https://slsa.dev/provenance/", "provenance"),
    ("https://slsa.dev/verification_summary/", "verification-summary"),
    ("https://openvex.dev/", "openvex"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InTotoStatement:
    """An in-toto statement: a predicate about some subjects."""

    predicate_type: str
    subjects: frozenset[str]
    """Digests (`sha256:…`)."""
    predicate: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """`spdx`, `cyclonedx`, `provenance:min`, `provenance:max`…, else the predicate type."""
        kind = _kind(self.predicate_type)
        return f"provenance:{_provenance_mode(self.predicate)}" if kind == "provenance" else kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """One attestation of one image."""

    kind: str
    digest: Digest
    statement: InTotoStatement | None = None
    """None where it was not read; `problem` then says why."""
    problem: str = ""

    def is_about(self, digest: Digest) -> bool:
        """Return True where the statement was read and names `digest` as a subject."""
        return self.statement is not None and digest in self.statement.subjects


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """An image that a build read. Provenance does not say whether as a base or only as a tool."""

    reference: Reference
    digest: Digest | None = None


def listed_attestations(
    entries: Iterable[Descriptor], documents: Mapping[Digest, Document]
) -> Iterator[Attestation]:
    """Yield the attestations of attestation manifests or referrers.

    An entry that was not read, or cannot be understood, gives one of kind `UNREAD_ATTESTATION`.
    """
    for entry in entries:
        document = documents.get(entry.digest)
        problem = "tagwatch diff reads them"
        if document is not None:
            try:
                manifest = parse_manifest(document.raw, document.media_type)
            except InvalidDocumentError as error:
                problem = error.message
            else:
                if isinstance(manifest, Manifest):
                    yield from read_attestations(manifest, documents)
                    continue
                problem = "an index in place of a manifest"
        yield Attestation(kind=UNREAD_ATTESTATION, digest=entry.digest, problem=problem)


def read_attestations(
    manifest: Manifest, documents: Mapping[Digest, Document]
) -> tuple[Attestation, ...]:
    """Return the attestations that an attestation manifest or referrer holds, in its order."""
    return tuple(
        _read(layer, manifest.subject, documents.get(layer.digest)) for layer in manifest.layers
    )


def parse_statement(raw: bytes) -> InTotoStatement:
    """Read an in-toto statement: bare, in a DSSE envelope or in a Sigstore bundle.

    Raises `InvalidDocumentError`.
    """
    document = decode_json(raw, what="attestation")
    envelope = document.get("dsseEnvelope", document)
    if isinstance(envelope, dict) and isinstance(envelope.get("payload"), str):
        try:
            payload = base64.b64decode(envelope["payload"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidDocumentError("attestation: the envelope is not base64") from error
        document = decode_json(payload, what="attestation")
    predicate_type, predicate = document.get("predicateType"), document.get("predicate")
    if not isinstance(predicate_type, str) or not isinstance(predicate, dict):
        raise InvalidDocumentError("attestation: not an in-toto statement")
    return InTotoStatement(
        predicate_type=predicate_type,
        subjects=frozenset(_subjects(document.get("subject"))),
        predicate=predicate,
    )


def image_materials(statement: InTotoStatement) -> tuple[Material, ...] | None:
    """Return every image that SLSA provenance (v0.2 or v1) lists, tools included, in its order.

    None where the statement is not provenance or has no list of materials: an empty tuple would
    mean that the build read no image.
    """
    predicate = statement.predicate
    definition = predicate.get("buildDefinition")
    listed = (
        definition.get("resolvedDependencies")
        if isinstance(definition, dict)
        else predicate.get("materials")
    )
    if _kind(statement.predicate_type) != "provenance" or not isinstance(listed, list):
        return None
    found = (_material(entry) for entry in listed if isinstance(entry, dict))
    return tuple(material for material in found if material is not None)


def _read(layer: Descriptor, subject: Descriptor | None, document: Document | None) -> Attestation:
    stated = layer.annotations.get(_PREDICATE) or _BARE_DOCUMENTS.get(layer.media_type, "")
    kind = _kind(stated) if stated else layer.media_type
    if document is None:
        return Attestation(kind=kind, digest=layer.digest, problem="the attestation was not read")
    try:
        if layer.media_type in _BARE_DOCUMENTS:
            statement = InTotoStatement(
                predicate_type=stated,
                subjects=frozenset({subject.digest} if subject else ()),
                predicate=decode_json(document.raw, what="SBOM"),
            )
        else:
            statement = parse_statement(document.raw)
    except InvalidDocumentError as error:
        return Attestation(kind=kind, digest=layer.digest, problem=error.message)
    return Attestation(kind=statement.kind, digest=layer.digest, statement=statement)


def _kind(predicate_type: str) -> str:
    lowered = predicate_type.lower()
    for prefix, kind in _KINDS:
        if lowered.startswith(prefix):
            return kind
    return predicate_type[:100]  # a stranger's text, and reports print it


def _provenance_mode(predicate: Mapping[str, Any]) -> str:
    """Return BuildKit's mode: `max` records the whole build with its arguments, `min` does not."""
    definition = predicate.get("buildDefinition")
    if isinstance(definition, dict):
        internal = definition.get("internalParameters")
        return "max" if isinstance(internal, dict) and internal.get("buildConfig") else "min"
    return "max" if predicate.get("buildConfig") else "min"


def _subjects(value: object) -> list[str]:
    entries = value if isinstance(value, list) else []
    digests = (entry.get("digest") for entry in entries if isinstance(entry, dict))
    return [
        f"{algorithm}:{encoded}"
        for digest in digests
        if isinstance(digest, dict)
        for algorithm, encoded in digest.items()
    ]


def _material(entry: Mapping[str, Any]) -> Material | None:
    """Return the image behind a package URL such as `pkg:docker/python@3.12-slim?platform=…`.

    None where the entry is of another kind, such as a Git repository.
    """
    uri, digests = entry.get("uri"), entry.get("digest")
    if not isinstance(uri, str) or not uri.startswith(("pkg:docker/", "pkg:oci/")):
        return None
    body, _, query = uri.partition("?")
    qualifiers = {key: values[0] for key, values in parse_qs(query).items()}
    kind, _, path = body.removeprefix("pkg:").partition("/")
    name, _, version = unquote(path).partition("@")
    if kind == "oci":  # its version is a digest; repository and tag are qualifiers
        name = qualifiers.get("repository_url", name)
        version = version if ":" not in version else qualifiers.get("tag", "")
    try:
        reference = Reference.parse(f"{name}:{version}" if version else name)
    except InvalidReferenceError:
        return None
    found = [qualifiers.get("digest", "")]
    if isinstance(digests, dict):
        found = [f"sha256:{digests.get('sha256')}", *found]
    digest = next((text for text in found if is_digest(text)), None)
    return Material(reference=reference, digest=Digest(digest) if digest else None)
