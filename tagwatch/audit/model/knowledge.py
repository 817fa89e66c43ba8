"""Facts that no registry gives: when releases end, and which names are official images."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.value import dataclass, field

__all__ = ["Cycle", "Knowledge", "Product"]

_NUMBER = re.compile(r"\d+")
_PLAIN = re.compile(r"\d+(?:\.\d+)*", re.ASCII)
_SUFFIX = re.compile(r"[-+].*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """A release line of a product, such as `3.12`."""

    name: str
    ends: date | None = None
    """The day its free support ends.

    None where no end is announced or, where `is_over`, where the day is not known.
    """
    is_over: bool = False
    """True where the support has ended."""
    long_term: date | bool = False
    """True for a line with long-term support, or the day from which it is one."""

    def lives(self, on: date, days: int = 0) -> bool:
        """Return True where its support runs on that day, and `days` days later still."""
        if self.ends is None:
            return not self.is_over
        return (self.ends - on).days >= days

    def is_long_term(self, on: date) -> bool:
        """Return True where it has long-term support on that day."""
        return self.long_term if isinstance(self.long_term, bool) else self.long_term <= on


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product that people run as an image, and its release lines."""

    name: str
    cycles: tuple[Cycle, ...]
    """Its lines, the one that was released last first."""
    codenames: Mapping[str, str] = field(default_factory=dict)
    """Code name -> release line (`bookworm` -> `12`)."""

    def cycle_of(self, version: str) -> Cycle | None:
        """Return the release line that `version` belongs to, or None.

        It is the line with the most numbers among those whose numbers `version` begins with. A line
        that is named by a word (`humble`, `20h2`) has no numbers to compare.
        """
        version = self.codenames.get(version, version)
        numbers = _numbers(version)
        best: Cycle | None = None
        for cycle in self.cycles:
            if cycle.name == version:
                return cycle
            if not _PLAIN.fullmatch(cycle.name):
                continue
            prefix = _numbers(cycle.name)
            if numbers[: len(prefix)] == prefix and (
                best is None or len(prefix) > len(_numbers(best.name))
            ):
                best = cycle
        return best

    def cycle_after(self, version: str) -> Cycle | None:
        """Return the first known release line where `version` comes before it, else None.

        The facts leave out lines that ended long ago. Only lines that count in the same scheme as
        `version` are compared.
        """
        # Imported here because few checks come this far, and a check must start fast.
        from tagwatch.image.tag import Scheme, parse_tag

        scheme, numbers = parse_tag(version).scheme, _numbers(version)
        alike = [cycle for cycle in self.cycles if parse_tag(cycle.name).scheme is scheme]
        if scheme is Scheme.NONE or not alike:
            return None
        first = min(alike, key=lambda cycle: _numbers(cycle.name))
        length = len(numbers)
        return first if numbers < _numbers(first.name)[:length] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """The bundled facts. Where they are empty, no rule says anything from them."""

    as_of: date | None = None
    """The day on which the facts were true."""
    products: Mapping[str, Product] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    """Whole name of a repository -> name of the product that its images run."""
    official: frozenset[str] = frozenset()
    """Names of official images, without registry and namespace (`redis`)."""
    built: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of an official image -> the tags that its publisher builds, shared ones too."""
    built_on: date | None = None
    """The day on which `built` was true."""

    def product_of(self, repository: Repository) -> Product | None:
        """Return the product that the repository's images run, or None where none is known."""
        name = self.images.get(repository.name)
        return self.products.get(name) if name is not None else None

    def built_tags(self, repository: Repository) -> tuple[str, ...]:
        """Return the tags that the publisher of an official image builds; empty: not known."""
        if not self.is_official(repository):
            return ()
        return self.built.get(repository.path.partition("/")[2], ())

    def is_official(self, repository: Repository) -> bool:
        """Return True for an official image of Docker Hub."""
        namespace, _, name = repository.path.partition("/")
        return (
            repository.registry == DOCKER_HUB and namespace == "library" and name in self.official
        )


@lru_cache(maxsize=4096)
def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(text) for text in _NUMBER.findall(_SUFFIX.sub("", version)))
