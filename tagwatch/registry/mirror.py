"""Mirrors and rewritten locations of containers-registries.conf(5).

A mirror may be behind its origin, and what a tag serves is our question: tags are always asked at
the origin, mirrors only for bytes whose digest is known.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from tagwatch.errors import ConfigError, DeniedError, RegistryError
from tagwatch.image.digest import Digest, is_digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, Quota, TagObservation
from tagwatch.registry.interface import (
    Crew,
    Crewed,
    Listing,
    Past,
    PullRoom,
    Registry,
    Relisting,
)
from tagwatch.value import dataclass

__all__ = [
    "RoutedRegistry",
    "Rule",
    "insecure_hosts",
    "read_registries_conf",
    "routed_hosts",
    "rules_of",
]

T = TypeVar("T")
log = logging.getLogger(__name__)

# Most files only hold aliases of short names, hundreds of them: not worth a TOML parser's time.
_HAS_RULES = re.compile(r"^\s*(\[\[\s*registry|registry\s*=)", re.MULTILINE)


class Mirror(msgspec.Struct, frozen=True, rename={"pull": "pull-from-mirror"}):
    """One `[[registry.mirror]]`: where copies may be read."""

    location: str
    insecure: bool = False
    pull: str = "all"


class Rule(msgspec.Struct, frozen=True, rename={"mirrors": "mirror"}):
    """One `[[registry]]`. An empty `prefix` means the location, an empty location the prefix."""

    prefix: str = ""
    location: str = ""
    insecure: bool = False
    blocked: bool = False
    mirrors: tuple[Mirror, ...] = ()

    @property
    def scope(self) -> str:
        """The names this rule is for: a host, a host and path, or `*.example.com`."""
        return self.prefix or self.location

    def covers(self, name: str) -> bool:
        """True where the whole name of a repository stands under this rule."""
        host = name.partition("/")[0]
        if self.scope.startswith("*."):
            return host.endswith(self.scope[1:])
        return name == self.scope or name.startswith(f"{self.scope}/")

    def locate(self, repository: Repository, location: str) -> Repository:
        """Where `repository` is at a location that replaces the rule's prefix."""
        if self.scope.startswith("*."):
            rest = f"/{repository.path}" if location else repository.name
        else:
            rest = repository.name.removeprefix(self.scope) if location else repository.name
        host, _, path = (location + rest).partition("/")
        return Repository(registry=host, path=path)


class _Document(msgspec.Struct):
    registry: tuple[Rule, ...] = ()


def read_registries_conf(
    environment: Mapping[str, str], home: Path, etc: Path = Path("/etc")
) -> tuple[Rule, ...]:
    """The rules of the files that podman would read, the longest prefix first.

    Raises `ConfigError` for a file that is no valid registries.conf.
    """
    rules: dict[str, Rule] = {}
    for path in _files(environment, home, etc):
        try:
            text = path.read_text("utf-8")
            if not _HAS_RULES.search(text):
                continue
            document = msgspec.toml.decode(text, type=_Document)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise ConfigError(
                f"{path}: not a valid registries.conf: {str(error)[:120]}",
                hint="podman reads the same file; see containers-registries.conf(5)",
            ) from error
        rules.update((rule.scope, rule) for rule in document.registry if rule.scope)
    return tuple(sorted(rules.values(), key=lambda rule: (-len(rule.scope), rule.scope)))


def _files(environment: Mapping[str, str], home: Path, etc: Path) -> Iterator[Path]:
    """Files in the order they are read; later ones replace rules of earlier ones."""
    user = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "containers"
    system = etc / "containers"
    named = environment.get("CONTAINERS_REGISTRIES_CONF")
    if named:
        yield Path(named)
        return
    main = user / "registries.conf"
    yield main if main.exists() else system / "registries.conf"
    for folder in (system, user):
        yield from sorted((folder / "registries.conf.d").glob("*.conf"))


def rules_of(rules: tuple[Rule, ...], host: str) -> tuple[Rule, ...]:
    """The rules that some repository of `host` may stand under."""

    def concerns(rule: Rule) -> bool:
        scope = rule.scope.partition("/")[0]
        return host.endswith(scope[1:]) if scope.startswith("*.") else scope == host

    return tuple(rule for rule in rules if concerns(rule))


def routed_hosts(rules: tuple[Rule, ...]) -> frozenset[str]:
    """Hosts that the files name, as registries, other locations or mirrors."""
    found = {place for rule in rules for place in (rule.scope, rule.location)}
    found |= {mirror.location for rule in rules for mirror in rule.mirrors}
    return frozenset(place.partition("/")[0] for place in found)


def insecure_hosts(rules: tuple[Rule, ...]) -> frozenset[str]:
    """Hosts that the files allow to be spoken to without verified TLS."""
    found = {(rule.location or rule.scope) for rule in rules if rule.insecure}
    found |= {mirror.location for rule in rules for mirror in rule.mirrors if mirror.insecure}
    return frozenset(place.partition("/")[0] for place in found)


