"""What differs between two images, as it is told: masked, cut, without manifests and configs.

`audit/diff` makes these values, the ledger stores them, rules and pages read them. A pair is (old,
new). Every default means "nothing differs" or "not known"; which of them, the field says.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tagwatch.image.digest import Digest
from tagwatch.value import dataclass, field

__all__ = [
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

# the ledger's codec looks names up, and compiles whatever is more than a name
Texts = tuple[str, ...]
Pair = tuple[str, str]
WordsPair = tuple[Texts, Texts]
TextOf = Mapping[str, str]
PairOf = Mapping[str, Pair]


class Verdict(StrEnum):
    """How a tag came from one digest to another."""

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
    """A version and where it stands: `env PYTHON_VERSION`, `label org.opencontainers…`."""

    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two images, and its part that the diff is told by."""

    reference: str = ""
    index: Digest | None = None
    """None: it is a single manifest, or was not read."""
    manifest: Digest | None = None
    platform: str | None = None
    """None, as `manifest` is: the images have no platform in common."""
    version: StatedVersion | None = None
    seen: Pair | None = None
    """The first and the last day (`2026-03-01`) on which the reference served it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEntry:
    """A layer at `position`; 0 is the bottom."""

    position: int
    old_position: int | None = None
    """Where it lay before; None for a layer that did not move."""
    diff_id: Digest | None = None
    digest: Digest | None = None
    size: int | None = None
    """Stored bytes; None: not known."""
    created_by: str = ""
    """Its build step; "" where no history tells it."""


Layers = tuple[LayerEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recompressed:
    """A layer of both images that each stores as other bytes; types as `tar+gzip`."""

    diff_id: Digest | None
    digests: Pair
    types: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDiff:
    """Layers by where they are; those in both images are told by the new one."""

    shared: Layers = ()
    """The common bottom."""
    moved: Layers = ()
    """The same layer over another one, or elsewhere."""
    removed: Layers = ()
    added: Layers = ()
    recompressed: tuple[Recompressed, ...] = ()
    """Of those shared and moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeDiff:
    """Stored bytes of all layers, and by how many bytes the config grew."""

    old: int
    new: int
    config_delta: int

    @property
    def delta(self) -> int:
        """How many bytes were added."""
        return self.new - self.old

    @property
    def percent(self) -> float | None:
        """The same in percent; None where there was nothing before."""
        return round(100 * self.delta / self.old, 1) if self.old else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapDiff:
    """Names with values: only in the new, only in the old, and the pair where both differ."""

    added: TextOf = field(default_factory=dict)
    removed: TextOf = field(default_factory=dict)
    changed: PairOf = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Every name that differs."""
        return frozenset((*self.added, *self.removed, *self.changed))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDiff:
    """What is only in the new, and only in the old; sorted."""

    added: Texts = ()
    removed: Texts = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDiff:
    """What a container would run as. Of single values both are given, be they the same."""

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
    """The new image's."""
    os_version: Pair = ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDiff:
    """Build steps that both have, and those that only one has: in order, the first 500."""

    same: int = 0
    removed: Texts = ()
    added: Texts = ()
    removed_in_all: int = 0
    added_in_all: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChange:
    """A package (package URL without version) and its versions, joined where there are several."""

    purl: str
    old: str | None = None
    new: str | None = None


PackageChanges = tuple[PackageChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageDiff:
    """Packages that the SBOMs of two images list. `source`: `spdx-attestation` …"""

    source: str
    added: PackageChanges = ()
    removed: PackageChanges = ()
    changed: PackageChanges = ()
    same: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformDiff:
    """One platform that both images have."""

    platform: str = ""
    verdict: Verdict | None = None
    """None: it was not judged by itself. What the whole is told by has the change's verdict."""
    layers: LayerDiff = field(default_factory=LayerDiff)
    size: SizeDiff | None = None
    """None: a manifest was not read, or lists no stored layers."""
    config: ConfigDiff | None = None
    """None: a config was not read."""
    steps: StepDiff = field(default_factory=StepDiff)
    os_release: Pair = ("", "")
    """`debian bookworm`; "" where an image does not tell it."""
    attestations: WordsPair = ((), ())
    """Their kinds, sorted."""
    packages: PackageDiff | None = None
    """None: they could not be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lagging:
    """A platform behind the newest of its index. `version` None: it did not move with others."""

    platform: str
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that could not be compared, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDiff:
    """Two images."""

    old: Side = field(default_factory=Side)
    new: Side = field(default_factory=Side)
    platforms: tuple[PlatformDiff, ...] = ()
    """The platform that the whole is told by, then the others that differ."""
    added: Texts = ()
    """Platforms that only the new image has."""
    dropped: Texts = ()
    common: int = 0
    """How many platforms both have."""
    lagging: tuple[Lagging, ...] = ()
    not_compared: tuple[Gap, ...] = ()

    @property
    def primary(self) -> PlatformDiff | None:
        """The platform that the whole is told by; None where the images share no platform."""
        return self.platforms[0] if self.platforms else None
