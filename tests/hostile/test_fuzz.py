"""Damaged documents, configuration, extracts and payloads: refused with an error of ours, or read.

What is read can be stored, and says nothing that nobody can write. See `tests/hostile/fuzz.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tagwatch.audit.change.verdict import explain_change
from tagwatch.audit.reading.attestation import parse_statement
from tagwatch.audit.reading.image import Image, read_image
from tagwatch.audit.reading.packages import packages_of
from tagwatch.audit.verdict.baseline import read_baseline
from tagwatch.audit.version.library_history import library_intervals
from tagwatch.config.load import load_configuration
from tagwatch.errors import ConfigError, InputError, InvalidDocumentError, RegistryError
from tagwatch.image.digest import Digest
from tagwatch.image.image_config import parse_image_config
from tagwatch.image.manifest import Index, Manifest, parse_manifest
from tagwatch.image.snapshot import Document
from tagwatch.ledger.codec import encode
from tagwatch.ledger.extract import WithExtracts
from tagwatch.ledger.maintenance import check
from tagwatch.ledger.write import Ledger
from tagwatch.registry.login.challenge import parse_challenges
from tagwatch.signature import to_text
from tagwatch.source.library_past import past_of_bytes
from tagwatch.walk.facts_file import read_facts
from tagwatch.workspace.gitignore import Patterns
from tagwatch.workspace.history_bundle import read_bundle
from tests.extract import NIGHTLY, signed
from tests.hostile.fuzz import fuzz, seeds
from tests.hostile.promise import promised
from tests.hostile.served import CONFIG, INDEX, MANIFEST, digest_of

AT = datetime(2026, 11, 29, tzinfo=UTC)
STATEMENT = "application/vnd.in-toto+json"


def documents(config: bytes, statement: bytes, manifest: bytes | None = None) -> Image:
    """An image of two platforms made of these: an index, a manifest, a config, an attestation."""
    found: dict[Digest, Document] = {}

    def put(raw: bytes, kind: str) -> dict[str, object]:
        digest = Digest(digest_of(raw))
        found[digest] = Document(digest=digest, media_type=kind, raw=raw)
        return {"mediaType": kind, "digest": digest, "size": len(raw)}

    def manifest_of(layer: dict[str, object], described: dict[str, object]) -> bytes:
        head = {"schemaVersion": 2, "mediaType": MANIFEST}
        return json.dumps({**head, "config": described, "layers": [layer]}).encode()

    predicate = {"in-toto.io/predicate-type": "https://spdx.dev/Document"}
    own = put(manifest or manifest_of(put(b"layer", "x"), put(config, CONFIG)), MANIFEST)
    said = put(
        manifest_of({**put(statement, STATEMENT), "annotations": predicate}, put(b"{}", "x")),
        MANIFEST,
    )
    about = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": own["digest"],
    }
    entries = [
        {**own, "platform": {"os": "linux", "architecture": "amd64"}},
        {**said, "platform": {"os": "unknown", "architecture": "unknown"}, "annotations": about},
    ]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    return read_image(Digest(str(put(json.dumps(index).encode(), INDEX)["digest"])), found)


def whole(image: Image) -> None:
    """The image can be compared with a good one, both ways, and what comes of it can be stored."""
    good = documents(seeds("config")[0], seeds("statement")[0])
    for pair in ((good, image), (image, good)):
        encode(explain_change(*pair, tag="1.0", at=AT))
    for part in image.platforms:
        packages_of(part.attestations)
        repr(part).encode()


def one_of_ours(raw: bytes) -> None:
    try:
        parsed = parse_manifest(raw)
    except InvalidDocumentError as error:
        error.message.encode()
        return
    assert isinstance(parsed, Index | Manifest)
    repr(parsed).encode()


@promised("an image", "any damage to its manifest, index, config or attestations", "no run ends")
def test_manifests() -> None:
    def holds(raw: bytes) -> None:
        one_of_ours(raw)
        whole(documents(seeds("config")[0], seeds("statement")[0], manifest=raw))

    fuzz("manifest", holds)


def test_configs() -> None:
    def holds(raw: bytes) -> None:
        try:
            repr(parse_image_config(raw)).encode()
        except InvalidDocumentError as error:
            error.message.encode()
        whole(documents(raw, seeds("statement")[0]))

    fuzz("config", holds)


def test_statements() -> None:
    def holds(raw: bytes) -> None:
        envelope = json.dumps({"payload": base64.b64encode(raw).decode()}).encode()
        for one in (raw, envelope):
            try:
                repr(parse_statement(one)).encode()
            except InvalidDocumentError as error:
                error.message.encode()
            whole(documents(seeds("config")[0], one))

    fuzz("statement", holds)


@promised(
    "a tree", "any damage to its configuration, policy or baseline", "it is told with its place"
)
def test_configuration(tmp_path: Path) -> None:
    path = tmp_path / "tagwatch.yaml"

    def holds(raw: bytes) -> None:
        path.write_bytes(raw)
        try:
            found = load_configuration(path, {}, tmp_path)
        except ConfigError as error:
            (error.message + error.hint).encode()
        else:
            repr(found).encode()

    fuzz("configuration", holds)


def test_baselines() -> None:
    def holds(raw: bytes) -> None:
        try:
            read_baseline(raw.decode("utf-8", "replace"))
        except InputError as error:
            error.message.encode()

    fuzz("baseline", holds)


def test_patterns_to_ignore() -> None:
    def holds(raw: bytes) -> None:
        patterns = Patterns.of(raw.decode("utf-8", "replace").split("\n"))
        for path in ("a/b/c.yaml", "a" * 200, "a/" * 80 + "b", "[x]"):
            patterns.verdict(path, is_folder=False)
            patterns.includes(path)

    fuzz("gitignore", holds)


@promised("an extract", "facts that are damaged and rightly signed", "they are refused or read")
def test_facts() -> None:
    def holds(raw: bytes) -> None:
        try:
            found = read_facts(signed(raw, AT), [NIGHTLY.public], source="x", now=AT)
        except InputError as error:
            error.message.encode()
        else:
            encode(found.evidence)

    fuzz("facts", holds)


@promised(
    "an extract", "any damage to a fact and the past of its tag, rightly signed",
    "it is refused, or read, stored and answered from; the ledger stays whole",
)  # fmt: skip
def test_lines_of_facts(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"

    def holds(raw: bytes) -> None:
        facts = signed(raw, AT, version=4, origins=["docker.io"])
        try:
            found = read_facts(facts, [NIGHTLY.public], source="x", now=AT)
        except InputError as error:
            error.message.encode()
            return
        with Ledger.open(path) as ledger:
            ledger.replace_evidence("x", found.evidence, found.pasts)
        with WithExtracts.open_with(path, {}, "") as told:
            for past in found.pasts:
                intervals = told.intervals(past.repository, past.tag)
                assert len(intervals) == len(past.intervals)
                told.reasons(past.repository)
        assert check(path) == ()

    fuzz("facts-lines", holds)


@pytest.mark.parametrize("version", [3, 4])
def test_headers_of_facts(version: int) -> None:
    """Rightly signed, too: any key, value or end of the header."""

    def holds(raw: bytes) -> None:
        head = f"tagwatch-facts {version}\n".encode()
        line = raw.replace(b"\n", b" ")
        by = f"{NIGHTLY.public.id} {to_text(NIGHTLY.signer.sign(head + line))}\n".encode()
        try:
            found = read_facts(head + by + line + b"\n", [NIGHTLY.public], source="x", now=AT)
        except InputError as error:
            error.message.encode()
        else:
            repr(found).encode()

    fuzz("facts-header", holds)


@promised("a history bundle", "any damage to it, its digests made right", "it is told, or read")
def test_heads_of_history_bundles(tmp_path: Path) -> None:
    path = tmp_path / "x.history"
    piece = seeds("history-past")[0]

    def holds(raw: bytes) -> None:
        sha256 = hashlib.sha256(raw).hexdigest()
        path.write_bytes(f"tagwatch history 1\n{len(raw)} {sha256}\n".encode() + raw + piece)
        try:
            bundle = read_bundle(path, now=AT)
            repr(bundle).encode()
            for image in bundle.images:
                bundle.intervals(image)
        except InputError as error:
            error.message.encode("utf-8", "replace")

    fuzz("history-head", holds)


def test_pasts_in_history_bundles() -> None:
    def holds(raw: bytes) -> None:
        try:
            intervals = library_intervals(past_of_bytes(raw), head_at=AT)
        except InputError as error:
            error.message.encode()
        else:
            for interval in intervals:
                interval.tag.encode()

    fuzz("history-past", holds)


def test_challenges() -> None:
    def holds(raw: bytes) -> None:
        try:
            parse_challenges(raw.decode("utf-8", "surrogateescape").split("\n"))
        except RegistryError as error:
            error.message.encode("utf-8", "replace")

    fuzz("challenge", holds)
