"""Attestations in every form in which they are stored, and what malformed ones become."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tagwatch.audit.reading.attestation import (
    InTotoStatement,
    image_materials,
    parse_statement,
    read_attestations,
)
from tagwatch.audit.reading.packages import distribution_of, packages_of
from tagwatch.errors import InvalidDocumentError
from tagwatch.image.digest import digest_of
from tagwatch.image.manifest import OCI_MANIFEST, Descriptor, Manifest
from tagwatch.image.snapshot import Document
from tests.image_builder import cyclonedx, json_bytes, provenance, spdx, statement
from tests.official import debian

IMAGE = debian()
HEX = "1" * 64
STATEMENT = spdx(IMAGE, {"pkg:deb/debian/openssl": "3.0"})
ENVELOPE = {
    "payloadType": "application/vnd.in-toto+json",
    "payload": base64.b64encode(json_bytes(STATEMENT)).decode(),
    "signatures": [],
}


@pytest.mark.parametrize(
    "document",
    [STATEMENT, ENVELOPE, {"mediaType": "application/x", "dsseEnvelope": ENVELOPE}],
    ids=["bare", "DSSE envelope", "Sigstore bundle"],
)
def test_forms(document: dict[str, Any]) -> None:
    parsed = parse_statement(json_bytes(document))
    assert parsed.kind == "spdx"
    assert parsed.subjects == {IMAGE.digest}
    assert parsed.predicate["spdxVersion"] == "SPDX-2.3"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"payload": "not base64!"},
        {"payload": base64.b64encode(b"[]").decode()},
        {"predicateType": 1, "predicate": {}},
        {"predicateType": "x", "predicate": []},
    ],
)
def test_malformed_statements_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocumentError, match="attestation"):
        parse_statement(json_bytes(document))


@pytest.mark.parametrize(
    ("predicate_type", "predicate", "kind"),
    [
        ("https://slsa.dev/provenance/v0.2", {"materials": []}, "provenance:min"),
        ("https://slsa.dev/provenance/v0.2", {"buildConfig": {"a": 1}}, "provenance:max"),
        ("https://slsa.dev/provenance/v1", {"buildDefinition": {}}, "provenance:min"),
        (
            "https://slsa.dev/provenance/v1",
            {"buildDefinition": {"internalParameters": {"buildConfig": {"a": 1}}}},
            "provenance:max",
        ),
        ("https://cyclonedx.org/bom", {}, "cyclonedx"),
        ("https://example.com/scan/v1", {}, "https://example.com/scan/v1"),
    ],
)
def test_kinds(predicate_type: str, predicate: dict[str, Any], kind: str) -> None:
    assert parse_statement(json_bytes(statement(predicate_type, predicate, IMAGE))).kind == kind


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        (
            "pkg:docker/python@3.12-slim?platform=linux%2Famd64",
            "docker.io/library/python:3.12-slim",
        ),
        ("pkg:docker/ghcr.io/shop/base@1.4", "ghcr.io/shop/base:1.4"),
        ("pkg:docker/alpine", "docker.io/library/alpine:latest"),
        (f"pkg:docker/alpine@3.20?digest=sha256%3A{HEX}", "docker.io/library/alpine:3.20"),
        (
            f"pkg:oci/base@sha256%3A{HEX}?repository_url=quay.io%2Fshop%2Fbase&tag=2",
            "quay.io/shop/base:2",
        ),
        ("pkg:docker/UPPER@1", None),
        ("https://github.com/shop/base", None),
        ("git+https://github.com/shop/base", None),
    ],
)
@pytest.mark.parametrize("slsa", ["v0.2", "v1"])
def test_materials(uri: str, name: str | None, slsa: Any) -> None:
    document = provenance(IMAGE, [(uri, f"sha256:{HEX}")], slsa=slsa)
    found = image_materials(parse_statement(json_bytes(document)))
    assert found is not None
    assert [material.reference.canonical for material in found] == ([name] if name else [])
    assert all(material.digest == f"sha256:{HEX}" for material in found)


def test_what_is_no_provenance_says_nothing_of_materials() -> None:
    assert image_materials(parse_statement(json_bytes(STATEMENT))) is None
    silent = InTotoStatement(
        predicate_type="https://slsa.dev/provenance/v1", subjects=frozenset(), predicate={}
    )
    assert image_materials(silent) is None


def test_a_bare_sbom_is_about_the_subject_of_its_manifest() -> None:
    raw = json_bytes(STATEMENT["predicate"])
    digest = digest_of(raw)
    layer = Descriptor(media_type="application/spdx+json", digest=digest, size=len(raw))
    subject = Descriptor(media_type=OCI_MANIFEST, digest=IMAGE.digest, size=1)
    manifest = Manifest(media_type=OCI_MANIFEST, config=layer, layers=(layer,), subject=subject)
    documents = {digest: Document(digest=digest, media_type=layer.media_type, raw=raw)}
    (found,) = read_attestations(manifest, documents)
    assert (found.kind, found.is_about(IMAGE.digest)) == ("spdx", True)
    assert packages_of((found,)) == {"pkg:deb/debian/openssl": frozenset({"3.0"})}
    (unread,) = read_attestations(manifest, {})
    assert (unread.kind, unread.statement, unread.problem) == (
        "spdx", None, "the attestation was not read")  # fmt: skip


def test_packages_of_nested_components_and_without_a_purl() -> None:
    document = cyclonedx(IMAGE, {"pkg:npm/%40scope/a": "1"})
    component = document["predicate"]["components"][0]
    component["components"] = [{"name": "b", "version": "2", "purl": "pkg:npm/b@2"}, {"name": "c"}]
    document["predicate"]["components"].append({"purl": "pkg:oci/image@sha256:1"})
    manifest, documents = _stored(document)
    found = packages_of(read_attestations(manifest, documents))
    assert found == {"pkg:npm/%40scope/a": frozenset({"1"}), "pkg:npm/b": frozenset({"2"})}


def test_the_distribution_that_packages_agree_on() -> None:
    def distribution(*qualifiers: str) -> str:
        document = cyclonedx(IMAGE, {})
        document["predicate"]["components"] = [
            {"purl": f"pkg:deb/debian/p{n}@1?distro={text}&arch=amd64"}
            for n, text in enumerate(qualifiers)
        ]
        return distribution_of(read_attestations(*_stored(document)))

    assert distribution("debian-12", "debian-12") == "debian-12"
    assert distribution("debian-12", "debian-13") == ""
    assert distribution() == ""


def _stored(document: dict[str, Any]) -> tuple[Manifest, dict[Any, Document]]:
    raw = json_bytes(document)
    digest = digest_of(raw)
    layer = Descriptor(media_type="application/vnd.in-toto+json", digest=digest, size=len(raw))
    manifest = Manifest(media_type=OCI_MANIFEST, config=layer, layers=(layer,))
    return manifest, {digest: Document(digest=digest, media_type=layer.media_type, raw=raw)}
