"""Claims about a base: what annotations, labels, provenance and Dockerfiles name. Never proof.

Every child of an image inherits its labels, but not its annotations. Provenance lists every image
that a build read, tools included, and does not say which of them is the base.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.reading.attestation import image_materials
from tagwatch.audit.reading.image import Image, PlatformImage
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
"""Images that BuildKit reads to parse a Dockerfile: no base, but listed in provenance."""


class ClaimKind(StrEnum):
    """The place where a claim was found, best first: `rank_builds` goes by this order."""

    DOCKERFILE = "dockerfile"
    ANNOTATION = "annotation"
    PROVENANCE = "provenance"
    """One of the images that the build of this very manifest read."""
    LABEL = "label"


class Credit(StrEnum):
    """The credit that the layers give to a claim."""

    SUPPORTED = "supported"
    """It names what the layers show."""
    ANCESTOR = "ancestor"
    """It names something that the base itself is built on, as an inherited label does."""
    DEEPER = "deeper"
    """It names something that is built on what the layers show, in a build that is not known."""
    UNVERIFIED = "unverified"
    """Too little is known of what it names to support or contradict it."""
    CONTRADICTED = "contradicted"
    """Builds of what it names are known, and the layers are those of another base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A base that an image names, without proof.

    With neither `reference` nor `digest` it says that there is no base (`FROM scratch`).
    """

    kind: ClaimKind
    reference: Reference | None = None
    digest: Digest | None = None

    @property
    def is_scratch(self) -> bool:
        """True where the image claims that it has no base."""
        return self.reference is None and self.digest is None

    @property
    def tag(self) -> str:
        """The tag that the claim names; "" where it names none."""
        return (self.reference.effective_tag if self.reference else None) or ""

    @property
    def name(self) -> str:
        """The canonical name with the tag; the digest where no name is given, or `scratch`."""
        if self.reference is None:
            return self.digest or "scratch"
        return self.reference.repository.name + (f":{self.tag}" if self.tag else "")

    def __str__(self) -> str:
        digest = f"@{self.digest}" if self.digest and self.reference else ""
        return f"{self.kind}: {self.name}{digest}"


def find_claims(image: Image, part: PlatformImage) -> tuple[Claim, ...]:
    """Return what one platform of an image claims of its base, best first, each claim once.

    From annotations of the manifest, then of the index; from provenance; from labels.
    """
    annotations = [part.manifest.annotations if part.manifest else {}]
    annotations.append(image.index.annotations if image.index else {})
    found = [_pair(ClaimKind.ANNOTATION, values) for values in annotations]
    found += _materials(part)
    found.append(_pair(ClaimKind.LABEL, part.config.labels if part.config else {}))
    return tuple(dict.fromkeys(claim for claim in found if claim is not None))


def claimed_base_label(labels: Mapping[str, str]) -> str:
    """Return the claim of an image's own labels (`label: NAME@DIGEST`); "" where they make none."""
    claim = _pair(ClaimKind.LABEL, labels)
    return str(claim) if claim else ""


def judge_claim(
    claim: Claim, hits: Sequence[BaseBuild], index: BaseIndex, platform: Platform
) -> Credit:
    """Return the credit that the layers give to `claim`.

    `hits`: the known builds below the image, deepest first. The claim's digest decides where a
    known build has it, else the name does.
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
    """Return the system of what is claimed and the image's own, where they contradict each other.

    The first is the one family of all known builds (`debian`), the second the image's release of
    another family (`alpine 3.20`). None where either is not known, or where only the release
    differs: no layer was compared, and a base moves from release to release.
    """
    name = claim.reference.repository.name if claim.reference else ""
    named = [build for build in index.on(config.platform) if _repository(build) == name]
    tagged = [build for build in named if build.tag == claim.tag]
    from tagwatch.audit.reading.steps import release_in  # its patterns take 9 ms to compile

    families = {release_in(build.history).partition(" ")[0] for build in tagged or named}
    own = release_in(config.history)
    if not own or len(families) != 1 or families & {"", own.partition(" ")[0]}:
        return None
    return families.pop(), own


def claim_digests(build: BaseBuild) -> tuple[Digest, ...]:
    """Return the digests by which a claim may name a build.

    It may be that of the index, of the platform's manifest or of its config (image-spec#822).
    """
    return build.digest, build.manifest, build.config


def _judge_repository(
    reference: Reference,
    deepest: Sequence[BaseBuild],
    hits: Sequence[BaseBuild],
    index: BaseIndex,
    platform: Platform,
) -> Credit:
    """Return the credit of a claim whose tag is not among the hits: its repository decides."""
    name = reference.repository.name
    same = [build for build in deepest if _repository(build) == name]
    if same:
        # the tag may have served this build before we first saw the tag
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
    """Return the repositories of all known builds that any of `builds` is built on, or is."""
    # many builds have the same layers: each stack is looked up once
    contents = {(build.platform, build.diff_ids) for build in builds}
    return {
        _repository(other)
        for platform, diff_ids in contents
        for other in index.below(platform, diff_ids)
    }


def _placed(
    known: Sequence[BaseBuild], deepest: Sequence[BaseBuild], hits: Sequence[BaseBuild]
) -> Credit:
    """Return the credit of a claim whose digest is that of the `known` builds."""
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
    """Return the claim that the base name and base digest in `values` make, or None.

    A name that is no reference counts as not given.
    """
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
    """Yield a claim for each image that provenance of this very manifest lists.

    Provenance of another manifest, which a copy may carry, is left out. A list without images is
    the claim that there is no base.
    """
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
    """Return True where the label is one that the base has, too: the image only inherited it."""
    return claim.kind is ClaimKind.LABEL and str(claim) in {b.claimed_base for b in deepest}


def _repository(build: BaseBuild) -> str:
    return build.reference.removesuffix(f":{build.tag}")


def may_be(tag: str | None, version: str | None) -> bool:
    """Return True unless the numbers of `tag` rule out that it served `version`."""
    stated, actual = version_numbers(tag or ""), version_numbers(version or "")
    return not stated or not actual or actual[: len(stated)] == stated


def version_numbers(text: str) -> tuple[str, ...]:
    """Return the numbers that a tag or version begins with: ("3", "12") for `v3.12-slim`, or ()."""
    head = text.removeprefix("v").partition("-")[0].partition("+")[0]
    parts = head.split(".")
    return tuple(parts) if all(part.isdecimal() for part in parts) else ()
