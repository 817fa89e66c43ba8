"""Image configs side by side: what a container would run as, before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagwatch.audit.reading.mask import mask_text, mask_value, mask_words
from tagwatch.image.image_config import ImageConfig
from tagwatch.value import dataclass, field

__all__ = ["RUN_FIELDS", "ConfigDiff", "MapDiff", "diff_configs"]

RUN_FIELDS = ("user", "entrypoint", "cmd", "working_dir", "stop_signal", "healthcheck")
"""The single-valued fields that decide how a container runs."""

VOLATILE_LABELS = frozenset(
    {"org.opencontainers.image.created", "org.opencontainers.image.revision"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapDiff:
    """Names with values: only here, only there, and (old, new) where both differ."""

    added: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Every name that differs."""
        return frozenset((*self.added, *self.removed, *self.changed))

    def document(self) -> dict[str, Any]:
        """The JSON form, secrets masked."""
        return {
            "added": {key: mask_value(key, text) for key, text in self.added.items()},
            "removed": {key: mask_value(key, text) for key, text in self.removed.items()},
            "changed": {
                key: [mask_value(key, old), mask_value(key, new)]
                for key, (old, new) in self.changed.items()
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDiff:
    """Two configs and where they differ."""

    old: ImageConfig
    new: ImageConfig
    env: MapDiff
    labels: MapDiff

    @property
    def changed(self) -> tuple[str, ...]:
        """The fields that decide how a container runs and differ: `user`, `env`, `volumes` …"""
        fields = (*RUN_FIELDS, "exposed_ports", "volumes", "shell", "onbuild")
        names = [name for name in fields if getattr(self.old, name) != getattr(self.new, name)]
        return (*names, *(("env",) if self.env.names else ()))

    @property
    def changed_labels(self) -> frozenset[str]:
        """Labels that differ, save those that only tell when and from which commit."""
        return self.labels.names - VOLATILE_LABELS

    def document(self) -> dict[str, Any]:
        """The JSON form, secrets masked; pairs are [old, new]."""
        old, new = self.old, self.new
        return {
            "user": [mask_text(old.user), mask_text(new.user)],
            "entrypoint": [_words(old.entrypoint), _words(new.entrypoint)],
            "cmd": [_words(old.cmd), _words(new.cmd)],
            "workdir": [old.working_dir, new.working_dir],
            "stop_signal": [old.stop_signal, new.stop_signal],
            "env": self.env.document(),
            "exposed_ports": _sets(old.exposed_ports, new.exposed_ports),
            "volumes": _sets(old.volumes, new.volumes),
            "labels": self.labels.document(),
            "healthcheck": [" ".join(_words(c.healthcheck)) for c in (old, new)],
            "created": [_created(old), _created(new)],
            "os": new.platform.os,
            "os_version": [c.platform.os_version or "" for c in (old, new)],
        }


def diff_configs(old: ImageConfig, new: ImageConfig) -> ConfigDiff:
    """Compare two configs."""
    return ConfigDiff(
        old=old,
        new=new,
        env=_diff_maps(old.env, new.env),
        labels=_diff_maps(old.labels, new.labels),
    )


def _diff_maps(old: Mapping[str, str], new: Mapping[str, str]) -> MapDiff:
    return MapDiff(
        added={key: new[key] for key in sorted(new.keys() - old.keys())},
        removed={key: old[key] for key in sorted(old.keys() - new.keys())},
        changed={
            key: (old[key], new[key])
            for key in sorted(old.keys() & new.keys())
            if old[key] != new[key]
        },
    )


def _words(words: tuple[str, ...] | None) -> list[str]:
    return list(mask_words(words or ()))


def _sets(old: frozenset[str], new: frozenset[str]) -> dict[str, list[str]]:
    return {"added": sorted(new - old), "removed": sorted(old - new)}


def _created(config: ImageConfig) -> str:
    return config.created_at.strftime("%Y-%m-%dT%H:%M:%SZ") if config.created_at else ""
