"""Images on disk: OCI image layouts (image-layout.md), as a folder or a tar, and `docker save`.

A layout comes from anywhere: paths are built from validated digests alone, symbolic links are not
followed, sizes are checked before anything is read.
"""

from __future__ import annotations

import json
import os
import stat
import tarfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from tagwatch.errors import (
    HostileAnswerError,
    InvalidDocumentError,
    NotFoundError,
    RegistryError,
    UnavailableError,
)
from tagwatch.image.digest import Digest, digest_of, is_digest
from tagwatch.image.image_config import parse_image_config
from tagwatch.image.manifest import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    Descriptor,
    Index,
    decode_json,
    parse_manifest,
)
from tagwatch.image.reference import Repository, is_tag
from tagwatch.image.snapshot import Document, Quota, Scope, TagObservation
from tagwatch.registry.interface import MAX_BLOB_BYTES, Listing

__all__ = ["LayoutRegistry", "open_layout", "split_layout"]

_REF_NAME = "org.opencontainers.image.ref.name"
_SCHEMES = ("oci:", "oci-archive:", "docker-archive:")
_MAX_MEMBERS = 100_000
_MAX_HEADER_BYTES = 1024 * 1024
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"


class _Files(Protocol):
    """Read-only files by relative POSIX path."""

    def read(self, path: str) -> bytes | None:
        """The whole file, at most 16 MiB; None where there is none."""

    def size(self, path: str) -> int | None:
        """The file's size in bytes."""

    def close(self) -> None:
        """Give back what is open."""


class _Folder:
    """A folder; no component of a path may be a symbolic link."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        self._name = str(root)

    def read(self, path: str) -> bytes | None:
        """See `_Files.read`."""
        with self._open(path) as descriptor:
            if descriptor is None:
                return None
            _check_size(os.fstat(descriptor).st_size, path)
            with os.fdopen(os.dup(descriptor), "rb") as file:
                return file.read(MAX_BLOB_BYTES)

    def size(self, path: str) -> int | None:
        """See `_Files.size`."""
        with self._open(path) as descriptor:
            return None if descriptor is None else os.fstat(descriptor).st_size

    def close(self) -> None:
        """See `_Files.close`."""
        os.close(self._root)

    @contextmanager
    def _open(self, path: str) -> Iterator[int | None]:
        opened = [os.dup(self._root)]
        try:
            *folders, name = path.split("/")
            for folder in folders:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                opened.append(os.open(folder, flags, dir_fd=opened[-1]))
            opened.append(
                os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened[-1])
            )
            if not stat.S_ISREG(os.fstat(opened[-1]).st_mode):
                raise _hostile(f"{path!r} is no regular file")
            yield opened[-1]
        except FileNotFoundError:
            yield None
        except OSError as error:
            raise _hostile(f"{path!r} cannot be opened: {error.strerror}") from error
        finally:
            for descriptor in opened:
                os.close(descriptor)


class _HeaderReader:
    """What tarfile may read while it lists members: headers, never a gigabyte of them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """At most 1 MiB at once."""
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise _hostile("a header of the archive is too large")
        return self._file.read(size)


