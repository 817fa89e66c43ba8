"""The policy as a value, and what it decides: may this image be used, how bad is this rule here.

Precedence of rule settings: built-in < `rules` < `overrides` in order < ignores.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.glob import match_image, match_path, match_registry, match_tag
from tagwatch.errors import InvalidReferenceError
from tagwatch.image.platform import LINUX_AMD64, Platform
from tagwatch.image.reference import DOCKER_HUB, Reference, Repository
from tagwatch.source.target import Location
from tagwatch.value import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
else:
    Any = object  # of fields, at run time

__all__ = [
    "SCRATCH",
    "AccessList",
    "ApprovedBase",
    "Decision",
    "Defaults",
    "Denied",
    "IgnorePolicy",
    "Override",
    "Policy",
    "PolicyIgnore",
    "RuleSettings",
    "is_official_namespace",
]

SCRATCH = "scratch"

# Docker Hub publishes the official images of one architecture in a namespace of its own.
_OFFICIAL_NAMESPACES = frozenset(
    {"amd64", "arm32v5", "arm32v6", "arm32v7", "arm64v8", "i386", "mips64le", "ppc64le"}
    | {"riscv64", "s390x", "winamd64"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A pattern that is refused, whatever else allows it."""

    match: str
    reason: str = ""
    place: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether something is allowed, and the pattern and place in the policy that says so."""

    allowed: bool
    pattern: str = ""
    reason: str = ""
    place: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessList:
    """Patterns that allow and deny. Without `allow`, everything not denied is allowed."""

    allow: tuple[str, ...] = ()
    deny: tuple[Denied, ...] = ()
    place: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedBase:
    """An approved base: a repository, which of its tags, and how far behind it may be.

    `reference` is a repository's name, or `scratch`. No `tags`: every tag. `max_behind` counts
    builds. `immutable`: its tags must never be pushed again.
    """

    reference: str
    tags: tuple[str, ...] = ()
    allow_versions: str = ""
    max_behind: int | None = None
    immutable: bool = False
    place: Location | None = None

    def names(self, reference: Reference) -> bool:
        """True where `reference` is this base by repository and tag, whatever its layers say."""
        if self.reference == SCRATCH or not match_image(self.reference, reference.repository):
            return False
        tag = reference.effective_tag
        return not self.tags or (tag is not None and match_tag(self.tags, tag))


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds where a rule or base says nothing else.

    `registry`: what a name without one means. `platforms`: those every image must offer; none
    given, none is required, and linux/amd64 is audited. `host_os`: linux, windows or any.
    """

    registry: str = DOCKER_HUB
    platforms: tuple[Platform, ...] = ()
    host_os: str = "linux"
    cooldown: timedelta = timedelta(days=3)
    stale_grace: timedelta = timedelta(days=7)

    @property
    def audited(self) -> tuple[Platform, ...]:
        """The platforms whose manifests and configs are read."""
        return self.platforms or (LINUX_AMD64,)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """What the policy says of one rule; `severity` None leaves the rule's own."""

    severity: Severity | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    places: tuple[Location, ...] = ()

    def under(self, other: RuleSettings) -> RuleSettings:
        """These settings with `other`'s laid over them."""
        return RuleSettings(
            severity=self.severity if other.severity is None else other.severity,
            options={**self.options, **other.options},
            places=self.places + other.places,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Rule settings for some files or images; each kind of key that is given must match."""

    rules: Mapping[str, RuleSettings]
    paths: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    place: Location | None = None

    def applies(self, path: str, reference: Reference | None) -> bool:
        """True where every kind of pattern given names this place."""
        if self.paths and not any(match_path(glob, path) for glob in self.paths):
            return False
        return not self.images or (
            reference is not None and any(match_image(glob, reference) for glob in self.images)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyIgnore:
    """An exception in the policy: which finding, why, until when (that day included), whose."""

    rule: str
    reason: str
    image: str = ""
    path: str = ""
    expires: date | None = None
    permanent: bool = False
    owner: str = ""
    place: Location | None = None

    def names(self, path: str, reference: Reference | None) -> bool:
        """True where the image and path given name this place."""
        if self.path and not match_path(self.path, path):
            return False
        return not self.image or (reference is not None and match_image(self.image, reference))


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnorePolicy:
    """What an ignore must be like to count."""

    max_days: int | None = None
    allow_inline: bool = True
    allow_permanent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a team has decided. The default allows everything and rates by the rules' own word.

    `fail_on` None: findings never fail a run. `immutable`: regular expressions of tags that must
    not move. `plugins`: third-party rules the policy names, like a line of `family.RULES`.
    """

    name: str = "built-in"
    digest: str = ""
    fail_on: Severity | None = Severity.ERROR
    on_unavailable: str = "warn"
    defaults: Defaults = field(default_factory=Defaults)
    registries: AccessList = field(default_factory=AccessList)
    repositories: AccessList = field(default_factory=AccessList)
    bases: tuple[ApprovedBase, ...] = ()
    accept_claims: bool = False
    immutable: tuple[str, ...] = ()
    rules: Mapping[str, RuleSettings] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    ignores: tuple[PolicyIgnore, ...] = ()
    ignore_policy: IgnorePolicy = field(default_factory=IgnorePolicy)
    plugins: Mapping[str, str] = field(default_factory=dict)

    def settings(self, rule: str, path: str, reference: Reference | None) -> RuleSettings:
        """What the policy says of `rule` for this file and image: `rules`, then the overrides."""
        settings = self.rules.get(rule, _UNSAID)
        for override in self.overrides:
            if rule in override.rules and override.applies(path, reference):
                settings = settings.under(override.rules[rule])
        return settings

    def registry_decision(self, repository: Repository) -> Decision:
        """Whether images may come from this registry."""
        return _decide(self.registries, repository, match_registry)

    def repository_decision(self, repository: Repository) -> Decision:
        """Whether images of this repository may be used.

        `arm64v8/redis` is allowed where `library/redis` is: it is the same official image.
        """
        decision = _decide(self.repositories, repository, match_image)
        namespace, _, name = repository.path.partition("/")
        if (
            not decision.allowed
            and not decision.pattern
            and repository.registry == DOCKER_HUB
            and is_official_namespace(namespace)
        ):
            official = Repository(registry=DOCKER_HUB, path=f"library/{name}")
            return _decide(self.repositories, official, match_image)
        return decision

    def base_named(self, reference: Reference) -> ApprovedBase | None:
        """The approved base that `reference` is by name, in the policy's order."""
        return next((base for base in self.bases if base.names(reference)), None)

    def base_place(self, name: str) -> int | None:
        """The place among the approved bases of a reference's text; None: it is none of them."""
        try:
            base = self.base_named(Reference.parse(name))
        except InvalidReferenceError:
            return None
        return self.bases.index(base) if base is not None else None

    @property
    def followed_bases(self) -> tuple[ApprovedBase, ...]:
        """The approved bases that a registry serves."""
        return tuple(base for base in self.bases if base.reference != SCRATCH)

    @property
    def approves_scratch(self) -> bool:
        """True where an image may stand on nothing."""
        return any(base.reference == SCRATCH for base in self.bases)

    def is_immutable(self, reference: Reference) -> bool:
        """True where the policy says that this tag must never serve another digest."""
        tag = reference.effective_tag
        if tag is None:
            return False
        base = self.base_named(reference)
        if base is not None and base.immutable:
            return True
        official = reference.repository.name.startswith(f"{DOCKER_HUB}/library/")
        return not official and any(_regex(text).search(tag) for text in self.immutable)


def is_official_namespace(owner: str) -> bool:
    """True for Docker Hub's namespaces that hold official images of one architecture."""
    return owner in _OFFICIAL_NAMESPACES


_UNSAID = RuleSettings()


@lru_cache(maxsize=256)
def _regex(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _decide(
    access: AccessList, repository: Repository, match: Callable[[str, Repository], bool]
) -> Decision:
    for denied in access.deny:
        if match(denied.match, repository):
            return Decision(
                allowed=False, pattern=denied.match, reason=denied.reason, place=denied.place
            )
    if not access.allow:
        return Decision(allowed=True)
    for pattern in access.allow:
        if match(pattern, repository):
            return Decision(allowed=True, pattern=pattern, place=access.place)
    return Decision(allowed=False, place=access.place)
