"""`tagwatch knowledge`: which facts are known, and newer ones from where they are published.

What is stored is the user's, whoever's tree is looked at: only this command writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tagwatch.config.raw import home_of
from tagwatch.errors import InputError, RegistryError, TagwatchError
from tagwatch.knowledge.bundled import (
    END_OF_LIFE,
    FOLDER,
    OFFICIAL_NAMES,
    OFFICIAL_TAGS,
    as_of,
    newest_facts,
    read_facts,
)
from tagwatch.knowledge.renewal import (
    MOST_BYTES,
    Renewed,
    library_of_files,
    library_of_tar,
    renewed_ends,
    renewed_library,
    text_of,
    unpacked,
)
from tagwatch.value import dataclass
from tagwatch.walk.site import KNOWLEDGE, Site, data_folder

__all__ = ["ENDS_URL", "LIBRARY_URL", "Known", "Told", "known_facts", "store_of", "update"]

ENDS_URL = "https://endoflife.date/api/v1/products/full"
LIBRARY_URL = "https://codeload.github.com/docker-library/official-images/tar.gz/refs/heads/master"
_SECONDS = 60.0
_REDIRECTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Some facts that count now."""

    what: str
    """`ends of life` or `official images`."""
    as_of: date
    number: int
    """So many products or images."""
    source: str
    path: Path
    origin: str
    """`bundled`, `stored` or `configured`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an update did with one kind of facts."""

    what: str
    as_of: date
    is_new: bool
    """False where they are as they were."""
    remarks: tuple[str, ...] = ()


def store_of(environment: Mapping[str, str]) -> Path:
    """Return the folder in which the user's newer facts are stored."""
    return data_folder(environment, home_of(environment)) / KNOWLEDGE


def known_facts(site: Site) -> tuple[tuple[Known, ...], tuple[str, ...]]:
    """Return which facts count for the site, and why stored tags do not. Raises `ConfigError`.

    Of other stored files the site says so itself; tags are not read before somebody asks for them.
    """
    doubts: list[str] = []
    stored = store_of(site.environment)
    named = site.settings.knowledge
    ends = read_facts(named) if named else newest_facts(END_OF_LIFE, stored, [])
    tags = newest_facts(OFFICIAL_TAGS, stored, doubts)
    known = (
        _known("ends of life", ends, "products", is_named=named is not None),
        _known("official images", tags, "images"),
    )
    return known, tuple(doubts)


def _known(what: str, facts: Mapping[str, Any], key: str, *, is_named: bool = False) -> Known:
    path: Path = facts["path"]
    origin = "bundled" if path.parent == FOLDER else "stored"
    return Known(
        what=what,
        as_of=date.fromisoformat(facts["as_of"]),
        number=len(facts[key]),
        source=facts["source"],
        path=path,
        origin="configured" if is_named else origin,
    )


def update(
    sources: Sequence[str], environment: Mapping[str, str], at: datetime
) -> Iterator[Told | TagwatchError]:
    """Read newer facts, check them, and store them; yield what became of each.

    `sources`: files, folders and https URLs; none: where the facts are published. An error of one
    keeps none of the others from being stored. Raises `InputError` where nothing can be written.
    """
    for source in sources or (ENDS_URL, LIBRARY_URL):
        try:
            yield _update_from(source, store_of(environment), environment, at)
        except (InputError, RegistryError) as error:
            yield error


def _update_from(source: str, stored: Path, environment: Mapping[str, str], at: datetime) -> Told:
    if Path(source).is_dir():
        return _take_checkout(Path(source), stored, at)
    if "://" not in source:
        return _take(_read(Path(source)), source, stored, at)
    from tagwatch.registry.download import download, https_url
    from tagwatch.walk.loop import run

    hint = "or name a file"
    url = https_url(source, what="facts are downloaded", hint=hint)
    name = str(url.with_query(None).with_fragment(None))
    before = _stored_from(name, stored)
    found = run(
        download(
            url,
            environment,
            what="facts",
            limit=MOST_BYTES,
            seconds=_SECONDS,
            etag=str(before.get("etag", "")),
            redirects=_REDIRECTS,
        )
    )
    if found.raw is None:
        return _confirm(before, at)
    return _take(found.raw, name, stored, at, etag=found.etag)


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():  # reading a pipe would wait for a writer, perhaps for ever
            raise InputError(f"{str(path)!r} is no file", hint="name a file, a folder or a URL")
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
    if len(raw) > MOST_BYTES:
        raise InputError(f"{str(path)!r} is larger than {MOST_BYTES} bytes")
    return raw


