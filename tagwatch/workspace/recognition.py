"""Which source reads a file: the first of the family's table that says so."""

from __future__ import annotations

import re
from functools import cache

from tagwatch.family import SOURCES
from tagwatch.member import brought_members, load_member
from tagwatch.source.target import Source

__all__ = ["HEAD_BYTES", "brought_source_for", "is_candidate", "is_dockerfile", "source_for"]
__all__ += ["values_source_for", "walked_source_for"]

HEAD_BYTES = 65536
# Both as text: they are compiled where a YAML file is met. The first is what charts' values hold:
# a repository that is no address, or an image with its tag.
_VALUES = (
    rb"(?m)(?:^|[{,])[ \t]*(?:repository:[ \t]*(?!\S*://)[\"'\w]|image:[ \t]*[\w\"'./-]+[:@]\w)"
)
_OTHER_TOOL = (
    rb"(?m)^(?:- (?:hosts|name)|apiVersion|kind|jobs|pipelines?|steps|stages|pool|trigger|orbs|on"
    rb"|workflow|plays|tasks|variables)[ \t]*:"
)


@cache
def _source(name: str) -> Source:
    source: Source = load_member("sources", name)
    return source


def source_for(path: str, head: bytes) -> tuple[str, Source] | None:
    """The name and module of the source that reads the file; None where none does.

    With an empty `head` only the name is asked. Sources are imported in the table's order, up to
    the one that answers: a Dockerfile loads nothing that YAML needs.
    """
    for name in SOURCES:
        source = _source(name)
        if source.recognizes(path, head):
            return name, source
    return None


def walked_source_for(path: str, head: bytes) -> tuple[str, Source] | None:
    """The same for a file that nobody named: JSON is ours by its name, or as a manifest."""
    if path.endswith(".json") and source_for(path, b"") is None:
        source = _source("kubernetes")
        return ("kubernetes", source) if source.recognizes(path, head) else None
    return source_for(path, head)


def brought_source_for(path: str, head: bytes) -> tuple[str, Source] | None:
    """The same among the sources of other packages, which read what none of ours does."""
    for name in _brought():
        source = _source(name)
        if source.recognizes(path, head):
            return name, source
    return None


def values_source_for(path: str, head: bytes) -> tuple[str, Source] | None:
    """Helm's, for YAML under any name that reads like values; of files that somebody named."""
    source = _source("helm")
    is_values = path.endswith((".yaml", ".yml")) and re.search(_VALUES, head)
    return ("helm", source) if is_values and not re.search(_OTHER_TOOL, head) else None


@cache
def _brought() -> tuple[str, ...]:
    return tuple(brought_members("sources"))


def is_candidate(path: str) -> bool:
    """True for a file of a folder that is worth opening: by its name, or as YAML or JSON."""
    return path.endswith((".yaml", ".yml", ".json")) or source_for(path, b"") is not None


def is_dockerfile(path: str) -> bool:
    """True where the name alone says so."""
    return _source("dockerfile").recognizes(path, b"")
