"""The order of builds with the same layers: which of them an image is most likely built on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tagwatch.audit.base.claim import Claim, ClaimKind, claim_digests, version_numbers
from tagwatch.audit.base.index import is_history_prefix
from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.image.image_config import ImageConfig

__all__ = ["Rank", "rank_builds"]

Rank = Callable[[str], int | None]
"""A canonical reference's place among the approved bases; None: it is not approved."""


def rank_builds(
    builds: Sequence[BaseBuild], config: ImageConfig, claims: Iterable[Claim], rank: Rank
) -> list[BaseBuild]:
    """Return builds of the same layers, the one that the image is most likely built on first.

    The first difference decides: the longest history that begins the image's own (a base that only
    adds settings to another has the same layers); a claim by Dockerfile, annotation, provenance or
    label, in this order; the policy's order; at last the most specific floating tag, since a full
    version that nobody named would hide that the base is old. Builds whose history does not begin
    the image's are left out where there are others.
    """
    said = tuple(claims)
    fitting = [build for build in builds if is_history_prefix(build.history, config.history)]
    if not fitting:  # a tool rewrote the image's history: it says nothing
        return sorted(builds, key=lambda build: _order(build, said, rank))
    return sorted(fitting, key=lambda build: (-len(build.history), _order(build, said, rank)))


def _order(build: BaseBuild, claims: Sequence[Claim], rank: Rank) -> tuple[int, ...]:
    """Return the sort key of a build, the likeliest first: see `rank_builds`."""
    place = rank(build.reference)
    spoken = [
        not any(_speaks_for(claim, build) for claim in claims if claim.kind is kind)
        for kind in ClaimKind
    ]
    numbers, version = version_numbers(build.tag), version_numbers(build.version or "")
    is_full = bool(numbers) and numbers == version
    return (
        *spoken,
        place is None,
        place or 0,
        is_full,
        -len(numbers),
    )


def _speaks_for(claim: Claim, build: BaseBuild) -> bool:
    """Return True where the claim means this build by name, or by digest where it gives no name.

    All tags that serve a digest share it, so that beside a name it tells nothing more.
    """
    if claim.reference is not None:
        return claim.name == build.reference
    return claim.digest is not None and claim.digest in claim_digests(build)
