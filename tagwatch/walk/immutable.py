"""Bases that the policy calls immutable: watched, since any other digest of theirs is to be told.

Another base is followed for what stands on it; nobody promised that its tags stay.
"""

from __future__ import annotations

from tagwatch.audit.model.policy import ApprovedBase, Policy
from tagwatch.config.settings import Watch
from tagwatch.image.selector import is_pattern

__all__ = ["immutable_bases"]

_GLOB = frozenset("*?[")


def immutable_bases(policy: Policy) -> tuple[Watch, ...]:
    """What to watch of them, each where the policy names it.

    Not of a base without `tags`: its tags are read as images call for them.
    """
    return tuple(
        watch for base in policy.followed_bases if base.immutable for watch in _watches(base)
    )


def _watches(base: ApprovedBase) -> tuple[Watch, ...]:
    if base.place is None:
        return ()
    globs = tuple(tag for tag in base.tags if _GLOB.intersection(tag) or is_pattern(tag))
    names = tuple(tag for tag in base.tags if tag not in globs)
    found = []
    if names:
        found.append(Watch(image=base.reference, tags=names, location=base.place))
    if globs:
        found.append(Watch(image=base.reference, include=globs, location=base.place))
    return tuple(found)
