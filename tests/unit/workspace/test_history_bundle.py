"""History bundles: equal to the checkout, one image without the others, damage told."""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tagwatch.errors import InputError
from tagwatch.workspace.history_bundle import bundled, read_bundle
from tagwatch.workspace.official_images import head_of, library_files, library_histories
from tests.paths import DATA
from tests.unit.workspace.test_official_images import LINES, STANZAS, Repository

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SAMPLE = DATA / "history" / "two-images-2019.history"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    made = Repository(tmp_path / "official-images")
    made.commit("library/redis", LINES.format("2.8", "a" * 40))
    made.commit("library/redis", "Tags: 2.8\n<<<<<<< broken\n")
    made.commit("library/redis", STANZAS.format("2.8", "2.8.1", "b" * 40))
    made.commit("library/consul", STANZAS.format("1", "1.2", "c" * 40))
    made.commit("library/redis", STANZAS.format("2.8.2, 2.8", "latest", "d" * 40))
    made.commit("library/redis", STANZAS.format("2.8.2, 2.8", "latest", "\xa0" + "d" * 40))
    made.commit("library/consul", None)
    made.commit("library/odd", STANZAS.format("\x1b[31m", "1", "e" * 40))
    return made.root


def made(checkout: Path, *images: str) -> tuple[bytes, tuple[str, ...]]:
    return bundled(library_files(checkout, images, at=NOW), head_of(checkout))


def test_it_tells_what_the_checkout_tells(checkout: Path, tmp_path: Path) -> None:
    raw, lacks = made(checkout)
    (path := tmp_path / "all.history").write_bytes(raw)
    bundle = read_bundle(path, now=NOW)
    assert bundle.images == ("consul", "odd", "redis")
    assert (bundle.word.commit, bundle.word.as_of.day) == (head_of(checkout), 9)
    told = {name: found.intervals for name, found in library_histories(checkout, [], at=NOW)}
    assert len(told["redis"]) == 9
    for image in ("consul", "redis"):
        assert bundle.intervals(image) == told[image]
        for tag in {interval.tag for interval in told[image]}:
            alone = tuple(one for one in told[image] if one.tag == tag)
            assert bundle.intervals(image, tag) == alone
    assert bundle.intervals("redis", "nothing") == bundle.intervals("nothing") == ()
    assert bundle.intervals("odd") == ()
    assert [lack.partition(":")[0] for lack in lacks] == ["odd", "redis"]
    assert "1 versions with words or dates that a bundle does not take" in lacks[0]
    assert "cannot be read" in lacks[1]


def test_the_same_checkout_gives_the_same_bytes(checkout: Path) -> None:
    assert made(checkout) == made(checkout)
    assert made(checkout, "redis", "consul") == made(checkout, "consul", "redis")
    assert len(made(checkout, "redis")[0]) < len(made(checkout)[0])


