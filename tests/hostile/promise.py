"""What a test promises a user: `SECURITY.md` is written from these marks.

`python -m tests.hostile.write` writes its table again; `test_promises.py` holds it to the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["promised"]

T = TypeVar("T", bound=Callable[..., object])


def promised(attacker: str, attack: str, promise: str) -> Callable[[T], T]:
    """Mark a test. All three are literal texts: who attacks, with what, and what holds then."""
    assert attacker
    assert attack
    assert promise
    return lambda test: test
