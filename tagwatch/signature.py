"""Ed25519 (RFC 8032): who has a public key can tell what its owner signed, and can sign nothing.

Verifying needs no other package: it touches no secret, so its time may differ, and two milliseconds
are paid for a new extract only. Making keys and signing do touch one, and are left to
`cryptography` (`pip install 'tagwatch[sign]'`).
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from binascii import Error

from tagwatch.errors import ConfigError

__all__ = [
    "KEY_BYTES",
    "SIGNATURE_BYTES",
    "Signer",
    "from_text",
    "key_id_of",
    "new_private_key",
    "to_text",
    "verify",
]

KEY_BYTES = 32
SIGNATURE_BYTES = 64
_PRIME = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _PRIME) % _PRIME
_ROOT_OF_MINUS_ONE = pow(2, (_PRIME - 1) // 4, _PRIME)


Point = tuple[int, int, int, int]
"""A point of the curve in extended coordinates: X, Y, Z, T, where x = X/Z, y = Y/Z, xy = T/Z."""

_NEUTRAL: Point = (0, 1, 1, 0)


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Return True where the key's owner signed the message.

    Strict, as RFC 8032 section 5.1.7 without the cofactor: a signature has one form only (S is
    below the order, and R is compared byte for byte), points are written canonically, and a key of
    small order, for which anybody could sign, is none.
    """
    if len(public_key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    s = int.from_bytes(signature[32:], "little")
    key = _point(public_key)
    if s >= _ORDER or key is None or _is_small(key):
        return False
    hashed = hashlib.sha512(signature[:32] + public_key + message).digest()
    k = int.from_bytes(hashed, "little") % _ORDER
    x, y, z, t = key
    minus_key = (-x % _PRIME, y, z, -t % _PRIME)
    return _bytes_of(_sum_of_products(s, _BASE, k, minus_key)) == signature[:32]


def key_id_of(public_key: bytes) -> str:
    """Return the id of a public key: it begins with a letter, so that YAML takes it as a text."""
    return f"ed25519-{hashlib.sha256(public_key).hexdigest()[:16]}"


def to_text(raw: bytes) -> str:
    """Return a key or signature as text."""
    return b64encode(raw).decode()


def from_text(text: str, length: int) -> bytes | None:
    """Return the bytes of which `to_text` made this text; None where it made no such text."""
    try:
        raw = b64decode(text, validate=True)
    except (Error, ValueError):
        return None
    return raw if len(raw) == length and to_text(raw) == text else None


class Signer:
    """The owner of a private key. Raises `ConfigError` where `cryptography` is missing."""

    __slots__ = ("_key", "public_key")

    def __init__(self, private_key: bytes) -> None:
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        except ImportError as error:
            raise ConfigError(
                "signing needs the package 'cryptography'",
                hint="pip install 'tagwatch[sign]'; who only reads extracts does not need it",
            ) from error
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message: the same for the same message."""
        return self._key.sign(message)


def new_private_key() -> bytes:
    """Return a private key that nobody else has."""
    from secrets import token_bytes

    return token_bytes(KEY_BYTES)


def _point(raw: bytes) -> Point | None:
    """Return the point that is written so; None where there is none, or it is written otherwise."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _PRIME:
        return None
    x = _root((y * y - 1) * pow(_D * y * y + 1, -1, _PRIME) % _PRIME)
    if x is None or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _PRIME - x
    return x, y, 1, x * y % _PRIME


def _root(square: int) -> int | None:
    """Return a square root modulo the prime (RFC 8032, section 5.1.3); None where there is none."""
    root = pow(square, (_PRIME + 3) // 8, _PRIME)
    if (root * root - square) % _PRIME:
        root = root * _ROOT_OF_MINUS_ONE % _PRIME
    return None if (root * root - square) % _PRIME else root


def _bytes_of(point: Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, _PRIME)
    x, y = x * inverse % _PRIME, y * inverse % _PRIME
    return (y | (x & 1) << 255).to_bytes(KEY_BYTES, "little")


def _is_small(point: Point) -> bool:
    """Return True where eight times the point is nothing."""
    for _ in range(3):
        point = _double(point)
    x, y, z, _ = point
    return x == 0 and y == z


def _add(one: Point, other: Point) -> Point:
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a = (y1 - x1) * (y2 - x2) % _PRIME
    b = (y1 + x1) * (y2 + x2) % _PRIME
    c = 2 * _D * t1 * t2 % _PRIME
    d = 2 * z1 * z2 % _PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _PRIME, g * h % _PRIME, f * g % _PRIME, e * h % _PRIME)


def _double(point: Point) -> Point:
    x, y, z, _ = point
    a, b = x * x % _PRIME, y * y % _PRIME
    e = a + b - (x + y) ** 2 % _PRIME
    f = 2 * z * z % _PRIME + a - b
    g, h = a - b, a + b
    return (e * f % _PRIME, g * h % _PRIME, f * g % _PRIME, e * h % _PRIME)


def _sum_of_products(s: int, one: Point, k: int, other: Point) -> Point:
    """Return s·one + k·other, both in one pass over their bits (Shamir's trick)."""
    both = _add(one, other)
    found = _NEUTRAL
    for place in range(max(s.bit_length(), k.bit_length()) - 1, -1, -1):
        found = _double(found)
        bits = (s >> place & 1, k >> place & 1)
        if bits != (0, 0):
            found = _add(found, both if bits == (1, 1) else one if bits[0] else other)
    return found


def _base_point() -> Point:
    point = _point((4 * pow(5, -1, _PRIME) % _PRIME).to_bytes(KEY_BYTES, "little"))
    assert point is not None
    return point


_BASE = _base_point()
