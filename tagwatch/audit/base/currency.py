"""Whether a base's tag still serves the build that an image is built on, and how far it moved.

Only the manifest of one platform counts: an index also moves for other platforms and attestations.
"""

from __future__ import annotations

from collections.abc import Sequence

from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.base_match import BaseVerdict
from tagwatch.audit.reading.image import PlatformImage
from tagwatch.audit.reading.steps import compare_steps

__all__ = ["builds_behind", "currency", "is_recompressed"]


def currency(base: BaseBuild, family: Sequence[BaseBuild]) -> tuple[BaseVerdict, BaseBuild | None]:
    """Return the verdict on an exact match, and the build that the tag serves now.

    `family`: every known build of the tag for the platform, oldest first; never empty. The build
    is None where the tag is no longer served, and where nobody ever saw what it serves (then the
    verdict is `unknown`).
    """
    serving = [build for build in family if not build.ended]
    if not serving:
        was_seen = any(not build.known_as for build in family)
        return BaseVerdict.EXACT_RETIRED if was_seen else BaseVerdict.UNKNOWN, None
    current = serving[-1]
    if current.manifest == base.manifest or _is_same_content(base, current):
        return BaseVerdict.EXACT_CURRENT, current
    return BaseVerdict.EXACT_STALE, current


def builds_behind(base: BaseBuild, family: Sequence[BaseBuild]) -> int:
    """Return how many builds with other content the tag served after `base`; 0 where not known."""
    manifests = [build.manifest for build in family]
    if base.manifest not in manifests:
        return 0
    later = family[manifests.index(base.manifest) + 1 :]
    return len({build.manifest for build in later if not _is_same_content(base, build)})


def is_recompressed(base: BaseBuild, part: PlatformImage) -> bool:
    """Return True where the image stores the base's layers as other bytes than the base does."""
    stored = part.manifest.layers if part.manifest else ()
    own = [layer.digest for layer in stored[: len(base.layers)]]
    return bool(own) and own != [digest for digest, _ in base.layers]


def _is_same_content(base: BaseBuild, current: BaseBuild) -> bool:
    """Return True for the same layers and settings, however a mirror or builder packed them."""
    return base.diff_ids == current.diff_ids and (
        base.config == current.config or not compare_steps(base.history, current.history).differs
    )
