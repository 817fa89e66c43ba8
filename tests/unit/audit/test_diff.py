"""Diffs: layers, config, platforms, packages and attestations; secrets masked; gaps named."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tagwatch.audit.base.build import base_builds
from tagwatch.audit.base.index import index_builds
from tagwatch.audit.base.match import match_bases
from tagwatch.audit.change.verdict import explain_change
from tagwatch.audit.model.base_match import BaseVerdict
from tagwatch.audit.model.history import Change, Interval
from tagwatch.audit.reading.attestation import listed_attestations
from tagwatch.audit.reading.image import Image, read_image, with_attestations
from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.manifest import Index, parse_manifest
from tagwatch.image.snapshot import Document
from tagwatch.publish.diff_document import diff_document
from tagwatch.publish.diff_text import diff_text
from tests import official
from tests.image_builder import (
    EPOCH,
    Built,
    assemble,
    attest,
    build,
    cmd,
    copy,
    cyclonedx,
    debian_root,
    entrypoint,
    env,
    expose,
    index,
    label,
    provenance,
    recompress,
    run,
    setting,
    spdx,
    user,
    without_documents,
)
from tests.official import ARM64, app, debian, python

PACKAGES = {
    "pkg:deb/debian/openssl": "3.0.13",
    "pkg:deb/debian/zlib1g": "1.3",
    "pkg:pypi/pip": "24",
}
FIELDS = {
    "schema_version", "old", "new", "verdict", "layers", "size", "config", "platforms",
    "attestations", "packages", "ignored", "not_compared",
}  # fmt: skip


def change_of(before: Image | Built, after: Image | Built) -> Change:
    sides = [official.read(side) if isinstance(side, Built) else side for side in (before, after)]
    return explain_change(*sides, tag="t", at=EPOCH)


def document_of(before: Image | Built, after: Image | Built) -> dict[str, Any]:
    return diff_document(change_of(before, after))


def test_fields() -> None:
    seen = (datetime(2026, 5, 2, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
    before = replace(official.read(index(python(0))), seen=seen)
    document = document_of(before, index(python(1, "3.12.4")))
    assert document.keys() >= FIELDS
    assert document["schema_version"] == 1
    assert document["old"] == {
        "ref": "docker.io/library/python:3.12-slim",
        "index": before.digest,
        "manifest": python(0).digest,
        "platform": "linux/amd64",
        "version": {"value": "3.12.3", "from": "env PYTHON_VERSION"},
        "seen": ["2026-05-02", "2026-06-01"],
    }
    assert document["config"]["env"]["changed"]["PYTHON_VERSION"] == ["3.12.3", "3.12.4"]
    assert document["config"]["history"] == {"shared": 9, "removed": 1, "added": 1}
    assert json.loads(json.dumps(document)) == document


def test_layers_are_told_by_content() -> None:
    base = debian()
    before = build(run("a", a="1"), run("b", b="1"), run("c", c="1"), base=base)
    after = build(run("b", b="1"), run("d", d="1"), run("a", a="1"), base=base)
    layers = document_of(before, after)["layers"]
    assert [layer["i"] for layer in layers["shared"]] == [0]
    assert [(layer["old_i"], layer["i"]) for layer in layers["moved"]] == [(2, 1), (1, 3)]
    assert [layer["created_by"] for layer in layers["removed"]] == ["RUN c"]
    assert [layer["created_by"] for layer in layers["added"]] == ["RUN d"]
    added = layers["added"][0]
    assert (added["diff_id"], added["digest"]) == (after.layers[2].diff_id, after.layers[2].digest)
    assert added["size"] == len(after.layers[2].data)


def test_one_empty_layer_many_times_is_not_mixed_up() -> None:
    once = build(run("a", a="1"), run("nothing"), base=debian())
    thrice = build(run("a", a="2"), run("nothing"), run("nothing"), run("nothing"), base=debian())
    layers = document_of(once, thrice)["layers"]
    assert [len(layers[name]) for name in ("shared", "moved", "removed", "added")] == [1, 1, 1, 3]


@pytest.mark.parametrize("compression", ["zstd", "gzip-fast", "none"])
def test_recompressed_layers_are_shared(compression: Any) -> None:
    before, after = python(), recompress(python(), compression)
    document = document_of(before, after)
    layers = document["layers"]
    assert len(layers["shared"]) == len(layers["recompressed"]) == len(before.layers)
    assert not (layers["added"] or layers["removed"] or layers["moved"])
    kind = {"zstd": "tar+zstd", "gzip-fast": "tar+gzip", "none": "tar"}[compression]
    assert {(r["old_type"], r["new_type"]) for r in layers["recompressed"]} == {("tar+gzip", kind)}
    assert document["verdict"] == "recompressed"
    assert document["size"]["delta"] == sum(len(x.data) for x in after.layers) - sum(
        len(x.data) for x in before.layers
    )


def test_config() -> None:
    before = build(user("root"), expose("80/tcp"), label("a", "1"), base=debian())
    after = build(
        user("1000"),
        expose("8080/tcp"),
        setting("VOLUME [/d]", Volumes={"/d": {}}),
        setting("HEALTHCHECK", Healthcheck={"Test": ["CMD", "true"]}),
        setting("STOPSIGNAL SIGQUIT", StopSignal="SIGQUIT"),
        setting("WORKDIR /app", WorkingDir="/app"),
        entrypoint("/run"),
        cmd("a", "b"),
        label("a", "2"),
        base=debian(),
    )
    change = change_of(before, after)
    config = diff_document(change)["config"]
    assert config["user"] == ["root", "1000"]
    assert config["exposed_ports"] == {"added": ["8080/tcp"], "removed": ["80/tcp"]}
    assert config["volumes"] == {"added": ["/d"], "removed": []}
    assert config["healthcheck"] == ["", "CMD true"]
    assert config["stop_signal"] == ["", "SIGQUIT"]
    assert config["workdir"] == ["", "/app"]
    assert config["entrypoint"] == [[], ["/run"]]
    assert config["cmd"] == [["bash"], ["a", "b"]]
    assert config["labels"]["changed"] == {"a": ["1", "2"]}
    text = diff_text(change)
    for part in ("root -> 1000", "+8080/tcp -80/tcp", "volumes     +/d", "a 1 -> 2"):
        assert part in text


def test_no_secret_leaves() -> None:
    secrets = ("hunter2hunter2", "s3cr3t-value", "tok-en", "pw in words", "basicauth")
    before = build(env("DB_PASSWORD", "older-secret"), base=debian())
    after = build(
        env("DB_PASSWORD", secrets[0]),
        run(f"|1 API_TOKEN={secrets[2]} /bin/sh -c login --password {secrets[1]}", a="1"),
        env("ROOT_PASSWORD", secrets[3]),
        env("MIRROR", f"https://me:{secrets[4]}@mirror.example/"),
        label("com.example.secret", secrets[1]),
        cmd("redis-server", "--requirepass", secrets[1]),
        entrypoint("serve", f"--token={secrets[2]}"),
        base=debian(),
    )
    change = change_of(before, after)
    document = diff_document(change)
    told = repr(change) + json.dumps(document) + diff_text(change)
    for secret in (*secrets, "older-secret"):
        assert secret not in told
    env_diff = document["config"]["env"]
    assert env_diff["changed"]["DB_PASSWORD"] == ["***12", "***14"]
    assert env_diff["added"]["MIRROR"] == "https://me:***9@mirror.example/"


def test_platforms() -> None:
    s390x = replace(ARM64, architecture="s390x")
    riscv = replace(ARM64, architecture="riscv64")

    def on(platform: Any, day: int, version: str) -> Built:
        return python(day, version, base=debian(day, platform=platform))

    before = index(python(0), on(ARM64, 0, "3.12.3"), on(s390x, 0, "3.12.3"))
    after = index(python(1, "3.12.4"), on(ARM64, 0, "3.12.3"), on(riscv, 1, "3.12.4"))
    change = change_of(before, after)
    document = diff_document(change)
    assert document["verdict"] == "upgraded"
    assert document["platforms"] == {
        "added": ["linux/riscv64"],
        "removed": ["linux/s390x"],
        "unchanged": 2,
        "lagging": [{"platform": "linux/arm64", "version": "3.12.3"}],
    }
    assert "lagging: linux/arm64 (still 3.12.3)" in diff_text(change)


def test_a_platform_that_was_not_read_lags_without_a_version() -> None:
    arm = python(0, base=debian(platform=ARM64))
    unread = without_documents(arm, *arm.documents)
    document = document_of(index(python(0), unread), index(python(1, "3.12.4"), unread))
    assert document["platforms"]["lagging"] == [{"platform": "linux/arm64", "version": None}]
    assert not [gap for gap in document["not_compared"] if "arm64" in gap["what"]]


def with_sbom(image: Built, packages: Mapping[str, str], form: Any = "legacy") -> Built:
    return index(image, attest(image, spdx(image, packages), form=form))


def test_packages_of_legacy_and_artifact_attestations() -> None:
    before = with_sbom(python(0), PACKAGES)
    newer = {**PACKAGES, "pkg:deb/debian/openssl": "3.0.14", "pkg:pypi/six": "1.16"}
    del newer["pkg:pypi/pip"]
    packages = document_of(before, with_sbom(python(1), newer, "artifact"))["packages"]
    assert packages == {
        "source": "spdx-attestation",
        "added": [{"purl": "pkg:pypi/six", "version": "1.16"}],
        "removed": [{"purl": "pkg:pypi/pip", "version": "24"}],
        "changed": [{"purl": "pkg:deb/debian/openssl", "old": "3.0.13", "new": "3.0.14"}],
        "same": 1,
    }


def referred(image: Built, statement: Mapping[str, Any]) -> Image:
    """An image whose SBOM is a referrer, as the registry's API or the fallback tag lists it."""
    artifact = attest(image, statement, form="artifact")
    listing = index(replace(artifact, annotations={}, platform=None))
    referrers = parse_manifest(listing.raw)
    assert isinstance(referrers, Index)
    found = tuple(listed_attestations(referrers.manifests, artifact.documents))
    return with_attestations(read_image(image.digest, image.documents), {image.digest: found})


