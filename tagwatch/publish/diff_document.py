"""The JSON form of a change's diff (`schema_version` 1), for `tagwatch diff` and for results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tagwatch.audit.model.diff import (
    ConfigDiff,
    LayerDiff,
    LayerEntry,
    MapDiff,
    PackageDiff,
    PlatformDiff,
    SetDiff,
    Side,
    SizeDiff,
    StepDiff,
)
from tagwatch.audit.model.history import Change

__all__ = ["diff_document"]

Document = dict[str, Any]

_IGNORED = (
    "created",
    "history.created",
    "label org.opencontainers.image.created",
    "label org.opencontainers.image.revision",
)
"""What differs between any two builds and is never a difference."""


def diff_document(change: Change) -> Document:
    """Return the whole diff, told by its primary platform, and the others in `by_platform`.

    Pairs are [old, new]; sizes are compressed bytes; what is not known is empty or null. Empty
    where nobody told a diff.
    """
    diff = change.diff
    if diff is None:
        return {}
    return {
        "schema_version": 1,
        "old": _side(diff.old),
        "new": _side(diff.new),
        "verdict": change.verdict.value,
        "reason": change.reason,
        **_platform(diff.primary or PlatformDiff()),
        "platforms": {
            "added": list(diff.added),
            "removed": list(diff.dropped),
            "unchanged": diff.common,
            "lagging": [{"platform": one.platform, "version": one.version} for one in diff.lagging],
        },
        "by_platform": [
            {
                "platform": other.platform,
                "verdict": other.verdict.value if other.verdict else None,
                **_platform(other),
            }
            for other in diff.platforms[1:]
        ],
        "ignored": list(_IGNORED),
        "not_compared": [{"what": gap.what, "why": gap.why} for gap in diff.not_compared],
    }


def _side(side: Side) -> Document:
    version = side.version
    return {
        "ref": side.reference,
        "index": side.index,
        "manifest": side.manifest,
        "platform": side.platform,
        "version": {"value": version.value, "from": version.source} if version else None,
        "seen": list(side.seen) if side.seen else None,
    }


def _platform(platform: PlatformDiff) -> Document:
    config, steps = platform.config, platform.steps
    old, new = platform.attestations
    return {
        "layers": _layers(platform.layers),
        "size": _size(platform.size),
        "config": _config(config, steps) if config else {},
        "steps": {
            "same": steps.same,
            "removed": list(steps.removed),
            "added": list(steps.added),
        },
        "os_release": list(platform.os_release),
        "attestations": {"old": list(old), "new": list(new)},
        "packages": _packages(platform.packages or PackageDiff(source="none")),
    }


def _layers(layers: LayerDiff) -> Document:
    return {
        "shared": _entries(layers.shared),
        "removed": _entries(layers.removed),
        "added": _entries(layers.added),
        "moved": [{**_entry(layer), "old_i": layer.old_position} for layer in layers.moved],
        "recompressed": [
            {
                "diff_id": one.diff_id,
                "old_digest": one.digests[0],
                "new_digest": one.digests[1],
                "old_type": one.types[0],
                "new_type": one.types[1],
            }
            for one in layers.recompressed
        ],
    }


def _entries(layers: Iterable[LayerEntry]) -> list[Document]:
    return [_entry(layer) for layer in layers]


def _entry(layer: LayerEntry) -> Document:
    return {
        "i": layer.position,
        "diff_id": layer.diff_id,
        "digest": layer.digest,
        "size": layer.size,
        "created_by": layer.created_by,
    }


def _size(size: SizeDiff | None) -> Document:
    return {
        "compressed_old": size.old if size else None,
        "compressed_new": size.new if size else None,
        "delta": size.delta if size else None,
        "percent": size.percent if size else None,
        "config_delta": size.config_delta if size else None,
    }


def _config(config: ConfigDiff, steps: StepDiff) -> Document:
    return {
        "user": list(config.user),
        "entrypoint": [list(words) for words in config.entrypoint],
        "cmd": [list(words) for words in config.cmd],
        "workdir": list(config.working_dir),
        "stop_signal": list(config.stop_signal),
        "env": _map(config.env),
        "exposed_ports": _set(config.exposed_ports),
        "volumes": _set(config.volumes),
        "labels": _map(config.labels),
        "healthcheck": list(config.healthcheck),
        "created": list(config.created),
        "os": config.os,
        "os_version": list(config.os_version),
        "history": {
            "shared": steps.same,
            "removed": steps.removed_in_all,
            "added": steps.added_in_all,
        },
    }


def _map(names: MapDiff) -> Mapping[str, Mapping[str, str | list[str]]]:
    return {
        "added": dict(names.added),
        "removed": dict(names.removed),
        "changed": {name: list(pair) for name, pair in names.changed.items()},
    }


def _set(names: SetDiff) -> Mapping[str, list[str]]:
    return {"added": list(names.added), "removed": list(names.removed)}


def _packages(packages: PackageDiff) -> Document:
    return {
        "source": packages.source,
        "added": [{"purl": one.purl, "version": one.new} for one in packages.added],
        "removed": [{"purl": one.purl, "version": one.old} for one in packages.removed],
        "changed": [{"purl": one.purl, "old": one.old, "new": one.new} for one in packages.changed],
        "same": packages.same,
    }
