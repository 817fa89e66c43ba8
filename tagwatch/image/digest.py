"""Digests: content addresses of stored bytes (OCI image-spec, descriptor.md, "Digests")."""

from __future__ import annotations

import sys

from tagwatch.errors import InvalidDigestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NewType


__all__ = [
    "EMPTY_LAYER_DIFF_IDS",
    "Digest",
    "digest_of",
    "is_digest",
    "parse_digest",
    "sha256",
    "short_digest",
]

if TYPE_CHECKING:
    Digest = NewType("Digest", str)
else:
    Digest = str
"""`algorithm:encoded`, validated by `parse_digest`: safe in URLs, paths and keys."""

_ENCODED_LENGTH = {"sha256": 64, "sha384": 96, "sha512": 128}
_HEX = "0123456789abcdef"

_SHA256_MODULES = ("_sha2" if sys.version_info >= (3, 12) else "_sha256", "hashlib")
"""Where the implementation is, best first: to look for a module that is not there takes longer."""

EMPTY_LAYER_DIFF_IDS = frozenset(
    {
        # an empty tar of 1024 NUL bytes, and the one BuildKit writes for WORKDIR
        Digest("sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"),
    }
)
"""diff_ids of layers without content: shared by unrelated images, so evidence of nothing."""


def parse_digest(text: str) -> Digest:
    """Return `text` as a Digest.

    Raises `InvalidDigestError` for an unknown algorithm, a wrong length or upper-case hex.

    >>> parse_digest("sha256:" + "0" * 64)[:10]
    'sha256:000'
    """
    if not is_digest(text):
        raise InvalidDigestError(
            f"not a digest: {text[:160]!r}",
            hint="a digest is sha256: and 64 lower-case hex digits",
        )
    return Digest(text)


def is_digest(text: str) -> bool:
    """True where `parse_digest` would accept `text`."""
    algorithm, _, encoded = text.partition(":")
    return len(encoded) == _ENCODED_LENGTH.get(algorithm) and not encoded.strip(_HEX)


def digest_of(raw: bytes, *, algorithm: str = "sha256") -> Digest:
    """The digest of exactly these bytes, as stored: never of a re-serialised document."""
    import hashlib

    return Digest(f"{algorithm}:{hashlib.new(algorithm, raw).hexdigest()}")


def sha256(raw: bytes) -> str:
    """Return the hex digits of the SHA-256 of `raw`.

    Python's own implementation, not OpenSSL's: linking that costs 4 of the 50 ms of a warm `check`
    (measured 2026-11-29). It has another name since 3.12, and some builds leave it out.
    """
    for name in _SHA256_MODULES:
        try:
            digits: str = __import__(name).sha256(raw).hexdigest()
        except ImportError:
            continue
        return digits
    raise ImportError("this Python has no SHA-256")


def short_digest(digest: str) -> str:
    """`sha256:` and the first 12 hex digits, for people. Never a key."""
    algorithm, _, encoded = digest.partition(":")
    return f"{algorithm}:{encoded[:12]}"
