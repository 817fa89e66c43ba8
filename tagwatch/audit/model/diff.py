"""Differences between two images, as reports show them: masked, cut, without manifests and configs.

`audit/diff` makes these values, the ledger stores them, rules and pages read them. A pair is (old,
new). Every default means either "nothing differs" or "not known"; the field says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tagwatch.image.digest import Digest
from tagwatch.value import dataclass, field

__all__ = [
    "ROOT_USERS",
    "ConfigDiff",
    "Gap",
    "ImageDiff",
    "Lagging",
    "LayerDiff",
    "LayerEntry",
    "MapDiff",
    "PackageChange",
    "PackageDiff",
    "PlatformDiff",
    "Recompressed",
    "SetDiff",
    "Side",
    "SizeDiff",
    "StatedVersion",
    "StepDiff",
    "Verdict",
]

# These names save time at start-up: the ledger's codec looks a name up, but compiles any other
# expression.
Texts = tuple[str, ...]
Pair = tuple[str, str]
WordsPair = tuple[Texts, Texts]
TextOf = Mapping[str, str]
PairOf = Mapping[str, Pair]


ROOT_USERS = frozenset({"", "0", "root", "0:0", "root:root"})
"""How an image's config says that it runs as root."""


class Verdict(StrEnum):
    """The verdict on a change: how a tag came from one digest to another."""

    IDENTICAL = "identical"
    RECOMPRESSED = "recompressed"
    METADATA_ONLY = "metadata-only"
    ATTESTATION_ONLY = "attestation-only"
    PLATFORMS_CHANGED = "platforms-changed"
    REBUILT = "rebuilt"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    REPLACED = "replaced"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedVersion:
    """A version, and what states it."""

    value: str
    source: str
    """`env PYTHON_VERSION`, `label org.opencontainers…`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two images, and the platform of it that represents the whole diff."""

    reference: str = ""
    index: Digest | None = None
    """None where the image is a single manifest or was not read."""
    manifest: Digest | None = None
    platform: str | None = None
    """None, like `manifest`, where the images have no platform in common."""
    version: StatedVersion | None = None
    seen: Pair | None = None
    """The first and the last day (`2026-03-01`) on which the reference served it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEntry:
    """A layer of an image."""

    position: int
    """Counted from the bottom, which is 0."""
    old_position: int | None = None
    """The position in the old image; None for a layer that did not move."""
    diff_id: Digest | None = None
    digest: Digest | None = None
    size: int | None = None
    """Stored bytes; None where not known."""
    created_by: str = ""
    """Its build step; "" where no history records it."""


Layers = tuple[LayerEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recompressed:
    """A layer that both images have, but store as different bytes."""

    diff_id: Digest | None
    digests: Pair
    types: Pair
    """How each is stored, such as `tar+gzip`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDiff:
    """The layers of two images, grouped. Layers in both are described as in the new image."""

    shared: Layers = ()
    """The common bottom."""
    moved: Layers = ()
    """In both images, but over another layer or at another position."""
    removed: Layers = ()
    added: Layers = ()
    recompressed: tuple[Recompressed, ...] = ()
    """Those of `shared` and `moved` whose stored bytes differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeDiff:
    """The stored bytes of all layers of each image."""

    old: int
    new: int
    config_delta: int
    """By how many bytes the config grew."""

    @property
    def delta(self) -> int:
        """The growth in bytes, negative where the image shrank."""
        return self.new - self.old

    @property
    def percent(self) -> float | None:
        """The growth in percent of the old size; None where the old image stored nothing."""
        return round(100 * self.delta / self.old, 1) if self.old else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapDiff:
    """The differences between two mappings from names to values."""

    added: TextOf = field(default_factory=dict)
    """Names that only the new one has."""
    removed: TextOf = field(default_factory=dict)
    """Names that only the old one has."""
    changed: PairOf = field(default_factory=dict)
    """Names that both have with different values."""

    @property
    def names(self) -> frozenset[str]:
        """All names that differ."""
        return frozenset((*self.added, *self.removed, *self.changed))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDiff:
    """Members that only the new set has, and those that only the old one has; sorted."""

    added: Texts = ()
    removed: Texts = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDiff:
    """The settings that a container runs with. Pairs are filled even where both are equal."""

    user: Pair = ("", "")
    entrypoint: WordsPair = ((), ())
    cmd: WordsPair = ((), ())
    working_dir: Pair = ("", "")
    stop_signal: Pair = ("", "")
    env: MapDiff = field(default_factory=MapDiff)
    exposed_ports: SetDiff = field(default_factory=SetDiff)
    volumes: SetDiff = field(default_factory=SetDiff)
    labels: MapDiff = field(default_factory=MapDiff)
    healthcheck: Pair = ("", "")
    created: Pair = ("", "")
    os: str = ""
    """That of the new image."""
    os_version: Pair = ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDiff:
    """The differences between the build steps of two images."""

    same: int = 0
    """How many steps both have."""
    removed: Texts = ()
    """The first 500 that only the old image has, in order."""
    added: Texts = ()
    """The first 500 that only the new image has, in order."""
    removed_in_all: int = 0
    added_in_all: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChange:
    """A package and its version in each image; several versions are joined."""

    purl: str
    """Its package URL, without version."""
    old: str | None = None
    new: str | None = None


PackageChanges = tuple[PackageChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageDiff:
    """The differences between the packages that the SBOMs of two images list."""

    source: str
    """The kind of SBOM compared, such as `spdx-attestation`."""
    added: PackageChanges = ()
    removed: PackageChanges = ()
    changed: PackageChanges = ()
    same: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformDiff:
    """The differences on one platform that both images have."""

    platform: str = ""
    verdict: Verdict | None = None
    """None where it was not judged by itself; `ImageDiff.primary` has the change's verdict."""
    layers: LayerDiff = field(default_factory=LayerDiff)
    size: SizeDiff | None = None
    """None where a manifest was not read or lists no stored layers."""
    config: ConfigDiff | None = None
    """None where a config was not read."""
    steps: StepDiff = field(default_factory=StepDiff)
    os_release: Pair = ("", "")
    """`debian bookworm`; "" where an image does not state it."""
    attestations: WordsPair = ((), ())
    """Their kinds, sorted."""
    packages: PackageDiff | None = None
    """None where they could not be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lagging:
    """A platform that is behind the newest one of its index."""

    platform: str
    version: str | None = None
    """None where the platform did not move when others did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that could not be compared, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDiff:
    """The differences between two images."""

    old: Side = field(default_factory=Side)
    new: Side = field(default_factory=Side)
    platforms: tuple[PlatformDiff, ...] = ()
    """The platform that represents the whole diff, then the others that differ."""
    added: Texts = ()
    """Platforms that only the new image has."""
    dropped: Texts = ()
    common: int = 0
    """How many platforms both have."""
    alone: Texts = ()
    """Platforms that moved while another of their index did not: how tampering looks."""
    lagging: tuple[Lagging, ...] = ()
    not_compared: tuple[Gap, ...] = ()

    @property
    def primary(self) -> PlatformDiff | None:
        """The platform that represents the whole diff; None where the images share none."""
        return self.platforms[0] if self.platforms else None

    @property
    def is_compared(self) -> bool:
        """False where an image was not read: nothing is known of how the two differ."""
        is_read = self.primary is not None and self.primary.config is not None
        return is_read or not self.not_compared
