"""The JSON form of a diff (`schema_version` 1): what `tagwatch diff`, reports and the ledger hold.

Values whose key looks secret are masked here, before they reach anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagwatch.audit.diff.diff import ImageDiff, PlatformDiff, platform_name
from tagwatch.audit.diff.layers import LayerDiff, LayerEntry, LayerPair
from tagwatch.audit.reading.excerpt import apart, cut, paired
from tagwatch.audit.reading.image import Image, PlatformImage
from tagwatch.audit.reading.mask import mask_text
from tagwatch.audit.reading.packages import PackageChange, PackageDiff
from tagwatch.audit.reading.stated_version import stated_version
from tagwatch.audit.reading.steps import StepDiff
from tagwatch.image.manifest import Manifest

__all__ = ["IGNORED", "diff_document"]

IGNORED = (
    "created",
    "history.created",
    "label org.opencontainers.image.created",
    "label org.opencontainers.image.revision",
)
"""What differs between any two builds and is never a difference."""

# more is nobody's build: `config.history` still counts them all
_MAX_STEPS = 500
_MAX_STEP_CHARACTERS = 1_000


def diff_document(
    diff: ImageDiff, *, verdict: str, reason: str, verdicts: Mapping[str, str]
) -> dict[str, Any]:
    """The whole diff, told by its primary platform; `by_platform` holds the others that differ.

    `verdicts`: platform name -> verdict. Pairs are [old, new]; sizes are compressed bytes.
    """
    primary = diff.primary
    others = [pair for pair in diff.platforms[1:] if not pair.is_same]
    return {
        "schema_version": 1,
        "old": _side(diff.old, primary.old if primary else None),
        "new": _side(diff.new, primary.new if primary else None),
        "verdict": verdict,
        "reason": reason,
        **_platform_document(primary),
        "platforms": {
            "added": [platform_name(platform) for platform in diff.added],
            "removed": [platform_name(platform) for platform in diff.dropped],
            "unchanged": len(diff.platforms),
            "lagging": [
                {"platform": platform_name(lagging.platform), "version": lagging.version}
                for lagging in diff.lagging
            ],
        },
        "by_platform": [
            {
                "platform": platform_name(pair.platform),
                "verdict": verdicts.get(platform_name(pair.platform)),
                **_platform_document(pair),
            }
            for pair in others
        ],
        "ignored": list(IGNORED),
        "not_compared": _not_compared(diff),
    }


def _platform_document(pair: PlatformDiff | None) -> dict[str, Any]:
    """Everything told of one platform; empty lists where there is nothing to tell."""
    if pair is None:
        layers, packages, config = LayerDiff(), PackageDiff(), None
    else:
        layers, packages, config = pair.layers or LayerDiff(), pair.packages, pair.config
    steps = (pair.steps if pair else None) or StepDiff()
    history = {"shared": steps.same, "removed": len(steps.removed), "added": len(steps.added)}
    return {
        "layers": _layers(layers),
        "size": _size(pair),
        "config": {**config.document(), "history": history} if config else {},
        "steps": {"same": steps.same, **_steps(steps)},
        "os_release": list(pair.os_releases) if pair else ["", ""],
        "attestations": {
            "old": _kinds(pair.old) if pair else [],
            "new": _kinds(pair.new) if pair else [],
        },
        "packages": _packages(packages),
    }


def _side(image: Image, platform_image: PlatformImage | None) -> dict[str, Any]:
    version: dict[str, str] | None = None
    if image.version is not None:
        version = {"value": image.version, "from": image.version_from or "alias"}
    elif platform_image is not None:
        stated = stated_version(platform_image, image.reference)
        version = {"value": stated.value, "from": stated.source} if stated else None
    return {
        "ref": image.reference,
        "index": image.digest if image.index is not None else None,
        "manifest": platform_image.digest if platform_image else None,
        "platform": platform_name(platform_image.platform) if platform_image else None,
        "version": version,
        "seen": [at.date().isoformat() for at in image.seen] if image.seen else None,
    }


def _layers(layers: LayerDiff) -> dict[str, Any]:
    return {
        "shared": [_entry(pair.new) for pair in layers.shared],
        "removed": [_entry(layer) for layer in layers.removed],
        "added": [_entry(layer) for layer in layers.added],
        "moved": [{**_entry(pair.new), "old_i": pair.old.position} for pair in layers.moved],
        "recompressed": [_recompressed(pair) for pair in layers.recompressed],
    }


def _entry(layer: LayerEntry) -> dict[str, Any]:
    return {
        "i": layer.position,
        "diff_id": layer.diff_id,
        "digest": layer.digest,
        "size": layer.size,
        "created_by": _step(layer.created_by),
    }


def _recompressed(pair: LayerPair) -> dict[str, Any]:
    return {
        "diff_id": pair.new.diff_id,
        "old_digest": pair.old.digest,
        "new_digest": pair.new.digest,
        "old_type": _short_type(pair.old.media_type),
        "new_type": _short_type(pair.new.media_type),
    }


def _short_type(media_type: str) -> str:
    """`tar+gzip` of any media type for layers."""
    short = "tar" + media_type.rpartition(".tar")[2]
    return short.replace(".", "+") if ".tar" in media_type else media_type


def _size(pair: PlatformDiff | None) -> dict[str, Any]:
    """Stored bytes; null where one side's manifest was not read or lists no stored layers."""
    manifests = [_sized(part) for part in (pair.old, pair.new)] if pair else [None, None]
    old_manifest, new_manifest = manifests
    if old_manifest is None or new_manifest is None:
        names = ("compressed_old", "compressed_new", "delta", "percent", "config_delta")
        return dict.fromkeys(names)
    old, new = old_manifest.size, new_manifest.size
    return {
        "compressed_old": old,
        "compressed_new": new,
        "delta": new - old,
        "percent": round(100 * (new - old) / old, 1) if old else None,
        "config_delta": new_manifest.config.size - old_manifest.config.size,
    }


