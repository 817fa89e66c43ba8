"""Ed25519, held to RFC 8032, to Project Wycheproof, and to `cryptography`."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tagwatch.signature import Signer, from_text, key_id_of, to_text, verify
from tests.paths import DATA

ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19
SIGNER = Signer(bytes(range(32)))
KEY = SIGNER.public_key
MESSAGE = b"facts of the night"
SIGNATURE = SIGNER.sign(MESSAGE)


def rows(name: str) -> Iterator[list[str]]:
    for line in (DATA / "ed25519" / name).read_text(encoding="ascii").splitlines()[1:]:
        yield line.split("\t")


def test_the_vectors_of_the_rfc() -> None:
    seen = 0
    for _, seed, public, message, signature in rows("rfc8032.tsv"):
        signer = Signer(bytes.fromhex(seed))
        assert signer.public_key.hex() == public
        assert signer.sign(bytes.fromhex(message)).hex() == signature
        assert verify(signer.public_key, bytes.fromhex(signature), bytes.fromhex(message))
        seen += 1
    assert seen == 5


def test_the_cases_of_wycheproof() -> None:
    """`acceptable`: keys that verifiers may treat either way. Ours takes none of small order."""
    answers: Counter[tuple[str, str, bool]] = Counter()
    for case, result, flag, public, message, signature in rows("wycheproof.tsv"):
        answer = verify(*map(bytes.fromhex, (public, signature, message)))
        if result != "acceptable":
            assert answer == (result == "valid"), f"case {case} ({flag})"
        answers[result, flag, answer] += 1
    assert answers.total() == 210
    assert answers["acceptable", "SmallOrderPublicKey", False] == 8
    assert answers["acceptable", "MixedOrderPublicKey", True] == 21
    assert sum(n for (result, _, _), n in answers.items() if result == "invalid") == 64


def with_s(s: int) -> bytes:
    return SIGNATURE[:32] + s.to_bytes(32, "little")


S = int.from_bytes(SIGNATURE[32:], "little")
IDENTITY = (1).to_bytes(32, "little")
FORGED = {
    "S plus the order: another form of the same signature": (KEY, with_s(S + ORDER)),
    "S plus the order eight times": (KEY, with_s(S + 8 * ORDER)),
    "cut": (KEY, SIGNATURE[:-1]),
    "nothing": (KEY, b""),
    "a byte more": (KEY, SIGNATURE + b"\0"),
    "all zero": (KEY, bytes(64)),
    "a key cut": (KEY[:-1], SIGNATURE),
    "a key of small order, for which anybody signs anything": (IDENTITY, IDENTITY + bytes(32)),
    "that key, not canonical": ((PRIME + 1).to_bytes(32, "little"), IDENTITY + bytes(32)),
    "that key, with the sign of a zero": (IDENTITY[:31] + b"\x80", IDENTITY + bytes(32)),
    "R not canonical": (IDENTITY, (PRIME + 1).to_bytes(32, "little") + bytes(32)),
    "a key that is no point": ((2).to_bytes(32, "little"), SIGNATURE),
    "a key of the order four": (bytes(32), bytes(64)),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_is_not_taken(name: str) -> None:
    public, signature = FORGED[name]
    assert verify(KEY, SIGNATURE, MESSAGE)
    assert not verify(public, signature, MESSAGE)


def test_it_says_what_cryptography_says() -> None:
    """On signatures of random messages: as they are, and with one bit of anything turned."""
    chance = random.Random(2026)
    for _ in range(60):
        signer = Signer(chance.randbytes(32))
        message = chance.randbytes(chance.randrange(200))
        parts = [bytearray(signer.public_key), bytearray(signer.sign(message)), bytearray(message)]
        assert verify(*map(bytes, parts))
        part = chance.choice([one for one in parts if one])
        part[chance.randrange(len(part))] ^= 1 << chance.randrange(8)
        public, signature, changed = map(bytes, parts)
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, changed)
            theirs = True
        except (InvalidSignature, ValueError):
            theirs = False
        assert verify(public, signature, changed) == theirs


def test_text_has_one_form() -> None:
    text = to_text(KEY)
    assert from_text(text, 32) == KEY
    last = text[:-2] + chr(ord(text[-2]) + 1) + "="  # the same bytes to a lenient decoder
    for other in (last, text[:-1], text + "\n", f" {text}", text + "=", "", "é" * 44):
        assert from_text(other, 32) is None
    assert from_text(text, 64) is None


def test_an_id_is_a_text_to_yaml() -> None:
    assert key_id_of(KEY) == "ed25519-56475aa75463474c"


def test_verifying_needs_no_other_package() -> None:
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from tagwatch.signature import Signer, verify\n"
        f"assert verify(bytes.fromhex('{KEY.hex()}'), bytes.fromhex('{SIGNATURE.hex()}'),"
        f" {MESSAGE!r})\n"
        "try: Signer(bytes(32))\n"
        "except Exception as error: print(type(error).__name__, error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ConfigError pip install 'tagwatch[sign]'")
