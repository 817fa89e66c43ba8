"""Claims about a base: what annotations, labels, provenance and Dockerfiles name. Never proof.

A label is inherited by every child of the image it was set on; an annotation is not. Provenance
lists every image of a build, tools included, and says of none that it is the base.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.reading.attestation import image_materials
from tagwatch.audit.reading.image import Image, PlatformImage
from tagwatch.audit.reading.steps import release_in
from tagwatch.errors import InvalidReferenceError
from tagwatch.image.digest import Digest, is_digest
from tagwatch.image.image_config import ImageConfig
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference
from tagwatch.value import dataclass

__all__ = [
    "Claim",
    "ClaimKind",
    "Credit",
    "claim_digests",
    "claimed_base_label",
    "find_claims",
    "judge_claim",
    "may_be",
    "other_system",
    "version_numbers",
]

_NAME = "org.opencontainers.image.base.name"
_DIGEST = "org.opencontainers.image.base.digest"
_FRONTENDS = ("docker.io/docker/dockerfile", "docker.io/docker/dockerfile-upstream")


class ClaimKind(StrEnum):
    """Where a claim stands, best first."""

    DOCKERFILE = "dockerfile"
    ANNOTATION = "annotation"
    PROVENANCE = "provenance"
    """Of this very manifest; one of the images that the build read."""
    LABEL = "label"


class Credit(StrEnum):
    """How a claim stands to the layers."""

    SUPPORTED = "supported"
    """It names what the layers show."""
    ANCESTOR = "ancestor"
    """It names something that the base itself stands on: an inherited label."""
    DEEPER = "deeper"
    """It names something that stands on what the layers show; that build is not known."""
    UNVERIFIED = "unverified"
    """Nothing is known of what it names."""
    CONTRADICTED = "contradicted"
    """What it names is known, and the layers are not its."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`reference` None and `digest` None: built on nothing (`FROM scratch`)."""

    kind: ClaimKind
    reference: Reference | None = None
    digest: Digest | None = None

    @property
    def is_scratch(self) -> bool:
        """True where the claim is that there is no base."""
        return self.reference is None and self.digest is None

    @property
    def tag(self) -> str:
        """The tag that is named, "" where none is."""
        return (self.reference.effective_tag if self.reference else None) or ""

    @property
    def name(self) -> str:
        """What is named, canonical, without the digest where there is a name."""
        if self.reference is None:
            return self.digest or "scratch"
        return self.reference.repository.name + (f":{self.tag}" if self.tag else "")

    def __str__(self) -> str:
        digest = f"@{self.digest}" if self.digest and self.reference else ""
        return f"{self.kind}: {self.name}{digest}"


def find_claims(image: Image, part: PlatformImage) -> tuple[Claim, ...]:
    """What one platform of an image says of its base: annotations, provenance, labels."""
    annotations = [part.manifest.annotations if part.manifest else {}]
    annotations.append(image.index.annotations if image.index else {})
    found = [_pair(ClaimKind.ANNOTATION, values) for values in annotations]
    found += _materials(part)
    found.append(_pair(ClaimKind.LABEL, part.config.labels if part.config else {}))
    return tuple(dict.fromkeys(claim for claim in found if claim is not None))


def claimed_base_label(labels: Mapping[str, str]) -> str:
    """What an image's own labels name as its base: `name@digest`, "" where they name none."""
    claim = _pair(ClaimKind.LABEL, labels)
    return str(claim) if claim else ""


def judge_claim(
    claim: Claim, hits: Sequence[BaseBuild], index: BaseIndex, platform: Platform
) -> Credit:
    """How `claim` stands to what the layers show: `hits`, known builds below the image, deepest
    first. A digest decides where it is known, else the name.
    """
    depth = len(hits[0].diff_ids) if hits else 0
    deepest = [build for build in hits if len(build.diff_ids) == depth]
    if claim.digest is not None:
        known = [build for build in index.on(platform) if claim.digest in claim_digests(build)]
        if known:
            return _placed(known, deepest, hits)
    if claim.reference is None:
        return Credit.UNVERIFIED
    if any(build.reference == claim.name for build in deepest):
        return Credit.SUPPORTED
    if any(build.reference == claim.name for build in hits) or _is_inherited(claim, deepest):
        return Credit.ANCESTOR
    return _judge_repository(claim.reference, deepest, hits, index, platform)