def test_packages_of_referrers() -> None:
    before, after = python(0), python(1)
    older = referred(before, cyclonedx(before, PACKAGES))
    newer = referred(after, cyclonedx(after, {**PACKAGES, "pkg:pypi/pip": "25"}))
    packages = document_of(older, newer)["packages"]
    assert packages["source"] == "cyclonedx-attestation"
    assert packages["changed"] == [{"purl": "pkg:pypi/pip", "old": "24", "new": "25"}]
    assert packages["same"] == 2


def why(document: Mapping[str, Any], what: str) -> str:
    return str(next(gap["why"] for gap in document["not_compared"] if gap["what"] == what))


def test_packages_that_cannot_be_compared_say_why() -> None:
    before, after = python(0), python(1)
    one_sided = document_of(before, with_sbom(after, PACKAGES))
    assert one_sided["packages"]["source"] == "none"
    assert why(one_sided, "packages") == "old: no SBOM attestation"
    other_format = index(after, attest(after, cyclonedx(after, PACKAGES)))
    mixed = document_of(with_sbom(before, PACKAGES), other_format)
    assert why(mixed, "packages") == "one side has SPDX, the other CycloneDX"
    sbom = attest(after, spdx(after, PACKAGES))
    blob = [digest for digest, d in sbom.documents.items() if "in-toto" in d.media_type]
    unread = index(after, without_documents(sbom, *blob))
    gap = why(document_of(with_sbom(before, PACKAGES), unread), "packages")
    assert gap == "new: SBOM not readable (the attestation was not read)"
    sealed = index(after, without_documents(sbom, sbom.digest))
    gap = why(document_of(with_sbom(before, PACKAGES), sealed), "packages")
    assert gap == "new: its attestations were not read (tagwatch diff reads them)"


