"""Which scopes one token is asked for together: a first night needs those of every repository.

Distribution's "Token Authentication Specification": `scope` may stand several times, and the server
grants what it will of them. What a token holds is nobody's business but the registry's: who is
refused with a shared one asks for a token of its own (Docker Hub granted one scope of several in
2022: docker/hub-feedback#2215).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

__all__ = ["LONGEST_TOKEN", "Grant", "SharedScopes"]

_MOST_SCOPES = 20
_MOST_LETTERS = 2000
"""Of a request's scopes together: proxies refuse long URLs."""
LONGEST_TOKEN = 7000
"""Registries refuse longer headers (8 kB of nginx): such a token serves nobody."""
_LEAST_REFUSED = 4


class Grant(NamedTuple):
    """What access a request needs: to a repository's `path` (empty: the whole registry)."""

    path: str
    scope: str


class SharedScopes:
    """The repositories of a run that have no token yet, and which of them share one."""

    def __init__(self) -> None:
        self._planned: dict[Grant, None] = {}
        self._together: dict[Grant, tuple[str, ...]] = {}
        self._alone: set[Grant] = set()
        self._given = 0
        self._refused = 0
        self._is_off = False

    def plan(self, grants: Iterable[Grant]) -> None:
        """Say what will be needed, in the order in which it will be; nothing else is asked for."""
        fresh = (grant for grant in grants if grant not in self._together)
        self._planned = {grant: None for grant in fresh if grant not in self._alone}

    def scopes(self, grant: Grant) -> tuple[str, ...]:
        """Return what to ask for together with `grant`; the same for all who share the token."""
        if self._is_off or grant in self._alone:
            return (grant.scope,)
        if grant not in self._together:
            self._planned.pop(grant, None)
            group = [grant, *self._next(_MOST_LETTERS - len(grant.scope))]
            scopes = tuple(one.scope for one in group)
            self._together |= dict.fromkeys(group, scopes)
            self._given += len(group) - 1
        return self._together[grant]

    def _next(self, letters: int) -> list[Grant]:
        """Take the next few of those that are planned."""
        found = []
        for grant in islice(self._planned, _MOST_SCOPES - 1):
            letters -= len(grant.scope)
            if letters < 0:
                break
            found.append(grant)
        for grant in found:
            del self._planned[grant]
        return found

    def refuse(self, grant: Grant) -> bool:
        """Take note that a token was refused for `grant`; True where that was a shared one.

        Some repositories are private. Where most are refused, the server grants only one scope.
        """
        scopes = self._together.pop(grant, ())
        self._alone.add(grant)
        if len(scopes) < 2:
            return False
        self._refused += 1
        self._is_off |= self._refused >= _LEAST_REFUSED and 2 * self._refused > self._given
        return True

    def give_up(self) -> None:
        """Ask for each scope by itself from now on."""
        self._is_off = True
