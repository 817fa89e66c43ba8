"""Layouts and archives as skopeo and umoci write them, and as an attacker would."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tagwatch.errors import HostileAnswerError, NotFoundError, RegistryError, UnavailableError
from tagwatch.image.digest import digest_of
from tagwatch.image.image_config import parse_image_config
from tagwatch.image.manifest import OCI_MANIFEST, Manifest, parse_manifest
from tagwatch.image.reference import Repository
from tagwatch.registry.interface import MAX_BLOB_BYTES
from tagwatch.registry.local.layout import open_layout, split_layout
from tests.registry.harness import AT
from tests.registry.images import ImageLibrary

APP = Repository(registry="localhost", path="layout")


class TestRealImages:
    async def test_a_folder(self, library: ImageLibrary) -> None:
        with open_layout(library.layout) as layout:
            assert set(layout.names) == set(library.digests)
            listing = await layout.list_tags(APP, at=AT)
            assert {seen.tag: seen.digest for seen in listing.observations} == library.digests
            document = await layout.manifest(APP, "app-1")
            manifest = parse_manifest(document.raw, document.media_type)
            assert isinstance(manifest, Manifest)
            config = await layout.blob(APP, manifest.config.digest, manifest.config.size)
            assert parse_image_config(config.raw).user == "1000"
            assert await layout.head(APP, "nothing") is None

    async def test_an_archive(self, library: ImageLibrary, tmp_path: Path) -> None:
        archive = library.save("app-1", tmp_path / "app.tar")
        with open_layout(archive) as layout:
            digest = layout.find(None)
            assert digest == library.digests["app-1"]
            document = await layout.manifest(APP, digest)
            assert document.raw == library.blob(digest)

    async def test_docker_save(self, library: ImageLibrary, tmp_path: Path) -> None:
        """Its config is the image's own; its manifest is made up, and its layers are diff_ids."""
        archive = library.save("app-1", tmp_path / "app.tar", kind="docker-archive")
        wanted = parse_image_config(library.blob(library.config_digest("app-1")))
        with open_layout(archive) as layout:
            assert layout.names == ("1",)
            document = await layout.manifest(APP, "1")
            manifest = parse_manifest(document.raw, document.media_type)
            assert isinstance(manifest, Manifest)
            assert tuple(layer.digest for layer in manifest.layers) == wanted.diff_ids
            assert all(layer.size > 0 for layer in manifest.layers)
            config = await layout.blob(APP, manifest.config.digest, manifest.config.size)
            assert parse_image_config(config.raw).diff_ids == wanted.diff_ids

    def test_several_images_need_a_name(self, library: ImageLibrary) -> None:
        with open_layout(library.layout) as layout:
            with pytest.raises(NotFoundError, match="which image") as caught:
                layout.find(None)
            assert "app-1" in caught.value.hint
            with pytest.raises(NotFoundError, match="'nothing'"):
                layout.find("nothing")


CONFIG = b'{"os":"linux","architecture":"amd64"}'
CONFIG_DIGEST = digest_of(CONFIG)
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "config": {"mediaType": "application/json", "digest": CONFIG_DIGEST, "size": len(CONFIG)},
        "layers": [],
    }
).encode()
DIGEST = digest_of(MANIFEST)


def index(digest: str = DIGEST) -> bytes:
    entry = {"mediaType": OCI_MANIFEST, "digest": digest, "size": len(MANIFEST)}
    return json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()


def blob_path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


GOOD = {
    "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
    "index.json": index(),
    blob_path(DIGEST): MANIFEST,
    blob_path(CONFIG_DIGEST): CONFIG,
}


def folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path / "a.tar", "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path / "a.tar"


@pytest.fixture(params=[folder, archive])
def make(request: pytest.FixtureRequest) -> Callable[[Path, dict[str, bytes]], Path]:
    made: Callable[[Path, dict[str, bytes]], Path] = request.param
    return made


Make = Callable[[Path, dict[str, bytes]], Path]