def _take(raw: bytes, name: str, stored: Path, at: datetime, *, etag: str = "") -> Told:
    """Check the facts and store them, whichever of the two kinds they are."""
    plain = unpacked(raw)
    more = {"fetched_from": name, "etag": etag} if etag else {}
    if plain.lstrip()[:1] in (b"{", b"[", b"<", b""):
        held = newest_facts(END_OF_LIFE, stored, [])
        ends = renewed_ends(plain, held, name=name, now=at)
        return _store_ends(ends, stored, more)
    images, day, commit = library_of_tar(plain, name)
    return _store_library(images, day, commit, name, stored, at, more)


def _take_checkout(folder: Path, stored: Path, at: datetime) -> Told:
    from tagwatch.workspace.git_history import head_at
    from tagwatch.workspace.read import read_bytes

    library = folder / "library"
    files = {
        one.name: read_bytes(one)
        for one in (sorted(library.iterdir()) if library.is_dir() else ())
        if one.is_file()
    }
    images = library_of_files(files, str(folder))
    return _store_library(images, head_at(folder).date(), "", str(folder), stored, at, {})


def _store_ends(ends: Renewed, stored: Path, more: Mapping[str, Any]) -> Told:
    # A later tagwatch may know products that this one does not know yet, and adds them then.
    made_with = str(as_of(FOLDER / END_OF_LIFE))
    document = {**_head(ends.document, more), "made_with": made_with}
    document["products"] = ends.document["products"]
    _write(stored / END_OF_LIFE, text_of(document, "products"))
    return Told(
        what="ends of life",
        as_of=date.fromisoformat(document["as_of"]),
        is_new=True,
        remarks=ends.remarks,
    )


def _store_library(
    images: Mapping[str, tuple[str, ...]],
    day: date,
    commit: str,
    name: str,
    stored: Path,
    at: datetime,
    more: Mapping[str, Any],
) -> Told:
    held = newest_facts(OFFICIAL_TAGS, stored, [])
    source = f"https://github.com/docker-library/official-images{commit}"
    found = renewed_library(images, held, day=day, source=source, name=name, now=at)
    document = {**_head(found.document, more), "images": found.document["images"]}
    _write(stored / OFFICIAL_TAGS, text_of(document, "images"))
    names = {**_head(found.document, {}), "names": sorted(images)}
    _write(stored / OFFICIAL_NAMES, json.dumps(names, indent=1) + "\n")
    return Told(what="official images", as_of=day, is_new=True, remarks=found.remarks)


def _head(document: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the head of a stored file. The day comes early: `as_of` reads no further."""
    return {**{key: document[key] for key in ("schema_version", "as_of", "source")}, **more}


def _stored_from(name: str, stored: Path) -> Mapping[str, Any]:
    """Return what is stored of this address; empty where that cannot be used again."""
    for file in (END_OF_LIFE, OFFICIAL_TAGS):
        warnings: list[str] = []
        found = newest_facts(file, stored, warnings)
        if found.get("fetched_from") == name and not warnings:
            return found
    return {}


def _confirm(before: Mapping[str, Any], at: datetime) -> Told:
    """Store the day on which nothing had changed: the facts are true of it."""
    path: Path = before["path"]
    is_ends = path.name == END_OF_LIFE
    key = "products" if is_ends else "images"
    day = max(date.fromisoformat(before["as_of"]), at.date()).isoformat()
    _write(path, text_of({**before, "as_of": day}, key))
    what = "ends of life" if is_ends else "official images"
    return Told(what=what, as_of=date.fromisoformat(day), is_new=False)


def _write(path: Path, text: str) -> None:
    from tagwatch.workspace.write import write_new

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(
            f"{str(path.parent)!r} cannot be made: {error.strerror or error}",
            hint="check its permissions, or set XDG_DATA_HOME",
        ) from error
    write_new(path, text.encode(), mode=0o644)
