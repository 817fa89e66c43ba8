"""The policy as a value, and its decisions: whether an image may be used, how severe a rule is.

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
from tagwatch.image.platform import EVERY_PLATFORM, LINUX_AMD64, Platform
from tagwatch.image.reference import DOCKER_HUB, Reference, Repository
from tagwatch.source.target import Location
from tagwatch.value import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
else:
    Any = object  # for whoever evaluates the annotations of fields at run time

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
    """A pattern that is refused, even where another one allows it."""

    match: str
    reason: str = ""
    place: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A verdict whether something is allowed, and the pattern and place in the policy behind it."""

    allowed: bool
    pattern: str = ""
    reason: str = ""
    place: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessList:
    """Patterns that allow and deny."""

    allow: tuple[str, ...] = ()
    """Where it is empty, everything that is not denied is allowed."""
    deny: tuple[Denied, ...] = ()
    place: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedBase:
    """A base that images may be built on: a repository, its tags, and how old a build may be."""

    reference: str
    """A repository's name, or `scratch`."""
    tags: tuple[str, ...] = ()
    """Where it is empty, every tag is approved."""
    allow_versions: str = ""
    max_behind: int | None = None
    """How many builds an image may be behind the current one."""
    immutable: bool = False
    """True where the tags of this base must never be pushed again."""
    place: Location | None = None

    def names(self, reference: Reference) -> bool:
        """Return True where `reference` names this base by repository and tag.

        Its layers are not looked at.
        """
        if self.reference == SCRATCH or not match_image(self.reference, reference.repository):
            return False
        tag = reference.effective_tag
        return not self.tags or (tag is not None and match_tag(self.tags, tag))


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Settings that hold where a rule or base gives no other."""

    registry: str = DOCKER_HUB
    """The registry of a name that gives none."""
    platforms: tuple[Platform, ...] = ()
    """The platforms that every image must offer. Where it is empty, none is required."""
    audited_alone: tuple[Platform, ...] = ()
    """The platforms that the policy names as audited. Where it is empty, it names none."""
    host_os: str = "linux"
    """`linux`, `windows` or `any`."""
    cooldown: timedelta = timedelta(days=3)
    asks_cooldown: bool = False
    """True where the policy itself says `cooldown`: then it is meant for every tag."""
    stale_grace: timedelta = timedelta(days=7)

    @property
    def audited(self) -> tuple[Platform, ...]:
        """The platforms whose images are read and judged.

        What the policy says; else those that every image must offer; else linux/amd64.
        """
        return self.audited_alone or self.platforms or (LINUX_AMD64,)

    @property
    def compared(self) -> tuple[Platform, ...]:
        """The platforms whose moves are compared: all, unless the policy says which are audited.

        One that moved while another of its index did not is compared whatever is said here.
        """
        return self.audited_alone or (EVERY_PLATFORM,)

    @property
    def leading(self) -> Platform:
        """The platform that is shown first of those that are compared."""
        return LINUX_AMD64 if EVERY_PLATFORM in self.audited else self.audited[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """Settings that the policy gives for one rule."""

    severity: Severity | None = None
    """None leaves the rule's own severity."""
    options: Mapping[str, Any] = field(default_factory=dict)
    places: tuple[Location, ...] = ()

    def under(self, other: RuleSettings) -> RuleSettings:
        """Return these settings, overridden by those that `other` gives."""
        return RuleSettings(
            severity=self.severity if other.severity is None else other.severity,
            options={**self.options, **other.options},
            places=self.places + other.places,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Rule settings for some files or images.

    Where both `paths` and `images` are given, both must match.
    """

    rules: Mapping[str, RuleSettings]
    paths: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    place: Location | None = None

    def applies(self, path: str, reference: Reference | None) -> bool:
        """Return True where every kind of pattern that is given matches this path and image."""
        if self.paths and not any(match_path(glob, path) for glob in self.paths):
            return False
        return not self.images or (
            reference is not None and any(match_image(glob, reference) for glob in self.images)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyIgnore:
    """An exemption in the policy: which findings it takes out, why, until when, and who owns it."""

    rule: str
    reason: str
    image: str = ""
    path: str = ""
    expires: date | None = None
    """The last day on which it holds."""
    permanent: bool = False
    owner: str = ""
    place: Location | None = None

    def names(self, path: str, reference: Reference | None) -> bool:
        """Return True where the patterns for image and path, as far as given, match these."""
        if self.path and not match_path(self.path, path):
            return False
        return not self.image or (reference is not None and match_image(self.image, reference))


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnorePolicy:
    """The conditions that an ignore must meet to count."""

    max_days: int | None = None
    allow_inline: bool = True
    allow_permanent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The decisions of a team. The default allows everything and keeps each rule's severity."""

    name: str = "built-in"
    digest: str = ""
    fail_on: Severity | None = Severity.ERROR
    """The lowest severity that fails a run; None where findings never do."""
    on_unavailable: str = "warn"
    """What an incomplete check leads to: `fail`, `warn` or `pass`."""
    defaults: Defaults = field(default_factory=Defaults)
    registries: AccessList = field(default_factory=AccessList)
    repositories: AccessList = field(default_factory=AccessList)
    bases: tuple[ApprovedBase, ...] = ()
    accept_claims: bool = False
    """True where a claim alone may name the base, without layers that show it."""
    immutable: tuple[str, ...] = ()
    """Regular expressions of tags that must not move."""
    rules: Mapping[str, RuleSettings] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    ignores: tuple[PolicyIgnore, ...] = ()
    ignore_policy: IgnorePolicy = field(default_factory=IgnorePolicy)
    plugins: Mapping[str, str] = field(default_factory=dict)
    """Rules of third parties that the policy names: name -> `module:attribute`, as in
    `family.RULES`.
    """

    def settings(self, rule: str, path: str, reference: Reference | None) -> RuleSettings:
        """Return the settings of `rule` for this file and image: `rules`, then the overrides."""
        settings = self.rules.get(rule, _UNSAID)
        for override in self.overrides:
            if rule in override.rules and override.applies(path, reference):
                settings = settings.under(override.rules[rule])
        return settings

    def registry_decision(self, repository: Repository) -> Decision:
        """Decide whether images may come from this registry."""
        return _decide(self.registries, repository, match_registry)

    def repository_decision(self, repository: Repository) -> Decision:
        """Decide whether images of this repository may be used.

        `arm64v8/redis` is allowed where `library/redis` is: it is the same official image. A
        pattern that denies `arm64v8/redis` itself still holds.
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
        """Return the first approved base that `reference` names, in the policy's order, or None."""
        return next((base for base in self.bases if base.names(reference)), None)

    def base_place(self, name: str) -> int | None:
        """Return the index of the approved base that `name` names, or None where it names none."""
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
        """Return True where an image may be built on nothing (`FROM scratch`)."""
        return any(base.reference == SCRATCH for base in self.bases)

    def is_immutable(self, reference: Reference) -> bool:
        """Return True where the policy says that this tag must never serve another digest.

        The expressions in `immutable` do not apply to official images, because those are rebuilt
        under their tags. An approved base that is marked immutable may still be one.
        """
        tag = reference.effective_tag
        if tag is None:
            return False
        base = self.base_named(reference)
        if base is not None and base.immutable:
            return True
        official = reference.repository.name.startswith(f"{DOCKER_HUB}/library/")
        return not official and any(_regex(text).search(tag) for text in self.immutable)


def is_official_namespace(owner: str) -> bool:
    """Return True for Docker Hub's namespaces that hold official images of one architecture."""
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
