"""Evidence: all that rules may know of one reference. It is built once, then stored or exported."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from tagwatch.audit.model.base_match import BaseMatch, MatchedBase
from tagwatch.audit.model.coverage import GAPS, UNASKED, Reading, Reason, State, Terms
from tagwatch.audit.model.history import Change, Interval
from tagwatch.image.digest import Digest
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference, Repository
from tagwatch.source.target import Target
from tagwatch.value import dataclass, field, late, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.image.snapshot import Failure

__all__ = [
    "STILL_LISTED",
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
    "in_order",
    "is_readable",
    "is_to_tell",
    "name_in",
    "reading_of",
    "until",
]

__getattr__ = late(__name__, {"Failure": "tagwatch.image.snapshot"})

STILL_LISTED = "its registry lists the name all the same"
"""The note of what answers 404, though a list has its name."""
_UNREAD_ATTESTATION = "attestation"  # see `reading.attestation`, which stands above this floor
_READ = Reading(state=State.READ)
_UNAVAILABLE = Reading(state=State.UNAVAILABLE)


def evidence_key(target: Target) -> str | None:
    """Return the key of a target's evidence: its canonical reference, or `name:selector`.

    None where the target has no reference that could be resolved statically, so nothing to ask.
    Platforms, places and the text as written are left out: targets that name the same image share
    one piece of evidence.
    """
    if target.reference is None:
        return None
    if target.selector is not None:
        return f"{target.reference.repository.name}:{target.selector}"
    return target.reference.canonical


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Leak:
    """The name of something whose value looks like a credential; the value is kept nowhere."""

    name: str
    is_token: bool = False
    """True where the value itself shows it: an access key's form, an address with a password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFacts:
    """The parts of one platform's config that rules judge: how a container would run.

    What looks secret in `user`, `entrypoint` and `cmd` is masked, because reports show them.
    """

    platform: Platform
    digest: Digest
    version: str | None = None
    other_version: str = ""
    """What the image states where its full-version tag says another: `1.4.3 (label …)`."""
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
    """None where not known, as in facts that an older program wrote."""
    secrets: tuple[Leak, ...] = ()
    """Variables of the environment."""
    step_secrets: tuple[Leak, ...] = ()
    """What build steps recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """The state of the digest in a reference. A field is None where it is not known."""

    exists: bool | None = None
    """True where the registry still serves the digest."""
    served_by_tag: bool | None = None
    """True where the reference's own tag serves the digest or once did."""
    tags: tuple[str, ...] | None = None
    """The tags that serve the digest now."""
    platform_only: bool | None = None
    """True where the digest is one platform of a multi-arch tag.

    That is the reference's own tag or, in a reference without a tag, any.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of one reference."""

    key: str
    """See `evidence_key`."""
    resolution: Resolution
    at: datetime | None = None
    """When the registry was last read."""
    source: str = "seen"
    """`seen` where this ledger saw it, else the origin of imported facts."""
    origin: str = ""
    """Whose word it is: an endpoint that was configured for the registry, '' for the registry
    itself, `UNRECORDED` where nobody knows."""
    history: tuple[Interval, ...] = ()
    """The newest intervals of the tag, oldest first."""
    moves: int = 0
    """How often the tag moved in all, also before `history` begins."""
    first_seen: datetime | None = None
    known_since: datetime | None = None
    """Since when all tags of its repository are known; None: no list is known to be the whole."""
    new_tags: Mapping[str, datetime] = field(default_factory=dict)
    """When tags that came after that were first there: of its own, and of those that may be written
    in its place. What is not in it is older, or nobody knows."""
    change: Change | None = None
    changes_before: tuple[Change, ...] = ()
    """Moves before that one that took platforms away or went to another system: that much of each,
    oldest first."""
    gone_since: datetime | None = None
    """Set where the tag was once served and a full listing no longer shows it."""
    lifecycle: str | None = None
    """`floating`, `repushed`, `frozen`, `abandoned`, `unsupported`, `returned`…"""
    platforms_offered: tuple[str, ...] = ()
    platforms: tuple[PlatformFacts, ...] = ()
    documents_read: bool = False
    """False where manifests and configs were not read, so an empty `platforms` means nothing."""
    documents_asked: bool = True
    """False where nobody asked for manifests and configs either."""
    attestations: tuple[str, ...] = ()
    bases: tuple[BaseMatch, ...] = ()
    stands_on: tuple[BaseMatch, ...] = ()
    """Of imported facts: what the image itself is built on, where `bases` says something else."""
    bases_unread: tuple[str, ...] = ()
    """Approved bases of which no build was ever read: the image may or may not be built on them."""
    pin: Pin | None = None
    elsewhere: tuple[Reference, ...] = ()
    """Of a tag or digest that is gone: the few tags, of any repository, that serve its image."""
    failures: tuple[Failure, ...] = field(default_factory=tuple)


