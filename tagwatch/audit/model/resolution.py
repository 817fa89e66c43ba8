"""Resolution: what a reference really is, and what that rests on."""

from __future__ import annotations

from enum import StrEnum

from tagwatch.image.digest import Digest
from tagwatch.image.reference import Reference
from tagwatch.value import dataclass, field

__all__ = ["Basis", "Newer", "Resolution", "Status"]


class Status(StrEnum):
    """How a resolution ended."""

    RESOLVED = "resolved"
    NO_VERSION = "no-version"
    """The tag exists, but no concrete version can be named."""
    NOT_FOUND = "not-found"
    UNAVAILABLE = "unavailable"
    """It could not be read: nothing is said of whether it exists."""


class Basis(StrEnum):
    """What the concrete version rests on, best evidence first."""

    ALIAS = "alias"
    """A more specific tag (or the tag itself) with the same digest."""
    LABEL = "label"
    ENV = "env"
    ATTESTATION = "attestation"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """Newer tags of the same line: in the same patch series, the same major, and beyond."""

    patch: str | None = None
    minor: str | None = None
    major: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a reference really is.

    `reference` is canonical and concrete; `tag` the concrete tag; `aliases` the tags with the same
    digest, sorted, and `more_aliases` how many there are beside these; `ambiguous` other versions
    the same image carries; `supported` None where
    it is not known whether the publisher still builds it; `basis_detail` names the label or
    variable where the basis is one.
    """

    input: str
    status: Status
    reference: Reference | None = None
    tag: str | None = None
    version: str | None = None
    digest: Digest | None = None
    aliases: tuple[str, ...] = ()
    basis: Basis = Basis.NONE
    basis_detail: str = ""
    newer: Newer = field(default_factory=Newer)
    supported: bool | None = None
    ambiguous: tuple[str, ...] = ()
    note: str = ""
    more_aliases: int = 0

    @property
    def name(self) -> str | None:
        """What the image is called: its concrete tag, or the version that says more than any tag.

        `5.0`, whose label says 5.0.1, is 5.0.1. None where neither is known.
        """
        is_claimed = self.version is not None and self.basis not in (Basis.ALIAS, Basis.NONE)
        return self.version if is_claimed else self.tag
