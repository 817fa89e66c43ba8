"""Manifests of schema 1: what their digest covers (distribution, "Signed Manifests").

They are legacy: which tag serves which is remembered, what is in them is not read.
"""

from __future__ import annotations

import base64
import json

from tagwatch.errors import InvalidDocumentError
from tagwatch.image.manifest import decode_json

__all__ = ["signed_bytes"]


def signed_bytes(raw: bytes) -> bytes | None:
    """What the digest of a schema 1 manifest is computed over; None where `raw` is none.

    The signatures stand inside the document, and each says how to take them out again: so many
    bytes of it, and a tail. Raises `InvalidDocumentError` for signatures that say no such thing.
    """
    document = decode_json(raw, what="manifest")
    if document.get("schemaVersion") != 1 or "fsLayers" not in document:
        return None
    signatures = document.get("signatures")
    if not signatures:
        return raw
    if not isinstance(signatures, list):
        raise InvalidDocumentError("the signatures of a schema 1 manifest are no list")
    payloads = {_payload(raw, signature) for signature in signatures}
    if len(payloads) > 1:
        raise InvalidDocumentError("the signatures of a schema 1 manifest are of different texts")
    return payloads.pop()


def _payload(raw: bytes, signature: object) -> bytes:
    try:
        protected = json.loads(_decoded(signature["protected"]))  # type: ignore[index]  # or TypeError
        length, tail = protected["formatLength"], _decoded(protected["formatTail"])
        return raw[: range(len(raw) + 1)[length]] + tail
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise InvalidDocumentError(
            "a signature of a schema 1 manifest is not understood"
        ) from error


def _decoded(text: str) -> bytes:
    """Base64 for URLs, without its padding (RFC 7515)."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