def test_kinds_of_attestations() -> None:
    image = python()
    before = index(image, attest(image, spdx(image, {}), provenance(image, [])))
    after = index(image, attest(image, provenance(image, [], slsa="v1"), form="artifact"))
    assert document_of(before, after)["attestations"] == {
        "old": ["provenance:min", "spdx"],
        "new": ["provenance:min"],
    }


def test_os_release_by_one_kind_of_evidence() -> None:
    def image(day: int, release: str, distribution: str) -> Built:
        built = build(*debian_root(release, day)) if release else build(run("rootfs", r=str(day)))
        return with_sbom(built, {f"pkg:deb/debian/base-files@1?distro={distribution}&x": "1"})

    def releases(before: Built, after: Built) -> list[str]:
        return list(document_of(before, after)["os_release"])

    bookworm, trixie = image(0, "bookworm", "debian-12"), image(1, "trixie", "debian-13")
    assert releases(bookworm, trixie) == ["debian bookworm", "debian trixie"]
    untold = image(2, "", "debian-12")
    assert releases(bookworm, untold) == ["debian 12", "debian 12"]
    assert releases(trixie, untold) == ["debian 13", "debian 12"]
    assert releases(build(run("rootfs")), untold) == ["", ""]


def test_layers_without_config_are_compared_by_digest() -> None:
    before = python()
    after = build(run("x", x="1"), base=before)
    config = Digest(json.loads(after.raw)["config"]["digest"])
    document = document_of(before, without_documents(after, config))
    assert len(document["layers"]["shared"]) == len(before.layers)
    assert len(document["layers"]["added"]) == 1
    assert document["config"] == {}
    gap = why(document, "layers and config of linux/amd64")
    assert gap == "new: the config was not read"


def test_a_manifest_that_disagrees_with_its_config() -> None:
    """Neither count is believed: layers are told by diff_id, without digest and size."""
    image = python()
    liar = assemble(image.config, image.layers[:-1], ARM64)
    document = document_of(image, liar)
    shared = document["layers"]["shared"]
    assert len(shared) == len(image.layers)
    assert {layer["digest"] for layer in shared} == {None}