def test_no_bundle_without_history(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no git history"):
        head_of(tmp_path)
    with pytest.raises(InputError, match="names no image"):
        bundled([], "a" * 40)


def test_a_part_of_the_real_one() -> None:
    """What the checkout of 2019-12-31 said of two images; one version of traefik is unreadable."""
    bundle = read_bundle(SAMPLE, now=NOW)
    assert bundle.images == ("hello-world", "traefik")
    assert bundle.word.commit == "eb7b7b2692469d96fadfd64baf4e4d5a69d5daff"
    traefik = bundle.intervals("traefik", "v1.7")
    assert [(one.version, one.first_seen.date().isoformat()) for one in traefik[:3]] == [
        ("1.7.0-rc1", "2018-07-09"),
        ("1.7.0-rc2", "2018-07-17"),
        ("1.7.0-rc3", "2018-08-02"),
    ]
    assert (len(traefik), traefik[-1].version, traefik[-1].ended) == (26, "1.7.20", False)
    assert len(bundle.intervals("hello-world")) == 63


def head_of_file(raw: bytes) -> tuple[Any, bytes]:
    """The head of a bundle, and its pieces."""
    _, line, rest = raw.split(b"\n", 2)
    length = int(line.split()[0])
    return json.loads(rest[:length]), rest[length:]


def with_head(head: Any, pieces: bytes) -> bytes:
    written = json.dumps(head).encode() if not isinstance(head, bytes) else head
    sha256 = hashlib.sha256(written).hexdigest()
    return f"tagwatch history 1\n{len(written)} {sha256}\n".encode() + written + pieces


def changed(**fields: object) -> bytes:
    head, pieces = head_of_file(SAMPLE.read_bytes())
    return with_head(head | fields, pieces)


def rows(**of_second: object) -> bytes:
    head, _ = head_of_file(SAMPLE.read_bytes())
    names = ("name", "packed", "plain", "sha256")
    second = dict(zip(names, head["images"][1], strict=True)) | of_second
    return changed(images=[head["images"][0], list(second.values())])


WRONG: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is no history bundle"),
    "other": (lambda: b"SQLite format 3\0" * 20, "is no history bundle"),
    "newer": (lambda: b"tagwatch history 2\n", "of another form than this tagwatch reads"),
    "cut line": (lambda: b"tagwatch history 1\n12", "no length and digest"),
    "huge head": (lambda: b"tagwatch history 1\n99999999 " + b"a" * 64 + b"\n", "no length"),
    "cut head": (lambda: SAMPLE.read_bytes()[:200], "its head is not that of its digest"),
    "cut": (lambda: SAMPLE.read_bytes()[:-1], "bytes of"),
    "longer": (lambda: SAMPLE.read_bytes() + b"x", "bytes of"),
    "no json": (lambda: with_head(b"[" * 100_000, b""), "its head has another form"),
    "no object": (lambda: with_head([], b""), "its head has another form"),
    "no date": (lambda: changed(as_of="yesterday"), "its head has another form"),
    "no commit": (lambda: changed(commit="\x1b[31m"), "its head has another form"),
    "future": (lambda: changed(as_of="2027-01-01T00:00:00Z"), "which has not come yet"),
    "many": (lambda: changed(images=[["a", 1, 1, "a" * 64]] * 5_001), "another form"),
    "twice": (lambda: rows(name="hello-world"), "another form"),
    "name": (lambda: rows(name="../../etc"), "another form"),
    "size": (lambda: rows(packed=-1), "another form"),
    "float": (lambda: rows(packed=1.5), "another form"),
    "plain": (lambda: rows(plain=1 << 40), "another form"),
    "digest": (lambda: rows(sha256="no"), "another form"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_bundle_or_damaged_is_told_at_once(name: str, tmp_path: Path) -> None:
    make, said = WRONG[name]
    (path := tmp_path / "x.history").write_bytes(make())
    with pytest.raises(InputError, match=said) as refused:
        read_bundle(path, now=NOW)
    assert str(path) in refused.value.message
    assert refused.value.hint


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="there is no history bundle at"):
            read_bundle(path, now=NOW)


def test_a_damaged_image_takes_no_other_along(tmp_path: Path) -> None:
    raw = bytearray(SAMPLE.read_bytes())
    raw[-9] ^= 1
    (path := tmp_path / "x.history").write_bytes(raw)
    bundle = read_bundle(path, now=NOW)
    assert bundle.intervals("hello-world")
    with pytest.raises(InputError, match="is damaged: traefik: its bytes are not those of") as told:
        bundle.intervals("traefik")
    assert "get it again" in told.value.hint


def of_piece(plain: bytes, size: int | None = None) -> bytes:
    """A bundle whose one piece unpacks to `plain`, and says that it has `size` bytes."""
    filters = [
        {"id": lzma.FILTER_LZMA2, "dict_size": 4 << 20, "lc": 4, "lp": 0, "pb": 0, "preset": 9}
    ]
    piece = lzma.compress(plain, format=lzma.FORMAT_RAW, filters=filters)
    length = len(plain) if size is None else size
    row = ["redis", len(piece), length, hashlib.sha256(piece).hexdigest()]
    head = {"as_of": "2019-12-31T00:00:00Z", "commit": "a" * 40, "images": [row]}
    return with_head(head, piece)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (of_piece(bytes(1 << 24), 100), "redis: it does not unpack to 100 bytes"),
        (of_piece(b"abc", 100), "redis: it does not unpack to 100 bytes"),
        (of_piece(b"\x7f" * 100), "redis: a number is larger than"),
        (of_piece(b"\x06\x01" + bytes(6) + b"\x01\xfe\xff\xff\xff\x3f\x00"), "redis: a version is"),
    ],
    ids=["bomb", "short", "nonsense", "later"],
)
def test_a_hostile_piece(raw: bytes, said: str, tmp_path: Path) -> None:
    (path := tmp_path / "x.history").write_bytes(raw)
    with pytest.raises(InputError, match=said):
        read_bundle(path, now=NOW).intervals("redis")


def test_a_piece_that_is_no_lzma(tmp_path: Path) -> None:
    row = ["redis", 4, 4, hashlib.sha256(b"\x7f\x7f\x7f\x7f").hexdigest()]
    raw = changed(images=[row]).partition(b"}")[0] + b"}\x7f\x7f\x7f\x7f"
    (path := tmp_path / "x.history").write_bytes(raw)
    with pytest.raises(InputError, match="redis: its bytes cannot be unpacked"):
        read_bundle(path, now=NOW).intervals("redis")
