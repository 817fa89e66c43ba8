"""Digests of bytes, by OpenSSL and without it."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from tagwatch.image.digest import digest_of, sha256


@given(st.binary(max_size=300))
def test_both_ways_give_the_same_digits(raw: bytes) -> None:
    assert sha256(raw) == hashlib.sha256(raw).hexdigest()
    assert digest_of(raw) == f"sha256:{sha256(raw)}"