def other_system(claim: Claim, config: ImageConfig, index: BaseIndex) -> tuple[str, str] | None:
    """The family of every known build of what is claimed, and the image's release of another.

    None where either is not told: no layer was compared, so that a release alone says nothing.
    """
    name = claim.reference.repository.name if claim.reference else ""
    named = [build for build in index.on(config.platform) if _repository(build) == name]
    tagged = [build for build in named if build.tag == claim.tag]
    families = {release_in(build.history).partition(" ")[0] for build in tagged or named}
    own = release_in(config.history)
    if not own or len(families) != 1 or families & {"", own.partition(" ")[0]}:
        return None
    return families.pop(), own


def claim_digests(build: BaseBuild) -> tuple[Digest, ...]:
    """What a claim may call a build: its index's digest or its platform's (image-spec#822)."""
    return build.digest, build.manifest, build.config


def _judge_repository(
    reference: Reference,
    deepest: Sequence[BaseBuild],
    hits: Sequence[BaseBuild],
    index: BaseIndex,
    platform: Platform,
) -> Credit:
    """The tag that is named is not among the hits: what of its repository?"""
    name = reference.repository.name
    same = [build for build in deepest if _repository(build) == name]
    if same:
        # a tag that moved on before we first saw it may have served this build
        fits = any(may_be(reference.effective_tag, build.version) for build in same)
        return Credit.SUPPORTED if fits else Credit.CONTRADICTED
    if any(_repository(build) == name for build in hits):
        return Credit.ANCESTOR
    known = [build for build in index.on(platform) if _repository(build) == name]
    tagged = [build for build in known if build.tag == reference.effective_tag]
    shown = {_repository(build) for build in deepest}
    if shown & _below(tagged or known, index):
        return Credit.DEEPER
    others = [build for build in index.on(platform) if _repository(build) in shown]
    if name in _below(others, index):
        return Credit.ANCESTOR
    return Credit.CONTRADICTED if known and hits else Credit.UNVERIFIED


def _below(builds: Iterable[BaseBuild], index: BaseIndex) -> set[str]:
    """The repositories of everything known that any of the builds stands on."""
    contents = {(build.platform, build.diff_ids) for build in builds}
    return {
        _repository(other)
        for platform, diff_ids in contents
        for other in index.below(platform, diff_ids)
    }


def _placed(
    known: Sequence[BaseBuild], deepest: Sequence[BaseBuild], hits: Sequence[BaseBuild]
) -> Credit:
    manifests = {build.manifest for build in known}
    if any(build.manifest in manifests for build in deepest):
        return Credit.SUPPORTED
    if any(build.manifest in manifests for build in hits):
        return Credit.ANCESTOR
    # a copy of the same layers under other digests is the same base
    content = {(build.diff_ids, build.history) for build in known}
    if any((build.diff_ids, build.history) in content for build in deepest):
        return Credit.SUPPORTED
    return Credit.CONTRADICTED if hits else Credit.UNVERIFIED


def _pair(kind: ClaimKind, values: Mapping[str, str]) -> Claim | None:
    name, digest = values.get(_NAME, ""), values.get(_DIGEST, "")
    try:
        reference = Reference.parse(name) if name and name != "scratch" else None
    except InvalidReferenceError:
        reference = None
    known = Digest(digest) if is_digest(digest) else (reference.digest if reference else None)
    if reference is None and known is None and name != "scratch":
        return None
    return Claim(kind=kind, reference=reference, digest=known)


def _materials(part: PlatformImage) -> Iterator[Claim]:
    """The images of provenance about this very manifest; of a copy it says nothing."""
    for attestation in part.attestations:
        if attestation.statement is None or not attestation.is_about(part.digest):
            continue
        materials = image_materials(attestation.statement)
        images = [
            material
            for material in materials or ()
            if material.reference.repository.name not in _FRONTENDS
        ]
        if materials is not None and not images:
            yield Claim(kind=ClaimKind.PROVENANCE)
        for material in images:
            yield Claim(
                kind=ClaimKind.PROVENANCE, reference=material.reference, digest=material.digest
            )


def _is_inherited(claim: Claim, deepest: Sequence[BaseBuild]) -> bool:
    return claim.kind is ClaimKind.LABEL and str(claim) in {b.claimed_base for b in deepest}


def _repository(build: BaseBuild) -> str:
    return build.reference.removesuffix(f":{build.tag}")


def may_be(tag: str | None, version: str | None) -> bool:
    """False where the numbers of `tag` rule out that it served `version`."""
    stated, actual = version_numbers(tag or ""), version_numbers(version or "")
    return not stated or not actual or actual[: len(stated)] == stated


def version_numbers(text: str) -> tuple[str, ...]:
    """The dotted numbers that a tag or version begins with: `3.12-slim` gives ("3", "12")."""
    head = text.removeprefix("v").partition("-")[0].partition("+")[0]
    parts = head.split(".")
    return tuple(parts) if all(part.isdecimal() for part in parts) else ()