@dataclass(slots=True)
class RoutedRegistry:
    """A registry some of whose repositories stand elsewhere, or have mirrors."""

    origin: Registry
    rules: tuple[Rule, ...]
    of: Callable[[str], Registry]

    @property
    def has_catalogue(self) -> bool:
        """See `Registry.has_catalogue`: only where no repository is read elsewhere."""
        return self.origin.has_catalogue and not any(rule.location for rule in self.rules)

    @property
    def requests(self) -> Mapping[str, int]:
        """See `Registry.requests`: with those to mirrors and rewritten locations."""
        total: Counter[str] = Counter()
        for registry in {id(registry): registry for registry in self._all()}.values():
            total.update(registry.requests)
        return total

    @property
    def pulls_are_free(self) -> bool:
        """See `FreePulls`. A mirror may pull from where they are counted."""
        return False

    @property
    def crew(self) -> Crew | None:
        """See `Crewed`: that of the host which is named, whoever answers for it."""
        return self.origin.crew if isinstance(self.origin, Crewed) else None

    @property
    def may_refuse_room(self) -> bool:
        """See `PullRoom`: True where any that may be asked counts pulls."""
        return any(one.may_refuse_room for one in self._all() if isinstance(one, PullRoom))

    def has_ample_room(self, pulls: float) -> bool | None:
        """See `PullRoom`: what one of them has not, another may."""
        rooms = (one for one in self._all() if isinstance(one, PullRoom) and one.may_refuse_room)
        said = {one.has_ample_room(pulls) for one in rooms}
        return False if False in said else None if None in said else True

    def room_for_image(self, pulls: int) -> AbstractAsyncContextManager[None]:
        """See `PullRoom`. What mirrors have costs the origin nothing: it is not asked for room."""
        if isinstance(self.origin, PullRoom) and not any(rule.mirrors for rule in self.rules):
            return self.origin.room_for_image(pulls)
        return nullcontext()

    @property
    def quota(self) -> Quota | None:
        """See `Registry.quota`."""
        return self.origin.quota

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None = None,
        known: Mapping[str, Digest] | None = None,
        at: datetime,
    ) -> Listing:
        """See `Registry.list_tags`."""
        registry, place = self._origin(repository)
        return await registry.list_tags(place, watermark=watermark, known=known, at=at)

    async def list_again(self, repository: Repository, past: Past, *, at: datetime) -> Listing:
        """See `Relisting.list_again`."""
        registry, place = self._origin(repository)
        if isinstance(registry, Relisting):
            return await registry.list_again(place, past, at=at)
        mark = None if past.sweep else past.watermark
        return await registry.list_tags(place, watermark=mark, known=past.known, at=at)

    async def head(self, repository: Repository, tag_or_digest: str) -> TagObservation | None:
        """See `Registry.head`."""
        registry, place = self._origin(repository)
        return await registry.head(place, tag_or_digest)

    async def manifest(self, repository: Repository, tag_or_digest: str) -> Document:
        """See `Registry.manifest`."""
        if not is_digest(tag_or_digest):
            registry, place = self._origin(repository)
            return await registry.manifest(place, tag_or_digest)
        return await self._any(repository, lambda r, place: r.manifest(place, tag_or_digest))

    async def blob(self, repository: Repository, digest: Digest, size: int) -> Document:
        """See `Registry.blob`."""
        return await self._any(repository, lambda r, place: r.blob(place, digest, size))

    async def referrers(self, repository: Repository, digest: Digest) -> Document | None:
        """See `Registry.referrers`."""
        registry, place = self._origin(repository)
        return await registry.referrers(place, digest)

    async def list_repositories(self, prefix: str) -> Collection[Repository]:
        """See `Registry.list_repositories`."""
        return await self.origin.list_repositories(prefix)

    async def history(
        self, repository: Repository
    ) -> Collection[tuple[TagObservation, datetime | None]]:
        """See `Registry.history`."""
        registry, place = self._origin(repository)
        return await registry.history(place)

    def _rule(self, repository: Repository) -> Rule | None:
        return next((rule for rule in self.rules if rule.covers(repository.name)), None)

    def _origin(self, repository: Repository) -> tuple[Registry, Repository]:
        rule = self._rule(repository)
        if rule is None:
            return self.origin, repository
        if rule.blocked:
            raise DeniedError(
                f"{repository.name!r} is blocked by a registries.conf",
                hint=f"its rule for {rule.scope!r} says `blocked = true`",
            )
        place = rule.locate(repository, rule.location)
        same = place.registry == repository.registry
        return (self.origin if same else self.of(place.registry)), place

    async def _any(
        self, repository: Repository, read: Callable[[Registry, Repository], Awaitable[T]]
    ) -> T:
        """The first answer of the mirrors, then of the origin, whose failure is the one told."""
        registry, place = self._origin(repository)
        rule = self._rule(repository)
        for mirror in rule.mirrors if rule is not None else ():
            if mirror.pull == "tag-only":
                continue
            copy = rule.locate(repository, mirror.location) if rule else repository
            try:
                return await read(self.of(copy.registry), copy)
            except RegistryError as error:
                # A mirror need not have everything: the origin decides.
                log.info("mirror passed over: %s", error.message)
        return await read(registry, place)

    def _all(self) -> Iterator[Registry]:
        yield self.origin
        for rule in self.rules:
            for location in (rule.location, *(mirror.location for mirror in rule.mirrors)):
                if location:
                    yield self.of(location.partition("/")[0])
