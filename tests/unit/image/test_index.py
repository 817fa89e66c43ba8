"""Which entries of an index a pull would take."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest

from tagwatch.errors import InvalidDocumentError
from tagwatch.image.digest import Digest
from tagwatch.image.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor, Index, parse_manifest
from tagwatch.image.platform import Platform

OFFERED = (
    ("linux", "amd64", None, None),
    ("linux", "amd64", None, None),
    ("linux", "arm", "v6", None),
    ("windows", "amd64", None, "10.0.20348.2402"),
    ("windows", "amd64", None, "10.0.17763.5820"),
    ("windows", "amd64", None, "10.0.17763.5820"),
)


def offered() -> Index:
    entries = (
        Descriptor(
            media_type=OCI_MANIFEST,
            digest=Digest(f"sha256:{number:064x}"),
            size=1,
            platform=Platform(os=os, architecture=arch, variant=variant, os_version=build),
        )
        for number, (os, arch, variant, build) in enumerate(OFFERED)
    )
    return Index(media_type=OCI_INDEX, manifests=tuple(entries))


@pytest.mark.parametrize(
    ("platform", "taken"),
    [
        ("linux/amd64", [0]),
        ("linux/arm/v7", [2]),
        ("linux/s390x", []),
        ("windows/amd64", [3, 4]),
    ],
)
def test_every_build_of_windows_is_some_host_s(platform: str, taken: list[int]) -> None:
    found = offered().images_for(Platform.parse(platform))
    assert [int(entry.digest[7:], 16) for entry in found] == taken


@pytest.mark.parametrize(
    ("size", "is_valid"),
    [(0, True), (2**63 - 1, True), (2**63, False), (10**400, False), (-1, False), (True, False)],
)
def test_a_size_is_an_int64(size: int, is_valid: bool) -> None:
    entry = {"mediaType": OCI_MANIFEST, "digest": f"sha256:{0:064x}", "size": size}
    raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
    with nullcontext() if is_valid else pytest.raises(InvalidDocumentError, match="valid size"):
        parse_manifest(raw, OCI_INDEX)
