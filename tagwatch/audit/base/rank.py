"""Which of several builds with the same layers an image is built on: who speaks for which."""

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
    """Builds of the same layers, the one that the image is built on first.

    The first difference decides: the longest history that begins the image's own (a base that
    only adds settings to another has its layers); provenance of this very image; an annotation; a
    label; the policy's order; at last the most specific tag that moves, since a full version
    that nobody named would only hide that the base is old.
    """
    said = tuple(claims)
    fitting = [build for build in builds if is_history_prefix(build.history, config.history)]
    if not fitting:  # a history that was rewritten says nothing
        return sorted(builds, key=lambda build: _order(build, said, rank))
    return sorted(fitting, key=lambda build: (-len(build.history), _order(build, said, rank)))


def _order(build: BaseBuild, claims: Sequence[Claim], rank: Rank) -> tuple[int, ...]:
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
    """A name speaks for its tag; a digest only where no name is given, being all tags'."""
    if claim.reference is not None:
        return claim.name == build.reference
    return claim.digest is not None and claim.digest in claim_digests(build)
