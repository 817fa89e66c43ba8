"""Versions that the ledger is told of, where it does not know as much: by aliases, by claims."""

from __future__ import annotations

from collections.abc import Mapping

from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.resolution import Resolution
from tagwatch.audit.version.resolve import version_of
from tagwatch.image.tag import says_less

__all__ = ["claimed_version", "named_versions"]


def named_versions(memory: Memory) -> Mapping[str, str]:
    """The concrete version of every tag whose digest is known, by the tags that share it."""
    named = (
        (tag, version_of(tag, memory.table))
        for tag, digest in memory.table.digests.items()
        if digest is not None
    )
    return {tag: version for tag, version in named if version and _is_news(memory, tag, version)}


def claimed_version(memory: Memory, resolution: Resolution) -> Mapping[str, str]:
    """The version that a label or the like states for the tag that was resolved, or nothing."""
    tag = resolution.reference.tag if resolution.reference else None
    version = resolution.version
    is_claim = version is not None and version == resolution.name != resolution.tag
    is_current = tag is not None and memory.table.digests.get(tag) == resolution.digest
    if tag and version and is_claim and is_current and _is_news(memory, tag, version):
        return {tag: version}
    return {}


def _is_news(memory: Memory, tag: str, version: str) -> bool:
    past = memory.intervals.get(tag)
    stored = past[-1].version if past else None
    return version != stored and not (stored and says_less(version, stored))