class SelectedEvidence(Mapping[str, Evidence]):
    """The evidence of some keys, by key. `source` may build it again at each lookup.

    `shown` makes of that under the keys of `adapted` what is told of it; the rest is told whole.
    There stands how they differ: the newer tags that are known, and those that are told.
    """

    def __init__(
        self,
        source: Mapping[str, Evidence],
        keys: Iterable[str],
        shown: Callable[[Evidence], Evidence] = lambda evidence: evidence,
        adapted: Mapping[str, tuple[Newer, Newer]] = MappingProxyType({}),
        whole: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        """`whole`: keys of which the source has each, by the name of the repository in them."""
        self.source = source
        self.adapted = adapted
        self._shown = shown
        self._whole = whole
        self._single: dict[str, list[str]] = {}
        for key in sorted(keys):
            name = name_in(key)
            if key in source and key not in whole.get(name, ()):
                known = self._single.setdefault(name, [])
                if known[-1:] != [key]:
                    known.append(key)

    def __getitem__(self, key: str) -> Evidence:
        if key not in self:
            raise KeyError(key)
        return self._shown(self.source[key]) if key in self.adapted else self.source[key]

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        name = name_in(key)
        if key in self._whole.get(name, ()):
            return True
        single = self._single.get(name, [])
        place = bisect_left(single, key)
        return single[place : place + 1] == [key]

    def __iter__(self) -> Iterator[str]:
        """Yield the keys, sorted: those of one repository are in memory at a time."""
        names = self._whole.keys() | self._single.keys()
        # a longer name goes before a shorter one only with a character below the colon
        for name in sorted(names, key=lambda name: f"{name}:"):
            single, whole = self._single.get(name, ()), self._whole.get(name)
            yield from sorted((*single, *whole)) if whole is not None else single

    def __len__(self) -> int:
        return sum(map(len, self._single.values())) + sum(map(len, self._whole.values()))


def in_order(evidence: Mapping[str, Evidence]) -> Iterable[str]:
    """Return the keys, sorted, and no second list of them where they are sorted anyway."""
    return evidence if isinstance(evidence, SelectedEvidence) else sorted(evidence)


def name_in(key: str) -> str:
    """Return the name of the repository in an evidence key: what comes before tag and digest.

    >>> name_in("r.example:5000/redis:7"), name_in("docker.io/library/redis@sha256:12")
    ('r.example:5000/redis', 'docker.io/library/redis')
    """
    slash = key.find("/")
    place = key.find(":", slash)
    name = key if place < 0 else key[:place]
    at = name.find("@", slash)
    return name if at < 0 else name[:at]


def until(evidence: Evidence, at: datetime) -> Evidence:
    """Return the same evidence as of `at`, when a later look found nothing changed.

    It says that the tag still served its digest when it was read, and which builds of bases tags
    served then; that now holds until `at`.
    """
    if evidence.at is None or at <= evidence.at:
        return evidence
    history = evidence.history
    if history and not history[-1].ended and history[-1].last_seen == evidence.at:
        history = (*history[:-1], replace(history[-1], last_seen=at))
    bases = tuple(
        replace(
            one,
            base=_until(one.base, evidence.at, at),
            current=_until(one.current, evidence.at, at),
        )
        for one in evidence.bases
    )
    return replace(evidence, at=at, history=history, bases=bases)


def _until(base: MatchedBase | None, before: datetime, at: datetime) -> MatchedBase | None:
    return replace(base, last_seen=at) if base is not None and base.last_seen == before else base


def is_readable(evidence: Evidence | None) -> bool:
    """Return True where the registry could be read, even if it then said the tag does not exist."""
    return evidence is not None and evidence.resolution.status is not Status.UNAVAILABLE


class Status(StrEnum):
    """The outcome of a resolution."""

    RESOLVED = "resolved"
    NO_VERSION = "no-version"
    """The tag exists, but no concrete version can be named."""
    NOT_FOUND = "not-found"
    UNAVAILABLE = "unavailable"
    """It could not be read, so it may or may not exist."""


class Basis(StrEnum):
    """The evidence that names the concrete version, the best first."""

    ALIAS = "alias"
    """A more specific tag (or the tag itself) with the same digest."""
    LABEL = "label"
    ENV = "env"
    ATTESTATION = "attestation"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """Newer tags of the same line."""

    patch: str | None = None
    """In the same patch series; of a line without versions (dates, counts of builds), any."""
    minor: str | None = None
    """In the same major version."""
    major: str | None = None
    """In a later major version."""
    not_comparable: str = ""
    """Why none is named though one may exist; empty where the order of the tag's line is known."""
    patches: tuple[str, ...] = ()
    """The next lower ones of the patch series, the newest first: at most nine below `patch`."""
    minors: tuple[str, ...] = ()
    """The next lower ones below `minor`, in the same way."""
    majors: tuple[str, ...] = ()
    """The newest of each major version between, the newest first: at most nine below `major`."""

    def __bool__(self) -> bool:
        """Return True where there is something newer."""
        return bool(self.patch or self.minor or self.major)

    @property
    def tags(self) -> tuple[str, ...]:
        """All that are named: of the patch series, of the major version, beyond."""
        named = (self.patch, *self.patches, self.minor, *self.minors, self.major, *self.majors)
        return tuple(tag for tag in named if tag is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The concrete tag, version and digest that a floating tag or pattern stands for."""

    input: str
    status: Status
    reference: Reference | None = None
    """Canonical and concrete."""
    tag: str | None = None
    """The concrete tag."""
    version: str | None = None
    digest: Digest | None = None
    aliases: tuple[str, ...] = ()
    """Tags with the same digest, sorted."""
    basis: Basis = Basis.NONE
    basis_detail: str = ""
    """The name of the label or variable, where the basis is one."""
    newer: Newer = field(default_factory=Newer)
    supported: bool | None = None
    """Whether the publisher still builds it; None where not known."""
    ambiguous: tuple[str, ...] = ()
    """Tags of the same image that name another version."""
    note: str = ""
    more_aliases: int = 0
    """How many aliases there are beside `aliases`."""
    read_at: datetime | None = None
    """When the registry was read last; set in answers of `resolve`, None elsewhere."""
    origin: str = ""
    """Whose word it is, where that was remembered; see `Evidence.origin`. Set as `read_at` is."""
    nearest: tuple[str, ...] = ()
    """Of a tag that does not exist: the few tags that may be meant, the likeliest first."""

    @property
    def name(self) -> str | None:
        """The name of the image: its concrete tag, or a version that is more exact than any tag.

        `5.0`, whose label says 5.0.1, is named 5.0.1. None where neither is known.
        """
        is_claimed = self.version is not None and self.basis not in (Basis.ALIAS, Basis.NONE)
        return self.version if is_claimed else self.tag


def reading_of(evidence: Evidence | None, repository: Repository, terms: Terms) -> Reading:
    """Return how the image of this evidence is known."""
    if evidence is None or not is_readable(evidence):
        return _UNAVAILABLE
    own = [
        one
        for one in evidence.failures
        if one.repository == repository and not (one.is_of_document or one.is_cut)
    ]
    failed = terms.failed.get(repository)
    if failed is not None and failed.code == "not-found" and _is_absent(evidence):
        return _READ  # that is an answer
    if _lacks(evidence, terms, is_cut_short=bool(own)):
        return _UNAVAILABLE
    is_of_now = evidence.at == terms.at and evidence.source == "seen"
    failure = failed or (next(iter(own), None) if is_of_now else None)
    if failure is not None:
        if is_of_now and not _was_known(evidence, terms):
            return _UNAVAILABLE
        reason = Reason.STOPPED if failure.code in UNASKED else Reason.REFUSED
        return Reading(state=State.REMEMBERED, reason=reason, since=_since(evidence, terms))
    if is_of_now:
        return _READ
    reason = Reason.OFFLINE if terms.offline else Reason.FRESH
    return Reading(state=State.REMEMBERED, reason=reason, since=evidence.at)


def is_to_tell(evidence: Evidence | None, reading: Reading) -> bool:
    """Return True where a finding says that the image was not read, or only in part."""
    if reading.state is State.UNAVAILABLE or reading.reason in GAPS:
        return True
    # A registry that gave no answer then is no fact of what was read before and is fresh still.
    return any(
        one.tag is not None or one.code == "not-found" or reading.reason is None
        for one in (evidence.failures if evidence is not None else ())
    )


def _is_absent(evidence: Evidence) -> bool:
    return evidence.resolution.status is Status.NOT_FOUND


def _was_known(evidence: Evidence, terms: Terms) -> bool:
    """Return True where an earlier run read the tag, so that something of it can be remembered."""
    return evidence.first_seen is not None and evidence.first_seen < terms.at


def _since(evidence: Evidence, terms: Terms) -> datetime | None:
    """Return when the image was read last; None where this run read a part of it, too."""
    past = evidence.history
    at = past[-1].last_seen if past and evidence.at == terms.at else evidence.at
    return None if at == terms.at else at


def _lacks(evidence: Evidence, terms: Terms, *, is_cut_short: bool) -> bool:
    """Return True where something that is needed was never read.

    `is_cut_short`: something of the image could not be read.
    """
    if not terms.documents or evidence.resolution.digest is None or _is_absent(evidence):
        return False
    if any(one.is_of_document for one in evidence.failures):
        return False
    if not evidence.documents_read:
        # a manifest that is no image's has no config, so nothing lacks there
        return is_cut_short or not evidence.documents_asked or not evidence.platforms_offered
    if not is_cut_short:
        return False
    if terms.attestations and _UNREAD_ATTESTATION in evidence.attestations:
        return True
    offered = [Platform.parse(name) for name in evidence.platforms_offered]
    return any(
        any(one.serves(wanted) for one in offered)
        and not any(one.platform.serves(wanted) for one in evidence.platforms)
        for wanted in terms.audited
    )
