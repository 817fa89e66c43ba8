"""Regular expressions that are compiled when one is first used.

Compiling all that a warm `check` imports cost as much as starting Python (measured 2026-11-24),
and a file meets few of them.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, AnyStr

__all__ = ["regex"]

_METHODS = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub")


def regex(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, for constants of a module. A wrong pattern is told at its first use.

    >>> regex("[a-z]+").fullmatch("tag") is not None
    True
    """
    later: Any = _Later(pattern, flags)
    return later  # type: ignore[no-any-return]  # it answers as a pattern does


class _Later:
    """Stands in for a compiled pattern, and takes over its methods once there is one."""

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self._pattern = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self._pattern, self._flags)
        vars(self).update({method: getattr(compiled, method) for method in _METHODS})
        return getattr(compiled, name)
