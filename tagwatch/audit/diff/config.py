"""Image configs side by side: how a container would run, before and after."""

from __future__ import annotations

from collections.abc import Mapping

from tagwatch.audit.model.diff import MapDiff
from tagwatch.image.image_config import ImageConfig
from tagwatch.value import dataclass

__all__ = ["ConfigComparison", "compare_configs"]

RUN_FIELDS = (
    "user",
    "entrypoint",
    "cmd",
    "working_dir",
    "stop_signal",
    "healthcheck",
    "exposed_ports",
    "volumes",
    "shell",
    "onbuild",
)
"""What decides how a container runs, beside its environment."""

VOLATILE_LABELS = frozenset(
    {"org.opencontainers.image.created", "org.opencontainers.image.revision"}
)
"""Labels that only tell when, and from which commit, an image was built: each build has others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigComparison:
    """Two configs and where they differ."""

    old: ImageConfig
    new: ImageConfig
    env: MapDiff
    labels: MapDiff

    @property
    def changed(self) -> tuple[str, ...]:
        """The fields that decide how a container runs and differ: `user`, `env`, `volumes` …"""
        names = [name for name in RUN_FIELDS if getattr(self.old, name) != getattr(self.new, name)]
        return (*names, *(("env",) if self.env.names else ()))

    @property
    def changed_labels(self) -> frozenset[str]:
        """Labels that differ, except `VOLATILE_LABELS`."""
        return self.labels.names - VOLATILE_LABELS


def compare_configs(old: ImageConfig, new: ImageConfig) -> ConfigComparison:
    """Compare two configs."""
    return ConfigComparison(
        old=old,
        new=new,
        env=_compare_maps(old.env, new.env),
        labels=_compare_maps(old.labels, new.labels),
    )


def _compare_maps(old: Mapping[str, str], new: Mapping[str, str]) -> MapDiff:
    return MapDiff(
        added={key: new[key] for key in sorted(new.keys() - old.keys())},
        removed={key: old[key] for key in sorted(old.keys() - new.keys())},
        changed={
            key: (old[key], new[key])
            for key in sorted(old.keys() & new.keys())
            if old[key] != new[key]
        },
    )
