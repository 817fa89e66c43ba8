"""The version that an image itself states, and which of two versions is older."""

from __future__ import annotations

from tagwatch.audit.model.diff import StatedVersion
from tagwatch.audit.reading.image import PlatformImage
from tagwatch.audit.reading.packages import packages_of
from tagwatch.audit.reading.version_evidence import attested_version, version_evidence
from tagwatch.errors import InvalidReferenceError
from tagwatch.image.reference import Reference
from tagwatch.image.tag import Kind, Tag, parse_tag

__all__ = ["full_version", "is_older", "says_more", "stated_version"]

_FULL = 3


def stated_version(part: PlatformImage, reference: str) -> StatedVersion | None:
    """Return the version that a platform's config, else its SBOM, states for `reference`, or None.

    An image without a name (an OCI layout) states it by a label or by its only `*_VERSION`
    variable.
    """
    parsed = _parsed(reference)
    path, tag = (parsed.repository.path, parsed.tag) if parsed else ("", None)
    found = version_evidence(part.config, path, tag) if part.config else None
    if found is None and parsed and (packages := packages_of(part.attestations)):
        found = attested_version(packages, path, tag)
    if found is not None:
        return StatedVersion(value=found.version, source=f"{found.basis} {found.detail}")
    return _lone_variable(part) if parsed is None else None


def full_version(reference: str) -> str | None:
    """Return the version in a full-version tag (`6.2.14`, at least three numbers), or None.

    >>> full_version("redis:6.2.14-alpine"), full_version("redis:6.2")
    ('6.2.14', None)
    """
    parsed = _parsed(reference)
    tag = parse_tag(parsed.tag) if parsed and parsed.tag else None
    return tag.version if tag and len(tag.release) >= _FULL else None


def says_more(version: str, tag: str) -> bool:
    """Return False where `version` only repeats a tag that is not a full version (`3.12`).

    The images' own configs may be more exact: `python:3.12` goes from 3.12.0 to 3.12.1.

    >>> says_more("3.12", "3.12"), says_more("3.12.1", "3.12"), says_more("6.2.14", "6.2.14")
    (False, True, True)
    """
    own = parse_tag(tag)
    return version != own.version or len(own.release) >= _FULL


def is_older(version: str, other: str) -> bool:
    """Return True where both are versions of one scheme and `version` comes before `other`.

    >>> is_older("6.2.14", "6.2.15"), is_older("1.3.0", "2024.1")
    (True, False)
    """
    one, two = _read(version), _read(other)
    is_comparable = one.kind is two.kind is Kind.VERSION and one.scheme is two.scheme
    return is_comparable and one.precedence < two.precedence


def _lone_variable(part: PlatformImage) -> StatedVersion | None:
    environment = part.config.env if part.config else {}
    names = [name for name in environment if name.endswith("_VERSION")]
    if len(names) != 1 or not _is_version(environment[names[0]]):
        return None
    return StatedVersion(value=environment[names[0]], source=f"env {names[0]}")


def _is_version(text: str) -> bool:
    return _read(text).kind is Kind.VERSION


def _read(version: str) -> Tag:
    """Read a bare version text; see `order.version_key`."""
    return parse_tag(version.replace("+", "_"))


def _parsed(reference: str) -> Reference | None:
    try:
        return Reference.parse(reference)
    except InvalidReferenceError:
        return None