def test_text_is_short_and_safe() -> None:
    hostile = "\x1b[31mred\u202e<script>"
    after = build(run(hostile, a="1"), label("a", hostile), base=python(1, "3.12.4"))
    text = diff_text(change_of(python(0), after))
    assert text.isascii() or "\u202e" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.startswith("upgraded: version 3.12.3 to 3.12.4\n")
    assert len(text.splitlines()) < 40


def test_text_of_equal_images_is_three_lines_and_what_was_not_compared() -> None:
    text = diff_text(change_of(python(0), python(0)))
    assert text.startswith("identical: both are one digest\n")
    assert "step" not in text
    assert "removed" not in text


def test_images_without_a_common_platform() -> None:
    change = change_of(debian(), debian(platform=ARM64))
    document = diff_document(change)
    assert document["layers"]["shared"] == []
    assert document["old"]["platform"] is None
    assert document["platforms"]["removed"] == ["linux/amd64"]
    assert "no platform in common" in diff_text(change)


@pytest.fixture(scope="session")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An OCI layout that umoci and skopeo worked on: base, rebuilt, zstd and squash-like copies."""
    directory = tmp_path_factory.mktemp("real") / "layout"
    base = build(*debian_root("bookworm"), env("APP_VERSION", "1.0"))
    base.write_layout(directory, "base")
    tree = directory.parent / "tree"
    tree.mkdir()
    (tree / "app").write_text("app")
    image = f"{directory}:app"
    _tool("umoci", "tag", "--image", f"{directory}:base", "app")
    _tool("umoci", "insert", "--rootless", "--image", image, str(tree), "/opt")
    _tool("umoci", "config", "--image", image, "--config.user", "1000", "--tag", "user")
    # a plain copy keeps gzip; asked for zstd, skopeo compresses every layer again
    zstd = ("--dest-compress-format", "zstd", "--dest-compress")
    copies = (f"oci:{directory}:app", f"oci:{directory.parent}/zstd:app")
    _tool("skopeo", "--insecure-policy", "copy", *zstd, *copies)
    return directory.parent


def _tool(*arguments: str) -> None:
    answer = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr


def from_layout(directory: Path, tag: str) -> Image:
    index_document = json.loads((directory / "index.json").read_bytes())
    digest = next(
        Digest(entry["digest"])
        for entry in index_document["manifests"]
        if entry["annotations"]["org.opencontainers.image.ref.name"] == tag
    )
    return read_image(digest, layout_documents(directory), reference=f"registry.example/app:{tag}")


def layout_documents(directory: Path) -> dict[Digest, Document]:
    documents = {}
    for path in (directory / "blobs" / "sha256").iterdir():
        raw = path.read_bytes()
        if raw.startswith(b"{"):
            held = Digest(f"sha256:{path.name}")
            assert digest_of(raw) == held
            documents[held] = Document(digest=held, media_type="", raw=raw)
    return documents


def test_real_tools_insert_a_layer(layout: Path) -> None:
    base, app_image = (from_layout(layout / "layout", tag) for tag in ("base", "app"))
    document = document_of(base, app_image)
    assert len(document["layers"]["shared"]) == 1
    assert len(document["layers"]["added"]) == 1
    assert document["config"]["user"] == ["", ""]


def test_real_tools_change_the_user(layout: Path) -> None:
    app_image, other = (from_layout(layout / "layout", tag) for tag in ("app", "user"))
    document = document_of(app_image, other)
    assert document["config"]["user"] == ["", "1000"]
    assert document["verdict"] == "replaced"


def test_real_zstd_is_recompressed(layout: Path) -> None:
    before = from_layout(layout / "layout", "app")
    document = document_of(before, from_layout(layout / "zstd", "app"))
    assert document["verdict"] == "recompressed"
    kinds = {(r["old_type"], r["new_type"]) for r in document["layers"]["recompressed"]}
    assert kinds == {("tar+gzip", "tar+zstd")}


@pytest.mark.parametrize(("where", "tag"), [("layout", "app"), ("layout", "user"), ("zstd", "app")])
def test_real_tools_keep_the_base(layout: Path, where: str, tag: str) -> None:
    base = from_layout(layout / "layout", "base")
    documents = layout_documents(layout / "layout")
    interval = Interval(tag="1", digest=base.digest, first_seen=EPOCH, last_seen=EPOCH)
    known = index_builds(base_builds("registry.example/base:1", interval, documents))
    (found,) = match_bases(from_layout(layout / where, tag), known)
    assert found.verdict is BaseVerdict.EXACT_CURRENT
    assert ("recompressed" in found.sentence) == (where == "zstd")


def test_builder_layers_on_private_image() -> None:
    base = python()
    image = app(base)
    document = document_of(base, image)
    assert len(document["layers"]["shared"]) == len(base.layers)
    assert document["steps"]["removed"] == []
    assert copy("src", "/app").created_by.removesuffix(" # buildkit") in document["steps"]["added"]
