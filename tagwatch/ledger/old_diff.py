"""Diffs as ledgers of schema 1 to 5 and facts files of version 1 hold them, in today's form.

There a change holds the JSON document that people are given. One that is not what a tagwatch wrote
becomes no diff at all, which means "not known". Whatever else is damaged stays as it is, so that
whoever reads it is told. Nothing here names today's values: the form written here is schema 6.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Struct, convert, field

from tagwatch.audit.model.diff import Verdict

__all__ = ["upgraded_change", "upgraded_evidence", "upgraded_result"]

Stored = dict[str, Any]
Pair = tuple[str, str]
WordsPair = tuple[list[str], list[str]]


def upgraded_change(raw: bytes) -> bytes:
    """A stored change, with its diff in the new form."""
    return _upgraded(raw, lambda change: iter([change]))


def upgraded_evidence(raw: bytes) -> bytes:
    """Stored evidence, with the diff of its change in the new form."""
    return _upgraded(raw, lambda evidence: iter([evidence["change"]]))


def upgraded_result(raw: bytes) -> bytes:
    """A stored result, with the diffs of its changes and evidence in the new form."""
    return _upgraded(raw, _changes_of_result)


def _changes_of_result(result: Stored) -> Iterator[Stored]:
    yield from (moved["change"] for moved in result.get("changes", ()))
    # up to schema 2 the evidence is part of the result
    for evidence in result.get("evidence", {}).values():
        if change := evidence.get("change"):
            yield change


def _upgraded(raw: bytes, changes_in: Callable[[Any], Iterator[Stored]]) -> bytes:
    if b'"diff":' not in raw:  # most evidence has no change
        return raw
    try:
        stored = json.loads(raw)
        for change in changes_in(stored):
            if diff := _diff(change.pop("diff", None)):
                change["diff"] = diff
        return json.dumps(stored, ensure_ascii=False, separators=(",", ":")).encode()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return raw


# Attributes have the names of schema 6; what a document calls otherwise says so.


class _Version(Struct):
    value: str
    source: str = field(name="from")


class _Side(Struct):
    reference: str = field(name="ref")
    index: str | None
    manifest: str | None
    platform: str | None
    version: _Version | None
    seen: Pair | None


class _Layer(Struct):
    position: int = field(name="i")
    diff_id: str | None
    digest: str | None
    size: int | None
    created_by: str
    old_position: int | None = field(name="old_i", default=None)


class _Recompressed(Struct):
    diff_id: str | None
    old_digest: str
    new_digest: str
    old_type: str
    new_type: str


class _Layers(Struct):
    shared: list[_Layer]
    moved: list[_Layer]
    removed: list[_Layer]
    added: list[_Layer]
    recompressed: list[_Recompressed]


class _Size(Struct):
    old: int | None = field(name="compressed_old")
    new: int | None = field(name="compressed_new")
    config_delta: int | None


class _Map(Struct):
    added: dict[str, str]
    removed: dict[str, str]
    changed: dict[str, Pair]


class _Set(Struct):
    added: list[str]
    removed: list[str]


class _Counts(Struct):
    removed_in_all: int = field(name="removed")
    added_in_all: int = field(name="added")


class _Config(Struct):
    user: Pair
    entrypoint: WordsPair
    cmd: WordsPair
    working_dir: Pair = field(name="workdir")
    stop_signal: Pair
    env: _Map
    exposed_ports: _Set
    volumes: _Set
    labels: _Map
    healthcheck: Pair
    created: Pair
    os: str
    os_version: Pair
    history: _Counts


class _Steps(Struct):
    same: int
    removed: list[str]
    added: list[str]


class _Kinds(Struct):
    old: list[str]
    new: list[str]


class _Added(Struct):
    purl: str
    new: str | None = field(name="version")


class _Removed(Struct):
    purl: str
    old: str | None = field(name="version")


class _Changed(Struct):
    purl: str
    old: str | None
    new: str | None


class _Packages(Struct):
    source: str
    added: list[_Added]
    removed: list[_Removed]
    changed: list[_Changed]
    same: int


class _Platform(Struct):
    layers: _Layers
    size: _Size
    config: Stored
    """Empty where it was not compared, a `_Config` else."""
    steps: _Steps
    os_release: Pair
    attestations: _Kinds
    packages: _Packages


class _Other(_Platform):
    platform: str
    verdict: Verdict | None


class _Lagging(Struct):
    platform: str
    version: str | None


class _Platforms(Struct):
    added: list[str]
    dropped: list[str] = field(name="removed")
    common: int = field(name="unchanged")
    lagging: list[_Lagging]


class _Gap(Struct):
    what: str
    why: str


class _Document(_Platform):
    old: _Side
    new: _Side
    platforms: _Platforms
    by_platform: list[_Other]
    not_compared: list[_Gap]


def _diff(document: object) -> Stored | None:
    try:
        diff = _image(convert(document, _Document))
        msgspec.json.encode(diff)  # half a surrogate pair has no stored form
    except (msgspec.ValidationError, UnicodeEncodeError, RecursionError):
        return None
    return diff


def _image(told: _Document) -> Stored | None:
    names = [side.platform for side in (told.new, told.old) if side.platform is not None]
    if told.by_platform and not names:
        return None
    # a lone manifest whose config was not read does not tell its platform
    name = next((name for name in names if name != "unknown/unknown"), "unknown/unknown")
    others = told.by_platform
    return {
        **_plain(told.platforms),
        "old": _plain(told.old),
        "new": _plain(told.new),
        "platforms": [
            *([_platform(told, platform=name)] if names else ()),
            *(_platform(one, platform=one.platform, verdict=one.verdict) for one in others),
        ],
        "not_compared": _plain(told.not_compared),
    }


def _platform(told: _Platform, **more: str | None) -> Stored:
    config = _plain(convert(told.config, _Config)) if told.config else None
    counts = config.pop("history") if config else {}
    layers, size = told.layers, _plain(told.size)
    again = [
        {
            "diff_id": one.diff_id,
            "digests": (one.old_digest, one.new_digest),
            "types": (one.old_type, one.new_type),
        }
        for one in layers.recompressed
    ]
    return {
        **more,
        "layers": {**_plain(layers), "recompressed": again},
        "size": None if None in size.values() else size,
        "config": config,
        "steps": {**_plain(told.steps), **counts},
        "os_release": told.os_release,
        "attestations": (told.attestations.old, told.attestations.new),
        "packages": None if told.packages.source == "none" else _plain(told.packages),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    return [_plain(part) for part in value] if isinstance(value, list) else value
