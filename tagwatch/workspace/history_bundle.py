"""A history bundle: the past of official images in one file, made from a git checkout.

Two lines of text (what it is; the length and SHA-256 of the head), the head as JSON (as of which
day, from which commit, and of each image the name, sizes and SHA-256 of its piece), then the
pieces: `source.library_past`, compressed, image by image. One image is read without the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tagwatch.audit.model.history import Interval
from tagwatch.audit.version.library_history import LibraryWord, library_intervals
from tagwatch.errors import InputError
from tagwatch.image.digest import sha256
from tagwatch.source.library_past import (
    LibraryVersion,
    is_writable,
    past_of_bytes,
    past_to_bytes,
)
from tagwatch.value import dataclass

if TYPE_CHECKING:  # a bundle is made from git's history, and read without it
    from tagwatch.workspace.official_images import LibraryFile

__all__ = ["HistoryBundle", "bundled", "read_bundle"]

_MAGIC = b"tagwatch history "
_VERSION = b"1"
_MOST_HEAD = 1 << 20
_MOST_IMAGES = 5_000
_MOST_PACKED = 4 << 20
_MOST_PLAIN = 16 << 20
"""The largest piece of 2026 has a tenth of this."""
_LONGEST_LINE = 128
_AHEAD = timedelta(days=1)
"""Clocks differ; what is dated later than this comes from the future."""
_IMAGE = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40,64}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_STAMP = "%Y-%m-%dT%H:%M:%SZ"
_HINT = "get it again, or make it: tagwatch history bundle --library DIR --output FILE"


class _Piece(NamedTuple):
    offset: int
    packed: int
    plain: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryBundle:
    """A bundle whose head was read; of an image it reads what is asked for."""

    path: Path
    word: LibraryWord
    pieces: Mapping[str, _Piece]

    @property
    def images(self) -> tuple[str, ...]:
        """The images that it tells of, sorted."""
        return tuple(self.pieces)

    def intervals(self, image: str, tag: str | None = None) -> tuple[Interval, ...]:
        """Return the past of one tag of an image, or of all; empty for an image it does not know.

        Raises `InputError` where the image's piece is damaged.
        """
        if image not in self.pieces:
            return ()
        try:
            return library_intervals(self._versions(image), head_at=self.word.as_of, only=tag)
        except InputError as error:
            raise _damaged(self.path, f"{image}: {error.message}") from error

    def _versions(self, image: str) -> Iterator[LibraryVersion]:
        piece = self.pieces[image]
        try:
            with self.path.open("rb") as file:
                file.seek(piece.offset)
                packed = file.read(piece.packed)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if sha256(packed) != piece.sha256:
            raise InputError("its bytes are not those of its digest")
        for at, builds in past_of_bytes(_unpacked(packed, piece.plain)):
            if at > self.word.as_of + _AHEAD:
                raise InputError("a version is later than the bundle")
            yield at, builds


def bundled(files: Iterable[LibraryFile], commit: str) -> tuple[bytes, tuple[str, ...]]:
    """Return the bytes of a bundle, and what was left out of it: the same files, the same bytes.

    All `files` are those of one commit. Raises `InputError` for files that no bundle can hold.
    """
    rows: list[list[Any]] = []
    packed: list[bytes] = []
    left_out: list[str] = []
    as_of: datetime | None = None
    for file in sorted(files, key=lambda one: one.image):
        as_of = file.until
        good = [
            version
            for version in file.versions
            if is_writable(version) and version[0] <= as_of + _AHEAD
        ]
        left_out += [f"{file.image}: {why}" for why in file.skipped]
        if len(good) < len(file.versions):
            left_out.append(
                f"{file.image}: {len(file.versions) - len(good)} versions with words or dates that "
                "a bundle does not take"
            )
        plain = past_to_bytes(good)
        piece = _packed(plain)
        if len(plain) > _MOST_PLAIN or len(piece) > _MOST_PACKED:
            raise InputError(f"the history of {file.image!r} is too large for a bundle")
        rows.append([file.image, len(piece), len(plain), sha256(piece)])
        packed.append(piece)
    if as_of is None:
        raise InputError("the checkout names no image", hint="name one of official-images")
    head = json.dumps(
        {"as_of": as_of.strftime(_STAMP), "commit": commit, "images": rows}, separators=(",", ":")
    ).encode()
    lines = b"%s%s\n%d %s\n" % (
        _MAGIC, _VERSION, len(head), sha256(head).encode(),
    )  # fmt: skip
    return b"".join((lines, head, *packed)), tuple(left_out)


def read_bundle(path: Path, *, now: datetime) -> HistoryBundle:
    """Return the bundle at `path`, of which only the head was read.

    Raises `InputError`: missing, no bundle, of a newer form, damaged, from the future.
    """
    try:
        if not path.is_file():
            raise InputError(f"there is no history bundle at {str(path)!r}", hint=_HINT)
        with path.open("rb") as file:
            head = _head(path, file.readline(_LONGEST_LINE), file.readline(_LONGEST_LINE), file)
            begin = file.tell()
            size = file.seek(0, 2)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        as_of, commit, pieces, end = _of_head(head, begin)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(path, "its head has another form") from error
    if end != size:
        raise _damaged(path, f"it has {size:,} bytes of {end:,}")
    if as_of > now + _AHEAD:
        raise InputError(
            f"the history bundle {str(path)!r} is of {as_of.date()}, which has not come yet",
            hint="look at the clock of this machine",
        )
    return HistoryBundle(path=path, word=LibraryWord(as_of=as_of, commit=commit), pieces=pieces)


def _head(path: Path, magic: bytes, line: bytes, file: Any) -> bytes:
    """Return the head, whose digest is right. Raises `InputError`, `OSError`."""
    if not magic.startswith(_MAGIC):
        raise InputError(f"{str(path)!r} is no history bundle", hint=_HINT)
    if magic != _MAGIC + _VERSION + b"\n":
        raise InputError(
            f"the history bundle {str(path)!r} is of another form than this tagwatch reads",
            hint="update tagwatch, or make the bundle again with this one",
        )
    found = re.fullmatch(rb"(\d{1,8}) ([0-9a-f]{64})\n", line)
    length = int(found[1]) if found else 0
    if found is None or not 0 < length <= _MOST_HEAD:
        raise _damaged(path, "its second line has no length and digest")
    head: bytes = file.read(length)
    if sha256(head).encode() != found[2]:
        raise _damaged(path, "its head is not that of its digest")
    return head


def _of_head(head: bytes, begin: int) -> tuple[datetime, str, dict[str, _Piece], int]:
    """Return what a head says, and where the last piece ends. Raises `ValueError` and its like."""
    document = json.loads(head)
    as_of = datetime.strptime(document["as_of"], _STAMP).replace(tzinfo=UTC)
    commit, rows = document["commit"], document["images"]
    if not _COMMIT.fullmatch(commit) or len(rows) > _MOST_IMAGES:
        raise ValueError
    pieces: dict[str, _Piece] = {}
    for image, packed, plain, sum_of in rows:
        sizes = type(packed) is int and type(plain) is int
        named = _IMAGE.fullmatch(image) and _SHA256.fullmatch(sum_of) and image not in pieces
        if not (sizes and named and 0 < packed <= _MOST_PACKED and 0 < plain <= _MOST_PLAIN):
            raise ValueError
        pieces[image] = _Piece(begin, packed, plain, sum_of)
        begin += packed
    return as_of, commit, pieces, begin


def _packed(plain: bytes) -> bytes:
    lzma = _lzma()
    packed: bytes = lzma.compress(plain, format=lzma.FORMAT_RAW, filters=_filters(lzma))
    return packed


def _unpacked(packed: bytes, size: int) -> bytes:
    """Return the `size` bytes that were packed, and never many more. Raises `InputError`."""
    lzma = _lzma()
    unpack = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=_filters(lzma))
    try:
        plain: bytes = unpack.decompress(packed, max_length=size + 1)
    except lzma.LZMAError as error:
        raise InputError("its bytes cannot be unpacked") from error
    if len(plain) != size:
        raise InputError(f"it does not unpack to {size:,} bytes")
    return plain


def _lzma() -> Any:
    """Return the standard library's `lzma`, which a Python may be built without."""
    try:
        import lzma
    except ImportError as error:
        raise InputError(
            "this Python was built without lzma", hint="install one that has it"
        ) from error
    return lzma


def _filters(lzma: Any) -> list[dict[str, int]]:
    """Return how pieces are packed. The file cannot say it, so it cannot ask for more memory."""
    return [
        {
            "id": lzma.FILTER_LZMA2,
            "preset": 9 | lzma.PRESET_EXTREME,
            "dict_size": 4 << 20,
            "lc": 4,
            "lp": 0,
            "pb": 0,
        }
    ]


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"the history bundle {str(path)!r} is damaged: {what}", hint=_HINT)


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"the history bundle {str(path)!r} cannot be read: {error.strerror}", hint=_HINT
    )
