"""What the digest of a schema 1 manifest is computed over (`skopeo manifest-digest` agrees)."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

import pytest

from tagwatch.errors import InvalidDocumentError
from tagwatch.image.schema1 import signed_bytes

PAYLOAD = b"""{
   "schemaVersion": 1,
   "name": "team/app",
   "tag": "1.0",
   "architecture": "amd64",
   "fsLayers": [],
   "history": []
}"""


def encoded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def signature(length: object = len(PAYLOAD) - 2, tail: bytes = b"\n}") -> dict[str, object]:
    protected = json.dumps({"formatLength": length, "formatTail": encoded(tail)})
    return {
        "header": {"jwk": {"kty": "EC"}, "alg": "ES256"},
        "signature": "c2ln",
        "protected": encoded(protected.encode()),
    }


def signed(signatures: Sequence[object]) -> bytes:
    """As libtrust writes it: the signatures before the tail of what they sign."""
    return PAYLOAD[:-2] + b',\n   "signatures": ' + json.dumps(signatures).encode() + b"\n}"


def test_signatures_are_taken_out_again() -> None:
    assert signed_bytes(signed([signature()])) == PAYLOAD
    assert signed_bytes(signed([signature(), signature()])) == PAYLOAD


def test_without_signatures_it_is_the_whole() -> None:
    assert signed_bytes(PAYLOAD) == PAYLOAD


def test_another_document_is_none_of_it() -> None:
    assert signed_bytes(b'{"schemaVersion":2,"layers":[]}') is None


@pytest.mark.parametrize(
    "signatures",
    [
        [signature(length=10**9)],
        [signature(length=-(10**9))],
        [signature(length="3")],
        [signature(length=None)],
        [{"protected": 7}],
        [{"protected": "!!"}],
        [{"protected": encoded(b"[]")}],
        [{}],
        ["text"],
        [signature(), signature(length=3)],
    ],
)
def test_what_cannot_be_taken_out_is_refused(signatures: list[object]) -> None:
    with pytest.raises(InvalidDocumentError):
        signed_bytes(signed(signatures))
