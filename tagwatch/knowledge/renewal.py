"""Newer facts than those that are held: read, checked, and in the form in which they are stored.

Whoever sends them may be wrong, or may want that ends of life are silent. So they are compared with
the facts that are held: what is older, what comes from the future and what says much less is
refused, and a product that is missing or lost most of its lines keeps those that it had.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import zlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tagwatch.errors import ConfigError, InputError
from tagwatch.knowledge.bundled import load_document
from tagwatch.knowledge.endoflife import is_api_document
from tagwatch.source.library import parse_library
from tagwatch.value import dataclass

__all__ = [
    "MOST_BYTES",
    "Renewed",
    "library_of_files",
    "library_of_tar",
    "renewed_ends",
    "renewed_library",
    "text_of",
    "unpacked",
]

MOST_BYTES = 64 * 1024 * 1024
"""No file of facts is larger: endoflife.date's has 3 MB, the library's archive less."""
_MOST_NAMES = 5000
_MOST_LINES = 3000
_MOST_CHARACTERS = 200
_MOST_LOST = 0.1
"""Such a part of what is held may be missing in newer facts; where it is more, they are refused."""
_YEARS = range(1980, 2200)
_IMAGE = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_MEMBER = re.compile(r"(?:\./)?(?:[^/]+/)?library/(?P<name>[^/]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """Facts that may be stored, and remarks: what they lack, and what was kept instead."""

    document: Mapping[str, Any]
    remarks: tuple[str, ...] = ()


def unpacked(raw: bytes) -> bytes:
    """Return the bytes without gzip, where they have it. Raises `InputError`."""
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    unpack = zlib.decompressobj(wbits=31)
    try:
        plain = unpack.decompress(raw, MOST_BYTES + 1)
    except zlib.error as error:
        raise InputError("the file is broken gzip", hint="fetch it again") from error
    if len(plain) > MOST_BYTES:
        raise InputError(f"the file unpacks to more than {MOST_BYTES} bytes")
    if not unpack.eof:
        raise InputError("the file is cut off", hint="fetch it again")
    return plain


def renewed_ends(raw: bytes, held: Mapping[str, Any], *, name: str, now: datetime) -> Renewed:
    """Return ends of life from what endoflife.date's API answers, or from the bundled form.

    `held`: the newest facts that are known. Raises `InputError` where these are not taken.
    """
    try:
        plain = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _refused(name, "it is no JSON") from error
    if is_api_document(plain):
        _check_whole(plain, name)
    try:
        document = load_document(plain, name)
        _check_ends(document, name)
    except ConfigError as error:
        raise InputError(error.message, hint=error.hint) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _refused(name, f"{type(error).__name__}: {str(error)[:120]}") from error
    _check_day(document["as_of"], held["as_of"], now, name)
    mine, theirs = held["products"], document["products"]
    missing = sorted(set(mine) - set(theirs))
    shrunk = sorted(
        one
        for one in set(mine) & set(theirs)
        if len(theirs[one]["cycles"]) * 2 < len(mine[one]["cycles"])
    )
    _check_loss(len(missing) + len(shrunk), len(mine), "products", name)
    risen = _risen(mine, theirs, now.date())
    ended = sum(
        _is_over(end, now.date()) for one in mine.values() for end in one["cycles"].values()
    )
    _check_loss(risen, ended, "ends of life", name)
    kept = {one: mine[one] for one in (*missing, *shrunk)}
    remarks = [f"{one}: it is missing; what was known stays" for one in missing]
    remarks += [f"{one}: most of its lines are missing; what was known stays" for one in shrunk]
    products = dict(sorted({**theirs, **kept}.items()))
    return Renewed(document={**document, "products": products}, remarks=tuple(remarks))


def renewed_library(
    images: Mapping[str, tuple[str, ...]],
    held: Mapping[str, Any],
    *,
    day: date,
    source: str,
    name: str,
    now: datetime,
) -> Renewed:
    """Return the tags of official images. `held`: those that are known. Raises `InputError`."""
    _check_day(day.isoformat(), held["as_of"], now, name)
    mine = held["images"]
    missing = sorted(set(mine) - set(images))
    # An image that builds nothing any more was dropped; so were some, never most of them at once.
    _check_loss(len(missing), len(mine), "official images", name)
    lost = sum(len(mine[one].split()) > 2 * len(images[one]) for one in set(mine) & set(images))
    _check_loss(lost, len(mine), "official images' tags", name)
    document = {
        "schema_version": 1,
        "as_of": day.isoformat(),
        "source": source,
        "images": {one: " ".join(tags) for one, tags in sorted(images.items())},
    }
    remarks = tuple(f"{one}: it is no official image any more" for one in missing)
    return Renewed(document=document, remarks=remarks)


def library_of_tar(raw: bytes, name: str) -> tuple[dict[str, tuple[str, ...]], date, str]:
    """Return the tags of each image, the day and the commit of an archive of official-images.

    As GitHub gives it: the commit stands in the archive's comment, its date at every file. Raises
    `InputError`.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
            commit = archive.pax_headers.get("comment", "")
            files = {}
            latest = 0.0
            for member in archive:
                found = _MEMBER.fullmatch(member.name)
                if found is None or not member.isreg() or member.size > len(raw):
                    continue  # a sparse file may say that it is larger than all there is
                content = archive.extractfile(member)
                assert content is not None
                files[found["name"]] = content.read()
                latest = max(latest, member.mtime)
                if len(files) > _MOST_NAMES:
                    raise _refused(name, f"it has more than {_MOST_NAMES} images")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _refused(name, "it is no JSON, and no archive of official-images") from error
    try:
        day = datetime.fromtimestamp(latest, UTC).date()
    except (OverflowError, OSError, ValueError) as error:
        raise _refused(name, "it has no date") from error
    of = f", commit {commit}" if re.fullmatch("[0-9a-f]{40}", commit) else ""
    return library_of_files(files, name), day, of


