"""Who may say what: the tier of every key of tagwatch.yaml.

A configuration has one of two origins. The **operator** is who runs tagwatch; the **tree** is the
repository that is looked at, and whoever wrote to it. What a tree may say cannot send a login
anywhere, run anything, or change what other trees believe. Every key that does not stand in the
table below is the operator's, new ones too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from tagwatch.family import PUBLISHERS, REGISTRIES
from tagwatch.value import dataclass

__all__ = [
    "PLACES",
    "TREE_KEYS",
    "Limit",
    "risk_of",
    "tier_of",
    "trees_part",
    "untreelike",
    "words_of",
]

Keys = tuple[str | int, ...]

_KINDS = frozenset({"distribution", "gitlab", "harbor", "quay"})
_MOST_TAGS = 20_000
_NEVER_WRITTEN = frozenset({".git", ".github", ".gitlab", ".hg", ".svn", ".jj"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a tree may say of a key: values that `allows`, told to people in `words`."""

    words: str = ""
    allows: Callable[[Any], bool] = lambda _: True


def _is_inside(value: Any) -> bool:
    """True for a path that starts in the tree. Whether it stays there is seen where it is real."""
    if not isinstance(value, str):
        return True
    path, other = PurePosixPath(value), PureWindowsPath(value)
    is_whole = path.is_absolute() or other.is_absolute() or bool(other.drive or other.root)
    return not is_whole and not value.startswith("~")


def _is_for_reports(value: Any) -> bool:
    parts = PureWindowsPath(value).parts if isinstance(value, str) else ()
    return _is_inside(value) and not _NEVER_WRITTEN & {part.lower() for part in parts}


def _is_place_of_facts(value: Any) -> bool:
    return not isinstance(value, str) or value.startswith("https://") or _is_inside(value)


_ANYTHING = Limit()
_INSIDE = Limit(words="a file in the tree", allows=_is_inside)
_FACTS = Limit(words="a file in the tree, or an https URL", allows=_is_place_of_facts)

TREE_KEYS: Mapping[str, Limit] = {
    "version": _ANYTHING,
    "sources": _ANYTHING,
    "watch.image": _ANYTHING,
    "watch.tags": _ANYTHING,
    "watch.include": _ANYTHING,
    "watch.exclude": _ANYTHING,
    "watch.max_tags": Limit(
        words=f"at most {_MOST_TAGS}",
        allows=lambda value: not isinstance(value, int) or value <= _MOST_TAGS,
    ),
    "max_age": _ANYTHING,
    "policy": _INSIDE,
    "reports.directory": Limit(words="a folder in the tree", allows=_is_for_reports),
    "reports.formats": Limit(
        words="formats of tagwatch's own",
        allows=lambda value: not isinstance(value, str) or value in PUBLISHERS,
    ),
    "facts": _FACTS,
    "facts.source": _FACTS,
    "registries.*.kind": Limit(
        words=", ".join(sorted(_KINDS)),
        allows=lambda value: not isinstance(value, str) or value in _KINDS,
    ),
    "registries.*.credential": Limit(
        words="anonymous", allows=lambda value: value is None or value == "anonymous"
    ),
}
"""What a tree's file may say: its keys, `*` for any name, with all below. All else: the operator's.

Below `watch`, `sources`, `reports`, `facts` and `registries` a tree may say only what stands here.
"""

_MIXED = frozenset({"facts", "registries", "registries.*", "reports", "sources", "watch"})


PLACES = (("reports", "directory"), ("facts",), ("facts", "source"))
"""The keys of `TREE_KEYS` beside `policy` that name a place, which must be in the tree."""

