"""SHA-256 without OpenSSL: linking that costs a warm `check` as much as all of argparse.

Python carries its own implementation, the one that `hashlib` falls back on, under a name that
changed with 3.12. Where there is none, `hashlib` has one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["sha256"]


def _implementation() -> Any:
    for name in ("_sha2", "_sha256", "hashlib"):
        try:
            return __import__(name).sha256
        except ImportError:
            continue
    raise ImportError("this Python has no SHA-256")


_sha256 = _implementation()


def sha256(raw: bytes) -> str:
    """The hex digits of the SHA-256 of `raw`."""
    digits: str = _sha256(raw).hexdigest()
    return digits
