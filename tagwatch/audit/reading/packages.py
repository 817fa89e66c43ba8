"""Packages: those that SBOM attestations list (SPDX 2, CycloneDX 1), and how two lists differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tagwatch.audit.model.diff import PackageChange, PackageDiff
from tagwatch.audit.reading.attestation import UNREAD_ATTESTATION, Attestation

__all__ = ["compare_packages", "distribution_of", "packages_of"]

_FORMATS = ("spdx", "cyclonedx")
_IMAGES = ("pkg:docker/", "pkg:oci/")


def compare_packages(old: Sequence[Attestation], new: Sequence[Attestation]) -> PackageDiff | str:
    """Compare the SBOMs of two images in the first format that both have, or return why not.

    An SBOM is never compared with one of another format: generators name packages differently.
    """
    for name in _FORMATS:
        before, after = _listed(old, name), _listed(new, name)
        if before is not None and after is not None:
            return _compare(before, after, f"{name}-attestation")
    return _why_not(old, new)


def packages_of(attestations: Sequence[Attestation]) -> Mapping[str, frozenset[str]] | None:
    """Return package URL without version -> versions, from the first readable SBOM, or None."""
    for name in _FORMATS:
        found = _listed(attestations, name)
        if found is not None:
            return found
    return None


def distribution_of(attestations: Sequence[Attestation]) -> str:
    """Return the distribution (`debian-12`) that all `distro` qualifiers agree on, or ""."""
    seen = {
        purl.partition("distro=")[2].partition("&")[0]
        for attestation in attestations
        for purl, _ in _purls(attestation)
        if "distro=" in purl
    }
    return seen.pop() if len(seen) == 1 else ""


def _compare(
    old: Mapping[str, frozenset[str]], new: Mapping[str, frozenset[str]], source: str
) -> PackageDiff:
    changes = [
        PackageChange(purl=purl, old=_joined(old.get(purl)), new=_joined(new.get(purl)))
        for purl in sorted(old.keys() | new.keys())
        if old.get(purl) != new.get(purl)
    ]
    return PackageDiff(
        source=source,
        added=tuple(change for change in changes if change.old is None),
        removed=tuple(change for change in changes if change.new is None),
        changed=tuple(c for c in changes if c.old is not None and c.new is not None),
        same=sum(old[purl] == new[purl] for purl in old.keys() & new.keys()),
    )


def _joined(versions: frozenset[str] | None) -> str | None:
    return None if versions is None else ", ".join(sorted(versions))


def _listed(attestations: Sequence[Attestation], kind: str) -> dict[str, frozenset[str]] | None:
    readable = [a for a in attestations if a.kind == kind and a.statement is not None]
    if not readable:
        return None
    packages: dict[str, set[str]] = {}
    for purl, version in _purls(readable[0]):
        bare = purl.partition("?")[0].partition("#")[0]
        head, _, name = bare.rpartition("/")
        name, _, stated = name.partition("@")
        packages.setdefault(f"{head}/{name}", set()).add(stated or version)
    return {purl: frozenset(versions) for purl, versions in packages.items()}


def _purls(attestation: Attestation) -> Iterator[tuple[str, str]]:
    """Yield package URL and version of each entry that is not an image itself."""
    predicate = attestation.statement.predicate if attestation.statement else {}
    match attestation.kind:
        case "spdx":
            entries = ((entry, _spdx_purl(entry), "versionInfo") for entry in _packages(predicate))
        case "cyclonedx":
            entries = ((entry, entry.get("purl"), "version") for entry in _components(predicate))
        case _:
            return
    for entry, purl, version_key in entries:
        version = entry.get(version_key)
        if isinstance(purl, str) and purl.startswith("pkg:") and not purl.startswith(_IMAGES):
            yield purl, version if isinstance(version, str) else ""


def _packages(predicate: Mapping[str, Any]) -> list[dict[str, Any]]:
    # some scanners put the document into another one, under `Data`
    inner = predicate.get("Data", predicate)
    packages = inner.get("packages") if isinstance(inner, dict) else None
    listed = packages if isinstance(packages, list) else []
    return [entry for entry in listed if isinstance(entry, dict)]


def _spdx_purl(entry: Mapping[str, Any]) -> str | None:
    references = entry.get("externalRefs")
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, dict) and reference.get("referenceType") == "purl":
            locator = reference.get("referenceLocator")
            return locator if isinstance(locator, str) else None
    return None


def _components(predicate: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all components, nested ones too. No recursion: a stranger chose the depth."""
    waiting: list[Any] = [predicate]
    while waiting:
        nested = waiting.pop().get("components")
        for entry in nested if isinstance(nested, list) else ():
            if isinstance(entry, dict):
                yield entry
                waiting.append(entry)


def _why_not(old: Sequence[Attestation], new: Sequence[Attestation]) -> str:
    missing = [
        f"{side}: {_why_no_sbom(attestations)}"
        for side, attestations in (("old", old), ("new", new))
        if packages_of(attestations) is None
    ]
    return "; ".join(missing) or "one side has SPDX, the other CycloneDX"


def _why_no_sbom(attestations: Sequence[Attestation]) -> str:
    if unread := [a for a in attestations if a.kind in _FORMATS]:
        return f"SBOM not readable ({unread[0].problem})"
    if closed := [a for a in attestations if a.kind == UNREAD_ATTESTATION]:
        return f"its attestations were not read ({closed[0].problem})"
    return "no SBOM attestation"
