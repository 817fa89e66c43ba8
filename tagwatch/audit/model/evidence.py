"""Evidence: everything rules may know of one reference. Built once, stored, exported, read back."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum

from tagwatch.audit.model.base_match import BaseMatch
from tagwatch.audit.model.history import Change, Interval
from tagwatch.image.digest import Digest
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference
from tagwatch.image.snapshot import Failure
from tagwatch.source.target import Target
from tagwatch.value import dataclass, field, replace

__all__ = [
    "Basis",
    "Evidence",
    "Leak",
    "Newer",
    "Pin",
    "PlatformFacts",
    "Resolution",
    "SelectedEvidence",
    "Status",
    "evidence_key",
    "is_readable",
    "until",
]


def evidence_key(target: Target) -> str | None:
    """The key of a target's evidence: its canonical reference, or `name:selector` for a pattern.

    None where the reference could not be resolved statically: there is nothing to ask for.
    Platforms, places and the text as written do not matter: one fact serves all who name it.
    """
    if target.reference is None:
        return None
    if target.selector is not None:
        return f"{target.reference.repository.name}:{target.selector}"
    return target.reference.canonical


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Leak:
    """The name of something whose value looks like a credential; the value goes nowhere.

    `is_token`: the value itself says so (an access key's form, a password in an address).
    """

    name: str
    is_token: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFacts:
    """What one platform's image would run as: the parts of its config that rules judge.

    What looks secret in `user`, `entrypoint` and `cmd` is masked: reports show them.
    `secrets`: variables of the environment, `step_secrets`: what build steps recorded.
    `has_healthcheck` None: not known, as in facts that an older program wrote.
    """

    platform: Platform
    digest: Digest
    version: str | None = None
    user: str = ""
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    stop_signal: str = ""
    os_release: str = ""
    created_at: datetime | None = None
    size: int = 0
    has_healthcheck: bool | None = None
    secrets: tuple[Leak, ...] = ()
    step_secrets: tuple[Leak, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What is known of a digest that stands in a reference. None: not known.

    `exists`: the registry still serves it. `served_by_tag`: the tag beside it ever served it.
    `tags`: the tags that serve it now. `platform_only`: it is one platform of a multi-arch tag,
    the one beside it or, where none is, any.
    """

    exists: bool | None = None
    served_by_tag: bool | None = None
    tags: tuple[str, ...] | None = None
    platform_only: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Facts about one reference (`key` is its canonical text, or repository and selector).

    `at`: when the registry was read last; `source`: `seen` (by this ledger) or the origin of
    imported facts. `history` holds the newest intervals of the tag, oldest first, and `moves` how
    often it moved in all. `gone_since`: the tag was served once and a full listing shows it no
    more. `lifecycle`: `floating`, `repushed`, `frozen`, `abandoned`, `unsupported`, `returned`…
    `documents_read` False: manifests and configs were not read, so `platforms` says nothing;
    `documents_asked` False: nor did anybody ask for them. `bases_unread`: approved bases of which
    no build was ever read, so that not standing on them cannot be known.
    """

    key: str
    resolution: Resolution
    at: datetime | None = None
    source: str = "seen"
    history: tuple[Interval, ...] = ()
    moves: int = 0
    first_seen: datetime | None = None
    change: Change | None = None
    gone_since: datetime | None = None
    lifecycle: str | None = None
    platforms_offered: tuple[str, ...] = ()
    platforms: tuple[PlatformFacts, ...] = ()
    documents_read: bool = False
    documents_asked: bool = True
    attestations: tuple[str, ...] = ()
    bases: tuple[BaseMatch, ...] = ()
    bases_unread: tuple[str, ...] = ()
    pin: Pin | None = None
    failures: tuple[Failure, ...] = field(default_factory=tuple)


class SelectedEvidence(Mapping[str, Evidence]):
    """The evidence of some keys, by key; `source` may make it anew each time it is looked up."""

    def __init__(self, source: Mapping[str, Evidence], keys: Iterable[str]) -> None:
        self.source = source
        self._keys = sorted({key for key in keys if key in source})  # a set would be ten times it

    def __getitem__(self, key: str) -> Evidence:
        if key not in self:
            raise KeyError(key)
        return self.source[key]

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        place = bisect_left(self._keys, key)
        return self._keys[place : place + 1] == [key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def until(evidence: Evidence, at: datetime) -> Evidence:
    """The same evidence, where a later look at `at` found nothing else.

    What it says of its own time, that the tag still served its digest then, holds until `at`.
    """
    if evidence.at is None or at <= evidence.at:
        return evidence
    history = evidence.history
    if history and not history[-1].ended and history[-1].last_seen == evidence.at:
        history = (*history[:-1], replace(history[-1], last_seen=at))
    return replace(evidence, at=at, history=history)


def is_readable(evidence: Evidence | None) -> bool:
    """True where the registry's facts are known, be they that the tag is not there."""
    return evidence is not None and evidence.resolution.status is not Status.UNAVAILABLE


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
