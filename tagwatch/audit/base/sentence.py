"""The sentence that says what an image is built on, with dates and distance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tagwatch.audit.base.claim import Claim
from tagwatch.audit.base.index import common_layers, solid
from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.base_match import BaseVerdict
from tagwatch.audit.reading.size_text import size_change
from tagwatch.errors import InvalidReferenceError
from tagwatch.image.digest import Digest, short_digest
from tagwatch.image.reference import Reference
from tagwatch.value import dataclass

__all__ = [
    "Distance",
    "base_words",
    "beyond_sentence",
    "claim_words",
    "distance_between",
    "layers_words",
    "other_system_sentence",
    "partial_sentence",
    "served_sentence",
]


_ALIASES = 3
"""How many other names a sentence gives; the rest are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """The distance from a build to what its tag serves now, in layers that are not empty."""

    shared: int
    """The bottom layers that both have."""
    replaced: int
    """The other layers of the old build."""
    added: int
    """How many layers more the new build has; 0 where it has fewer."""
    size: int | None
    """How many stored bytes more the new build has; negative: fewer; None: not known."""


def distance_between(base: BaseBuild, current: BaseBuild) -> Distance:
    """Return the distance from the build that was used to the current one."""
    old, new = base.diff_ids, current.diff_ids
    common = common_layers(old, new)
    known = bool(base.layers and current.layers)
    return Distance(
        shared=solid(old[:common]),
        replaced=solid(old[common:]),
        added=max(solid(new) - solid(old), 0),
        size=_stored(current) - _stored(base) if known else None,
    )


def base_words(base: BaseBuild, aliases: Sequence[str] = (), *, recompressed: bool) -> str:
    """Return what a base is, when its tag served it, and which other names it may have.

    `python:3.12-slim = 3.12.3 (served 2026-05-02..2026-06-01, layers match 4/4)`. `aliases`: other
    names of the same layers, where nothing tells which one was meant.
    """
    matched = solid(base.diff_ids)
    version = f" = {base.version}" if base.version else ""
    facts = [*_served(base), f"layers match {matched}/{matched}"]
    if recompressed:
        facts.append("recompressed")
    if aliases:
        more = len(aliases) - _ALIASES
        others = [f"{more} more"] if more > 0 else []
        names = [_short(name) for name in aliases[:_ALIASES]]
        facts.append(f"also {' and '.join([*names, *others])}")
    return f"{_short(base.reference)}{version} ({', '.join(facts)})"


def served_sentence(base: BaseBuild, verdict: BaseVerdict, current: BaseBuild | None) -> str:
    """Return what the base's tag serves now, and how far that is from the build that was used."""
    if verdict is BaseVerdict.EXACT_RETIRED:
        return "That tag is no longer served."
    if current is None:
        return "What that tag serves now is not known."
    if verdict is BaseVerdict.EXACT_CURRENT:
        return "That tag still serves it."
    if current.version is None:
        now = short_digest(current.digest)
    elif current.version == base.version:
        now = f"another build of {current.version}"
    else:
        now = current.version
    return f"That tag now serves {now}: {_distance_words(base, current)}."


def partial_sentence(nearest: BaseBuild, shared: int, layers: int) -> str:
    """Return the sentence for an image that begins like a known build and goes on differently."""
    first = "layer" if shared == 1 else layers_words(shared)
    text = f"Starts with the first {first} of {_short(nearest.reference)}"
    version = f" = {nearest.version}" if nearest.version else ""
    left = layers - shared
    if not left:
        return f"{text}{version}; it ends before that base does."
    return f"{text}{version}; no known build of an approved base matches the next {left}."


def beyond_sentence(base: BaseBuild, diff_ids: Sequence[Digest], claim: Claim) -> str:
    """Return the sentence for layers that show only an ancestor of what is claimed."""
    left = layers_words(solid(diff_ids) - solid(base.diff_ids))
    return (
        f"Starts with {base_words(base, recompressed=False)}; it says it is built on "
        f"{claim_words(claim)}, of which no known build matches the next {left}: not verified."
    )


def other_system_sentence(claim: Claim, known: str, own: str) -> str:
    """Return the sentence for a known base of another family of systems than the bottom layer."""
    return (
        f"Says it is built on {claim_words(claim)}, every known build of which is {known}, "
        f"but its own bottom layer is {own}."
    )


def claim_words(claim: Claim, *, with_digest: bool = False) -> str:
    """Return what a claim names and where it was found: `python:3.12-slim (label)`."""
    digest = f"@{short_digest(claim.digest)}" if with_digest and claim.digest else ""
    return f"{_short(claim.name)}{digest} ({claim.kind})"


def layers_words(count: int) -> str:
    """Return a count of layers: `1 layer`, `3 layers`."""
    return f"{count} layer{'' if count == 1 else 's'}"


def _distance_words(base: BaseBuild, current: BaseBuild) -> str:
    distance = distance_between(base, current)
    layers = "base layer" if distance.replaced == 1 else "base layers"
    parts = [f"{distance.replaced} {layers} replaced"]
    if distance.added:
        parts.append(f"{distance.added} added")
    parts.append(f"{distance.shared} shared")
    if distance.size is not None:
        parts.append(size_change(distance.size))
    return ", ".join([*parts, *_config_words(base, current)])


def _config_words(base: BaseBuild, current: BaseBuild) -> list[str]:
    same, words = [], []
    if base.user == current.user:
        same.append("USER")
    else:
        words.append(f"USER {base.user or 'root'} is now {current.user or 'root'}")
    if base.exposed_ports == current.exposed_ports:
        same.append("EXPOSE")
    else:
        ports = " ".join(sorted(current.exposed_ports)) or "nothing"
        words.append(f"EXPOSE is now {ports}")
    return [*([f"{' and '.join(same)} unchanged"] if same else []), *words]


def _served(base: BaseBuild) -> list[str]:
    if base.known_as:
        return [f"read as {_short(base.known_as)}"]
    if base.first_seen is None:
        return []
    if base.ended and base.last_seen is not None:
        return [f"served {_day(base.first_seen)}..{_day(base.last_seen)}"]
    return [f"served since {_day(base.first_seen)}"]


def _stored(build: BaseBuild) -> int:
    return sum(size for _, size in build.layers)


def _short(reference: str) -> str:
    """Return a canonical reference as people write it."""
    try:
        return str(Reference.parse(reference))
    except InvalidReferenceError:
        return reference


def _day(at: datetime) -> str:
    return at.date().isoformat()
