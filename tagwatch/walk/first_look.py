"""What a repository names, before anything is configured: for `tagwatch init`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from tagwatch.source.target import Target
from tagwatch.value import dataclass

__all__ = ["FirstLook"]

_OF_REGISTRY = 2
"""Requests before the first one that counts: is it a registry, and a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLook:
    """What is named, and what a first scan of it will cost."""

    references: int
    repositories: Mapping[str, int]
    """How many images are named of each, by name."""
    hosts: Mapping[str, int]
    """How many repositories are named of each registry."""
    unknown: int
    """References with variables whose values are not known: nothing is read of them."""
    requests: int
    """About so many a first scan sends: a list of tags a repository, and of each image a manifest,
    and a manifest and a config of each platform that is audited."""
    pulls: int
    """About so many of them count as pulls where a registry limits these."""

    @property
    def images(self) -> int:
        """How many images are named, each once."""
        return sum(self.repositories.values())

    @classmethod
    def of(cls, targets: Sequence[Target], *, platforms: int) -> FirstLook:
        """Count what these targets name. `platforms`: how many of each image are audited."""
        named = [one for one in targets if one.reference is not None and "built" not in one.facts]
        images = {str(one.reference): one.reference for one in named if one.reference is not None}
        repositories = Counter(one.repository.name for one in images.values())
        homes = {one.repository for one in images.values()}
        hosts = Counter(one.registry for one in homes)
        pulls = len(images) * (1 + platforms)
        return cls(
            references=len(named),
            repositories=repositories,
            hosts=hosts,
            unknown=sum(one.reference is None for one in targets),
            requests=len(hosts) * _OF_REGISTRY + len(homes) + pulls + len(images) * platforms,
            pulls=pulls,
        )
