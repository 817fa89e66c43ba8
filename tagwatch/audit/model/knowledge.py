"""Facts that no registry tells: when releases end, and which names are official images."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.value import dataclass, field

__all__ = ["Cycle", "Knowledge", "Product"]

_NUMBER = re.compile(r"\d+")
_SUFFIX = re.compile(r"[-+].*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """A release line of a product, such as `3.12`, and the day its free support ends.

    `ends` None: no end is announced, or, where it `is_over`, the day is not known.
    """

    name: str
    ends: date | None = None
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product that people run as an image, and its release lines.

    `codenames`: release lines by the word that stands for them (`bookworm` is `12`).
    """

    name: str
    cycles: tuple[Cycle, ...]
    codenames: Mapping[str, str] = field(default_factory=dict)

    def cycle_of(self, version: str) -> Cycle | None:
        """The release line that `version` belongs to: the longest whose numbers it begins with."""
        numbers = _numbers(self.codenames.get(version, version))
        best: Cycle | None = None
        for cycle in self.cycles:
            prefix = _numbers(cycle.name)
            if numbers[: len(prefix)] == prefix and (
                best is None or len(prefix) > len(_numbers(best.name))
            ):
                best = cycle
        return best

    def cycle_after(self, version: str) -> Cycle | None:
        """The first release line that is known, where `version` is of one before it: else None.

        Facts leave out what ended long ago. Only lines that count as `version` does are compared.
        """
        from tagwatch.image.tag import Scheme, parse_tag  # few checks come here

        scheme, numbers = parse_tag(version).scheme, _numbers(version)
        alike = [cycle for cycle in self.cycles if parse_tag(cycle.name).scheme is scheme]
        if scheme is Scheme.NONE or not alike:
            return None
        first = min(alike, key=lambda cycle: _numbers(cycle.name))
        length = len(numbers)
        return first if numbers < _numbers(first.name)[:length] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Bundled facts, with the day they were true. Empty: nothing is known, nothing is said.

    `images` maps a repository's whole name to a product; `official` holds the paths' last parts.
    """

    as_of: date | None = None
    products: Mapping[str, Product] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    official: frozenset[str] = frozenset()

    def product_of(self, repository: Repository) -> Product | None:
        """The product that the repository's images run."""
        name = self.images.get(repository.name)
        return self.products.get(name) if name is not None else None

    def is_official(self, repository: Repository) -> bool:
        """True for an official image of Docker Hub."""
        namespace, _, name = repository.path.partition("/")
        return (
            repository.registry == DOCKER_HUB and namespace == "library" and name in self.official
        )


@lru_cache(maxsize=4096)
def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(text) for text in _NUMBER.findall(_SUFFIX.sub("", version)))