def _sized(part: PlatformImage) -> Manifest | None:
    """The manifest, where its sizes are those of all layers: a local engine's tells none."""
    diff_ids = part.config.diff_ids if part.config else ()
    return None if part.manifest and diff_ids and not part.manifest.layers else part.manifest


def _packages(packages: PackageDiff) -> dict[str, Any]:
    return {
        "source": packages.source,
        "added": [{"purl": c.purl, "version": c.new} for c in packages.added],
        "removed": [{"purl": c.purl, "version": c.old} for c in packages.removed],
        "changed": [_package_change(change) for change in packages.changed],
        "same": packages.same,
    }


def _package_change(change: PackageChange) -> dict[str, str | None]:
    return {"purl": change.purl, "old": change.old, "new": change.new}


def _not_compared(diff: ImageDiff) -> list[dict[str, str]]:
    gaps = [
        (f"{side} image", image.problem)
        for side, image in (("old", diff.old), ("new", diff.new))
        if image.problem
    ]
    for pair in diff.platforms:
        primary = pair is diff.primary
        name = "" if primary else f" of {platform_name(pair.platform)}"
        # what was not read of a platform that did not move is no gap
        gaps += [
            (what if name in what else what + name, why)
            for what, why in pair.not_compared
            if primary or not pair.is_same
        ]
    return [{"what": what, "why": why} for what, why in gaps]


def _kinds(image: PlatformImage) -> list[str]:
    return sorted({attestation.kind for attestation in image.attestations})


def _steps(steps: StepDiff) -> dict[str, list[str]]:
    """Steps that differ; of a long one that became another, the part where it did."""
    removed = [mask_text(text) for text in steps.removed[:_MAX_STEPS]]
    added = [mask_text(text) for text in steps.added[:_MAX_STEPS]]
    shown = {text: cut(text, _MAX_STEP_CHARACTERS) for text in (*removed, *added)}
    for old, new in paired(removed, added):
        if old is not None and new is not None:
            shown[old], shown[new] = apart(old, new, _MAX_STEP_CHARACTERS)
    return {
        "removed": [shown[text] for text in removed],
        "added": [shown[text] for text in added],
    }


def _step(text: str) -> str:
    return cut(mask_text(text), _MAX_STEP_CHARACTERS)
