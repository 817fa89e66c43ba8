"""A limit of time for long lists: whoever goes through one asks now and then whether to go on.

What is computed of a stranger's tags is pure and knows no clock. A run that has a limit gives a
function that raises when the time is over; where there is none, nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

__all__ = ["keep_time", "limited", "within_limit"]

T = TypeVar("T")

_EVERY = 1024
_CHECK: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)


@contextmanager
def limited(check: Callable[[], None]) -> Iterator[None]:
    """Ask `check` inside, which raises where there is no more time."""
    before = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(before)


def keep_time() -> None:
    """Raise as the run's `check` does, where there is one, and no more time."""
    check = _CHECK.get()
    if check is not None:
        check()


def within_limit(items: Iterable[T]) -> Iterable[T]:
    """Return the items, to be gone through only as long as there is time."""
    check = _CHECK.get()
    return items if check is None else _checked(items, check)


def _checked(items: Iterable[T], check: Callable[[], None]) -> Iterator[T]:
    for number, item in enumerate(items):
        if not number % _EVERY:
            check()
        yield item