_RISKS: Mapping[str, str] = {
    "alerts": "it chooses who is told",
    "database": "it is what other runs believe",
    "engine": "it runs code",
    "environment": "it shows values of your environment to registries",
    "facts": "it chooses whose word is believed",
    "knowledge": "it says what is supported",
    "pull_through": "it says which images are taken for official ones",
    "retention": "it empties a memory that other trees use",
    "sources.git": "it is fetched with your git logins",
    "registries.*.endpoint": "your logins and all questions would go there",
    "registries.*.catalogue_endpoint": "your logins and all questions would go there",
    "registries.*.credential": "your login would be sent where this file says",
    "registries.*.token_hosts": "your login would be sent there",
    "registries.*.redirect_hosts": "it opens the way into private networks",
    "registries.*.ca_file": "it chooses whose certificates are believed",
    "registries.*.insecure": "it turns certificates off",
    "registries.*.client_certificate": "your certificate would be shown",
}


def risk_of(keys: Keys) -> str:
    """What a key could do, in half a sentence; empty where there is nothing special to say."""
    names = _pattern(keys).split(".")
    above = (".".join(names[:length]) for length in range(len(names), 0, -1))
    return next((_RISKS[one] for one in above if one in _RISKS), "")


def tier_of(keys: Keys) -> str:
    """The tier of a key by its path: `tree`, `mixed` (it depends on what is below) or `operator`.

    Indices count for nothing: what holds for a list holds for each of its items.
    """
    pattern = _pattern(keys)
    if pattern in _MIXED:
        return "mixed"
    names = pattern.split(".")
    above = (".".join(names[:length]) for length in range(len(names), 0, -1))
    known = next((one for one in above if one in TREE_KEYS), None)
    return "tree" if known is not None and known not in _MIXED else "operator"


def words_of(keys: Keys) -> str:
    """What a tree may say of a key that it may not say everything of; empty where it may."""
    limit = TREE_KEYS.get(_pattern(keys))
    return limit.words if limit is not None else ""


def untreelike(plain: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """Each place in a tree's file, in its plain form, that is for the operator to say.

    With it what a tree may say there; empty where it may say nothing. Of a key that is wholly the
    operator's only the key itself is given, not what is below.
    """
    for key, value in plain.items():
        yield from _untreelike(value, (key,))


def trees_part(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The plain form without what a tree may not say."""
    kept = {key: _kept(value, (key,)) for key, value in plain.items()}
    return {key: value for key, value in kept.items() if value is not None}


def _untreelike(value: Any, keys: Keys) -> Iterator[tuple[Keys, str]]:
    tier = tier_of(keys)
    if tier == "operator":
        yield keys, ""
        return
    limit = TREE_KEYS.get(_pattern(keys), _ANYTHING)
    if _pattern(keys) == "registries.*.kind" and _is_known(str(keys[1])):
        yield keys, "the kind of a registry that tagwatch does not know by its name"
        return
    if isinstance(value, dict) and _pattern(keys) != "policy":
        for key, inner in value.items():
            yield from _untreelike(inner, (*keys, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _untreelike(item, (*keys, index))
    elif not limit.allows(value):
        yield keys, limit.words


def _is_known(host: str) -> bool:
    """True for a host whose kind the table has: another kind would only cost its quota."""
    *known, _ = REGISTRIES
    return any(re.fullmatch(pattern, host.lower(), re.ASCII) for pattern, *_ in known)


def _kept(value: Any, keys: Keys) -> Any:
    if isinstance(value, list) and tier_of(keys) == "mixed":
        return [one for one in (_kept(item, (*keys, 0)) for item in value) if one is not None]
    if isinstance(value, dict) and tier_of(keys) == "mixed":
        inner = {key: _kept(item, (*keys, key)) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item is not None} or None
    return None if next(_untreelike(value, keys), None) is not None else value


def _pattern(keys: Keys) -> str:
    """The key as the table names it: without indices, `*` for the name of a registry.

    A host has dots, and would read as several keys.
    """
    names = [str(key) for key in keys if isinstance(key, str)]
    if len(names) > 1 and names[0] == "registries":
        names[1] = "*"
    return ".".join(names)