class TestHostileLayouts:
    async def test_a_good_one_is_read(self, make: Make, tmp_path: Path) -> None:
        with open_layout(make(tmp_path, GOOD)) as layout:
            assert (await layout.manifest(APP, layout.find(None))).raw == MANIFEST

    @pytest.mark.parametrize(
        "text", ["sha256:../../../etc/passwd", "sha256:" + "A" * 64, "md5:" + "0" * 32, "../x"]
    )
    def test_no_path_is_built_from_what_is_no_digest(
        self, make: Make, tmp_path: Path, text: str
    ) -> None:
        with (
            pytest.raises(HostileAnswerError),
            open_layout(make(tmp_path, {**GOOD, "index.json": index(text)})),
        ):
            pass

    async def test_a_blob_that_holds_other_bytes(self, make: Make, tmp_path: Path) -> None:
        files = {**GOOD, blob_path(DIGEST): MANIFEST + b" "}
        with open_layout(make(tmp_path, files)) as layout:
            with pytest.raises(HostileAnswerError, match="other bytes"):
                await layout.manifest(APP, DIGEST)
            with pytest.raises(HostileAnswerError, match="other bytes"):
                await layout.blob(APP, CONFIG_DIGEST, len(CONFIG) + 1)

    async def test_a_blob_that_is_too_large_is_not_read(self, make: Make, tmp_path: Path) -> None:
        huge = b" " * (MAX_BLOB_BYTES + 1)
        files = {**GOOD, blob_path(digest_of(huge)): huge}
        with (
            open_layout(make(tmp_path, files)) as layout,
            pytest.raises(HostileAnswerError, match="larger than"),
        ):
            await layout.blob(APP, digest_of(huge), len(huge))

    @pytest.mark.parametrize("missing", ["index.json", blob_path(DIGEST)])
    async def test_what_is_missing_is_told(self, make: Make, tmp_path: Path, missing: str) -> None:
        files = {name: content for name, content in GOOD.items() if name != missing}
        with pytest.raises(NotFoundError), open_layout(make(tmp_path, files)) as layout:
            await layout.manifest(APP, DIGEST)

    @pytest.mark.parametrize("content", [b"{", b"[]", b'{"schemaVersion":2}', MANIFEST])
    def test_an_index_that_is_none(self, make: Make, tmp_path: Path, content: bytes) -> None:
        with (
            pytest.raises(HostileAnswerError),
            open_layout(make(tmp_path, {**GOOD, "index.json": content})),
        ):
            pass

    @pytest.mark.parametrize("link", ["index.json", "blobs", "blobs/sha256", blob_path(DIGEST)])
    async def test_symbolic_links_in_a_folder_are_not_followed(
        self, tmp_path: Path, link: str
    ) -> None:
        layout_path = folder(tmp_path / "layout", GOOD)
        elsewhere = tmp_path / "elsewhere"
        (layout_path / link).rename(elsewhere)
        (layout_path / link).symlink_to(elsewhere)
        with pytest.raises(HostileAnswerError), open_layout(layout_path) as layout:
            await layout.manifest(APP, DIGEST)

    async def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        layout_path = folder(tmp_path / "layout", GOOD)
        (layout_path / blob_path(DIGEST)).unlink()
        os.mkfifo(layout_path / blob_path(DIGEST))
        with (
            open_layout(layout_path) as layout,
            pytest.raises(HostileAnswerError, match="regular file"),
        ):
            await layout.manifest(APP, DIGEST)

    @pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x"])
    def test_archives_that_reach_outside_are_refused(self, tmp_path: Path, name: str) -> None:
        with (
            pytest.raises(HostileAnswerError, match="outside"),
            open_layout(archive(tmp_path, {**GOOD, name: b""})),
        ):
            pass

    async def test_links_in_an_archive_are_no_files(self, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "a.tar", "w") as tar:
            for name, content in GOOD.items():
                member = tarfile.TarInfo(name)
                if name == blob_path(DIGEST):
                    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
                    tar.addfile(member)
                    continue
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        with open_layout(tmp_path / "a.tar") as layout, pytest.raises(NotFoundError):
            await layout.manifest(APP, DIGEST)

    def test_an_archive_with_a_header_of_a_gigabyte(self, tmp_path: Path) -> None:
        header = tarfile.TarInfo("x")
        header.type, header.size = tarfile.XHDTYPE, 1 << 30
        path = tmp_path / "a.tar"
        path.write_bytes(header.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 1024)
        with pytest.raises(HostileAnswerError, match="header"), open_layout(path):
            pass

    def test_a_member_that_claims_more_than_there_is(self, tmp_path: Path) -> None:
        member = tarfile.TarInfo("index.json")
        member.size = 1000
        path = tmp_path / "a.tar"
        path.write_bytes(member.tobuf(tarfile.USTAR_FORMAT) + b"{}")
        with pytest.raises(RegistryError), open_layout(path):
            pass

    @pytest.mark.parametrize("content", [b"", b"no tar", b"\x1f\x8b" + b"\0" * 600])
    def test_what_is_no_archive(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.tar").write_bytes(content)
        with pytest.raises(RegistryError), open_layout(tmp_path / "a.tar"):
            pass

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UnavailableError, match="No such file"), open_layout(tmp_path / "x"):
            pass


class TestDockerSave:
    @pytest.mark.parametrize(
        "manifest",
        [
            {"Config": "/etc/passwd", "Layers": []},
            {"Config": "../../etc/passwd", "Layers": []},
            {"Config": "c.json", "Layers": ["../../etc/passwd"]},
            {"Config": "c.json", "Layers": None},
            {},
            [],
        ],
    )
    def test_it_names_only_members_of_the_archive(self, tmp_path: Path, manifest: object) -> None:
        config = json.dumps({"rootfs": {"diff_ids": ["sha256:" + "0" * 64]}}).encode()
        files = {"manifest.json": json.dumps([manifest]).encode(), "c.json": config}
        with pytest.raises(HostileAnswerError), open_layout(archive(tmp_path, files)):
            pass


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("oci:a/b", (Path("a/b"), None)),
        ("oci:/a/b:1.2", (Path("/a/b"), "1.2")),
        ("oci:a:", (Path("a"), "")),
        ("oci-archive:a.tar:1", (Path("a.tar"), "1")),
        ("docker-archive:a.tar:redis:6", (Path("a.tar"), "6")),
        ("docker-archive:a.tar", (Path("a.tar"), None)),
        ("redis:6", None),
        ("localhost/oci:1", None),
    ],
)
def test_names_of_layouts(text: str, parts: tuple[Path, str | None] | None) -> None:
    assert split_layout(text) == parts
