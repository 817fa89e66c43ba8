"""Facts that no registry gives: when releases end, and which names are official images."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.value import dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.audit.model.evidence import Evidence

__all__ = ["SYSTEM_WORD", "Cycle", "Knowledge", "Product", "parts_of", "with_living_offers"]

SYSTEM_WORD = re.compile(r"(alpine|debian|ubuntu)(\d+(?:\.\d+)*)", re.ASCII)
"""A word of a tag that names a system by its number: `alpine3.20`, `ubuntu22.04`."""

_BY_STEM = {"alpine": "alpine-linux", "debian": "debian", "ubuntu": "ubuntu"}
_BY_CODENAME = ("debian", "ubuntu")
_HEAD = re.compile(r"[vV]?(\d+(?:\.\d+)*)(?=$|[-+_a-z])", re.ASCII)
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

    def highest_beside(self, line: Cycle) -> Cycle:
        """Return the highest line that counts as `line` does; for a word the last released one."""
        if not _PLAIN.fullmatch(line.name):
            return self.cycles[0] if self.cycles else line
        plain = (one for one in self.cycles if _PLAIN.fullmatch(one.name))
        return max(plain, key=lambda one: _numbers(one.name), default=line)

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

    def system_of(self, word: str) -> tuple[Product, Cycle] | None:
        """Return the system and its line that a word of a tag names (`bookworm`, `alpine3.20`)."""
        named = SYSTEM_WORD.fullmatch(word)
        if named:
            product = self.products.get(_BY_STEM[named[1]])
            line = product.cycle_of(named[2]) if product else None
            return (product, line) if product and line else None
        for name in _BY_CODENAME:
            product = self.products.get(name)
            if product is not None and word in product.codenames:
                line = product.cycle_of(word)
                return (product, line) if line else None
        return None

    def is_system_over(self, word: str, on: date) -> bool:
        """Return True for a word of a tag that names a system whose support has ended."""
        found = self.system_of(word)
        return found is not None and not found[1].lives(on)

    def is_over(self, tag: str, product: Product, on: date) -> bool:
        """Return True for a tag whose line is over, or that names a system that is."""
        head, words = parts_of(tag)
        line = product.cycle_of(head)
        if line is not None and not line.lives(on):
            return True
        return any(self.is_system_over(word, on) for word in words)

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


def parts_of(tag: str) -> tuple[str, list[str]]:
    """Return the number or codename that a tag begins with, and the words behind it.

    >>> parts_of("v3.20.1-slim_bookworm"), parts_of("bookworm-slim")
    (('3.20.1', ['slim', 'bookworm']), ('bookworm', ['slim']))
    """
    head = _HEAD.match(tag)
    if head is not None:
        return head[1], [word for word in re.split(r"[-_+]", tag[head.end() :]) if word]
    first, *words = tag.split("-")
    return first.lower(), words


def with_living_offers(evidence: Evidence, knowledge: Knowledge, on: date) -> Evidence:
    """Return the evidence without newer tags whose line or system is over on that day.

    What no facts are known of stays.
    """
    resolution = evidence.resolution
    newer, reference = resolution.newer, resolution.reference
    product = knowledge.product_of(reference.repository) if newer and reference else None
    if product is None:
        return evidence
    offers = {"patch": newer.patch, "minor": newer.minor, "major": newer.major}
    over = {key: None for key, tag in offers.items() if tag and knowledge.is_over(tag, product, on)}
    if not over:
        return evidence
    return replace(evidence, resolution=replace(resolution, newer=replace(newer, **over)))


@lru_cache(maxsize=4096)
def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(text) for text in _NUMBER.findall(_SUFFIX.sub("", version)))