def library_of_files(files: Mapping[str, bytes], name: str) -> dict[str, tuple[str, ...]]:
    """Return the tags that each file of a library builds, by image. Raises `InputError`."""
    found = {}
    for image, raw in files.items():
        if not _IMAGE.fullmatch(image):
            continue
        builds = parse_library(raw.decode("utf-8", "replace"))
        tags = dict.fromkeys(tag for one in builds for tag in (*one.tags, *one.shared_tags))
        found[image] = tuple(tag for tag in tags if _TAG.fullmatch(tag))
    if not found:
        raise _refused(name, "it has no library of official images")
    return found


def text_of(document: Mapping[str, Any], key: str) -> str:
    """Return a document as it is stored: its head first, then one line for each of `key`."""
    head = {name: value for name, value in document.items() if name not in (key, "path")}
    lines = (f"    {json.dumps(name)}: {json.dumps(one)}" for name, one in document[key].items())
    told = "".join(f"  {json.dumps(name)}: {json.dumps(value)},\n" for name, value in head.items())
    return "{\n" + told + f"  {json.dumps(key)}: {{\n" + ",\n".join(lines) + "\n  }\n}\n"


def _check_whole(document: Mapping[str, Any], name: str) -> None:
    """Raise `InputError` where the API's answer has fewer products than it says."""
    total = document.get("total")
    if isinstance(total, int) and total != len(document["result"]):
        raise _refused(name, f"it says {total} products and has {len(document['result'])}")


def _check_ends(document: Mapping[str, Any], name: str) -> None:
    """Raise where a name may not be shown, or a value is none that a line can have."""
    if date.fromisoformat(document["as_of"]).isoformat() != document["as_of"]:
        raise _refused(name, f"{document['as_of'][:60]!r} is no day")
    products = document["products"]
    if not 0 < len(products) <= _MOST_NAMES:
        raise _refused(name, f"it has {len(products)} products")
    for key, product in products.items():
        lines, images = product["cycles"], product["images"]
        if not isinstance(images, list):
            raise _refused(name, f"the images of {key[:60]!r} are no list")
        if not 0 < len(lines) <= _MOST_LINES:
            raise _refused(name, f"{key[:60]!r} has {len(lines)} lines")
        known = {*lines}
        if not known >= {*product.get("lts", {}), *product.get("codenames", {}).values()}:
            raise _refused(name, f"{key[:60]!r} names lines that it does not have")
        texts = (key, product["name"], *lines, *product.get("codenames", {}), *images)
        for text in texts:
            if not isinstance(text, str) or not _is_plain(text):
                raise _refused(name, f"{str(text)[:60]!r} is no name")
        for end in (*lines.values(), *product.get("lts", {}).values()):
            if not (end is None or isinstance(end, bool) or date.fromisoformat(end).year in _YEARS):
                raise _refused(name, f"{key!r} ends in the year {end[:4]}")


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= _MOST_CHARACTERS and text.isprintable() and text.strip() == text


def _check_day(day: str, held: str, now: datetime, name: str) -> None:
    if date.fromisoformat(day) < date.fromisoformat(held):
        raise _refused(name, f"it is of {day}, and facts of {held} are known")
    if date.fromisoformat(day) > (now + timedelta(days=1)).date():
        raise _refused(name, f"it is of {day}, which is to come")


def _check_loss(lost: int, held: int, what: str, name: str) -> None:
    if lost > max(1, held * _MOST_LOST):
        raise _refused(name, f"{lost} of the {held} {what} that are known are missing in it")


def _risen(mine: Mapping[str, Any], theirs: Mapping[str, Any], on: date) -> int:
    """Return how many lines are over by the facts that are held, and live by the newer ones."""
    both = ((mine[one]["cycles"], theirs[one]["cycles"]) for one in set(mine) & set(theirs))
    return sum(
        _is_over(end, on) and not _is_over(lines[line], on)
        for held, lines in both
        for line, end in held.items()
        if line in lines
    )


def _is_over(end: Any, on: date) -> bool:
    return end is True or (isinstance(end, str) and date.fromisoformat(end) < on)


def _refused(name: str, reason: str) -> InputError:
    return InputError(
        f"{name}: not taken as newer facts: {reason}",
        hint="what is known stays; save https://endoflife.date/api/v1/products/full, or an archive "
        "of docker-library/official-images",
    )