class _Archive:
    """A plain tar; members are found once and read where they stand."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        try:
            self._places = dict(_members(self._file))
        except tarfile.TarError as error:
            self._file.close()
            raise RegistryError(
                f"{str(path)!r} is not a tar archive",
                hint="give an OCI layout folder, or an archive that is not compressed",
            ) from error
        except BaseException:
            self._file.close()
            raise

    def read(self, path: str) -> bytes | None:
        """See `_Files.read`."""
        place = self._places.get(path)
        if place is None:
            return None
        offset, size = place
        _check_size(size, path)
        self._file.seek(offset)
        return self._file.read(size)

    def size(self, path: str) -> int | None:
        """See `_Files.size`."""
        place = self._places.get(path)
        return None if place is None else place[1]

    def close(self) -> None:
        """See `_Files.close`."""
        self._file.close()


def _members(file: BinaryIO) -> Iterator[tuple[str, tuple[int, int]]]:
    """Path, offset and size of every regular file; refuses what reaches outside."""
    with tarfile.open(fileobj=_HeaderReader(file), mode="r:") as archive:  # type: ignore[call-overload]  # reads, seeks, tells
        for number, member in enumerate(archive):
            name = member.name.removeprefix("./")
            if number >= _MAX_MEMBERS:
                raise _hostile(f"the archive has more than {_MAX_MEMBERS} members")
            if name.startswith("/") or ".." in name.split("/"):
                raise _hostile(f"the archive has a member outside of it: {name[:160]!r}")
            if member.isreg() and not member.issparse():
                yield name, (member.offset_data, member.size)


class LayoutRegistry:
    """A layout or archive as a `Registry` whose tags are its reference names.

    The repository that is asked for does not matter. Nothing is counted: nobody is asked.
    """

    has_catalogue = True
    quota: Quota | None = None

    def __init__(self, files: _Files, name: str) -> None:
        self._files = files
        self._name = name
        self._made: dict[Digest, Document] = {}
        self._entries = self._read_entries()

    @property
    def requests(self) -> Mapping[str, int]:
        """See `Registry.requests`: none."""
        return {}

    @property
    def names(self) -> tuple[str, ...]:
        """The reference names, in the layout's order; empty text for an image without one."""
        return tuple(name for name, _ in self._entries)

    def find(self, name: str | None) -> Digest:
        """The digest of the image called `name`; None means the only one.

        Raises `NotFoundError` with the names there are.
        """
        found = [entry.digest for known, entry in self._entries if name in (None, known)]
        if len(set(found)) == 1:
            return found[0]
        shown = ", ".join(sorted(filter(None, self.names))[:10]) or "no names"
        raise NotFoundError(
            f"{self._name}: "
            + ("which image is meant?" if name is None else f"no image is called {name[:140]!r}"),
            hint=f"it has {shown}",
        )

    async def list_tags(
        self,
        repository: Repository,  # noqa: ARG002  # a layout is one repository
        *,
        watermark: str | None = None,  # noqa: ARG002
        known: Mapping[str, Digest] | None = None,  # noqa: ARG002
        at: datetime,  # noqa: ARG002
    ) -> Listing:
        """See `Registry.list_tags`."""
        tags = tuple(
            TagObservation(tag=name, digest=entry.digest, media_type=entry.media_type)
            for name, entry in self._entries
            if is_tag(name)
        )
        names = frozenset(observation.tag for observation in tags)
        return Listing(scope=Scope.FULL, names=names, observations=tags)

    async def head(self, repository: Repository, tag_or_digest: str) -> TagObservation | None:
        """See `Registry.head`."""
        try:
            document = await self.manifest(repository, tag_or_digest)
        except NotFoundError:
            return None
        return TagObservation(
            tag=tag_or_digest, digest=document.digest, media_type=document.media_type
        )

    async def manifest(self, repository: Repository, tag_or_digest: str) -> Document:
        """See `Registry.manifest`."""
        named = not is_digest(tag_or_digest)
        digest = self.find(tag_or_digest) if named else Digest(tag_or_digest)
        document = self._made.get(digest) or await self.blob(repository, digest, -1)
        try:
            media_type = parse_manifest(document.raw).media_type
        except InvalidDocumentError as error:
            raise HostileAnswerError(f"{self._name}: {error.message}", hint=error.hint) from error
        return Document(digest=digest, media_type=media_type, raw=document.raw)

    async def blob(
        self,
        repository: Repository,  # noqa: ARG002
        digest: Digest,
        size: int,
    ) -> Document:
        """See `Registry.blob`; a `size` below zero is not compared."""
        if not is_digest(digest):
            raise _hostile("a digest that is none")
        if digest in self._made:
            return self._made[digest]
        path = f"blobs/{digest.replace(':', '/')}"
        raw = self._files.read(path)
        if raw is None:
            raise NotFoundError(
                f"{self._name}: the blob {digest!r} is not there", hint="the layout is not whole"
            )
        actual = digest_of(raw, algorithm=digest.partition(":")[0])
        if actual != digest or (size >= 0 and len(raw) != size):
            raise _hostile(f"the blob {digest!r} holds other bytes ({actual!r})")
        return Document(digest=digest, media_type="", raw=raw)

    async def referrers(
        self,
        repository: Repository,  # noqa: ARG002
        digest: Digest,  # noqa: ARG002
    ) -> Document | None:
        """See `Registry.referrers`: none are looked for."""
        return None

    async def list_repositories(self, prefix: str) -> Collection[Repository]:  # noqa: ARG002
        """See `Registry.list_repositories`: a layout has none to list."""
        return ()

    async def history(
        self,
        repository: Repository,  # noqa: ARG002
    ) -> Collection[tuple[TagObservation, datetime | None]]:
        """See `Registry.history`."""
        return ()

    def _read_entries(self) -> tuple[tuple[str, Descriptor], ...]:
        raw = self._files.read("index.json")
        try:
            if raw is not None:
                return _index_entries(raw)
            saved = self._files.read("manifest.json")
            if saved is not None:
                return tuple(self._saved_entries(saved))
        except InvalidDocumentError as error:
            raise HostileAnswerError(f"{self._name}: {error.message}", hint=error.hint) from error
        raise NotFoundError(
            f"{self._name}: no OCI image layout: index.json is missing",
            hint="give a folder or archive as `skopeo copy … oci:` or `docker save` write it",
        )

    def _saved_entries(self, raw: bytes) -> Iterator[tuple[str, Descriptor]]:
        """Images of `docker save` (before Docker 25): manifests are made of configs and sizes.

        Their layers are not compressed, so layer digests are diff_ids, and the manifest's digest
        is not one that a registry knows.
        """
        images = decode_json(b'{"images":%s}' % raw, what="manifest.json")["images"]
        if not isinstance(images, list):
            raise InvalidDocumentError("manifest.json is not a list")
        for image in images:
            if not isinstance(image, dict):
                raise InvalidDocumentError("manifest.json has an entry that is no object")
            made = self._make_manifest(image)
            self._made[made.digest] = made
            entry = Descriptor(media_type=made.media_type, digest=made.digest, size=len(made.raw))
            for tag in image.get("RepoTags") or [""]:
                yield str(tag).rpartition(":")[2], entry

    def _make_manifest(self, image: Mapping[str, object]) -> Document:
        config = self._files.read(str(image.get("Config")))
        names = image.get("Layers")
        if config is None or not isinstance(names, list):
            raise InvalidDocumentError("manifest.json names a config or layers that are not there")
        diff_ids = parse_image_config(config).diff_ids
        sizes = [self._files.size(str(name)) for name in names]
        if len(sizes) != len(diff_ids) or None in sizes:
            raise InvalidDocumentError("the layers of manifest.json are not those of its config")
        digest = digest_of(config)
        self._made[digest] = Document(digest=digest, media_type=DOCKER_CONFIG, raw=config)
        manifest = {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": {"mediaType": DOCKER_CONFIG, "digest": digest, "size": len(config)},
            "layers": [
                {"mediaType": _DOCKER_LAYER, "digest": diff_id, "size": size}
                for diff_id, size in zip(diff_ids, sizes, strict=True)
            ],
        }
        raw = json.dumps(manifest, separators=(",", ":")).encode()
        return Document(digest=digest_of(raw), media_type=DOCKER_MANIFEST, raw=raw)


