"""Which patterns of `sources:` cover the files of a tree that name images."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from posixpath import basename, dirname, splitext

from tagwatch.workspace.gitignore import Patterns

__all__ = ["USUAL", "patterns_for", "unmatched"]

USUAL = (
    *("**/Dockerfile*", "**/*.[dD]ockerfile", "**/[cC]ontainerfile*"),
    *("**/*compose*.y*ml", "**/kustomization.y*ml", "**/*values*.y*ml"),
    *("**/*.gitlab-ci.yml", ".github/workflows/*.y*ml"),
    *(".gitea/workflows/*.y*ml", ".forgejo/workflows/*.y*ml"),
    *("**/docker-bake*.hcl", "**/docker-bake*.json", "**/*devcontainer.json"),
)
"""Patterns of names that people know; the first that matches a file is its pattern."""
_MANY = 3
"""So many folders below one are told as that one."""
_SPECIAL = re.compile(r"[\\*?\[]|^[!#]|\s$")


def patterns_for(paths: Collection[str]) -> tuple[str, ...]:
    """Return patterns that match each of these paths, the usual ones first."""
    usual = [(pattern, Patterns.of([pattern])) for pattern in USUAL]
    used: dict[str, None] = {}
    rest = []
    for path in sorted(paths):
        found = next((pattern for pattern, read in usual if read.includes(path)), None)
        if found is None:
            rest.append(path)
        else:
            used[found] = None
    ordered = [pattern for pattern in USUAL if pattern in used]
    return (*ordered, *_by_folder(rest))


def unmatched(paths: Iterable[str], patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the paths that no pattern speaks of; one that a `!` takes out is spoken of."""
    every = Patterns.of([pattern.removeprefix("!") for pattern in patterns])
    return tuple(path for path in paths if not every.includes(path))


def _by_folder(paths: Collection[str]) -> Iterator[str]:
    """Yield a pattern for several files of one kind in a folder or below it, else their paths."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        kinds.setdefault((path.partition("/")[0], splitext(path)[1]), []).append(path)
    for (top, ending), same in sorted(kinds.items()):
        folders = {dirname(path) for path in same}
        if ending and len(folders) >= _MANY:
            yield f"{_literal(top)}/**/*{_literal(ending)}"
            continue
        for folder in sorted(folders):
            there = [path for path in same if dirname(path) == folder]
            if folder and ending and len(there) > 1:
                yield f"{_literal(folder)}/*{_literal(ending)}"
            else:  # with a slash it is about this path alone
                yield from ("/" * (basename(path) == path) + _literal(path) for path in there)


def _literal(text: str) -> str:
    """Return the pattern that matches this text alone."""
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)