@contextmanager
def open_layout(path: Path) -> Iterator[LayoutRegistry]:
    """The images of a layout folder or archive. Raises `RegistryError`."""
    if path.is_dir() and not hasattr(os, "O_DIRECTORY"):
        raise UnavailableError(
            f"{str(path)!r} cannot be opened: this system opens no folder without following links",
            hint="name an archive (oci-archive:…)",
        )
    try:
        files: _Files = _Folder(path) if path.is_dir() else _Archive(path)
    except OSError as error:
        raise UnavailableError(
            f"{str(path)!r} cannot be opened: {error.strerror}", hint="check the path"
        ) from error
    try:
        yield LayoutRegistry(files, str(path))
    finally:
        files.close()


def split_layout(text: str) -> tuple[Path, str | None] | None:
    """Path and image name of `oci:path[:name]`, or None for text that names no layout.

    >>> split_layout("oci:build/image:1.2")
    (PosixPath('build/image'), '1.2')
    """
    scheme = next((scheme for scheme in _SCHEMES if text.startswith(scheme)), None)
    if scheme is None:
        return None
    path, colon, name = text.removeprefix(scheme).partition(":")
    if scheme == "docker-archive:":
        name = name.rpartition(":")[2]
    return Path(path), name if colon else None


def _index_entries(raw: bytes) -> tuple[tuple[str, Descriptor], ...]:
    index = parse_manifest(raw)
    if not isinstance(index, Index):
        raise InvalidDocumentError("index.json is not an image index")
    return tuple((entry.annotations.get(_REF_NAME, ""), entry) for entry in index.manifests)


def _check_size(size: int, path: str) -> None:
    if not 0 <= size <= MAX_BLOB_BYTES:
        raise _hostile(f"{path!r} is larger than {MAX_BLOB_BYTES} bytes")


def _hostile(what: str) -> HostileAnswerError:
    return HostileAnswerError(
        f"the image layout is not read: {what}", hint="make it again from a source you trust"
    )
