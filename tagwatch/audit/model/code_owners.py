"""Who owns a file, by the CODEOWNERS of GitHub and GitLab.

Patterns are those of gitignore, without `!`: a `/` at the beginning or inside ties a pattern to the
root, `*` stays within a folder, `**` crosses folders, a folder owns all below it. The last pattern
that matches decides. GitLab's sections decide apart from each other, and may name owners for the
patterns that name none (docs.gitlab.com "Code Owners syntax").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from tagwatch.value import dataclass

__all__ = ["CodeOwners"]

_SECTION = re.compile(r"\^?\[([^\]]+)\](?:\[\d+\])?((?:\s+\S+)*)\s*")
_WORD = re.compile(r"(?:\\.|[^\s\\])+")
_CHARACTER = re.compile(r"\\?(.)", re.DOTALL)
_ANY_FOLDERS = ("**",)
_ANY_NAME = ("*",)

Name = tuple[str, ...]
"""A part of a pattern, character by character; one that is escaped has its backslash before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    section: str
    pattern: tuple[Name, ...]
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeOwners:
    """The entries of one file, in their order. `others`: folders of which it says nothing."""

    entries: tuple[_Entry, ...] = ()
    others: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> CodeOwners:
        r"""Read a file. What cannot be understood is left out, as both hosts do.

        >>> CodeOwners.parse("* @all\n/deploy/ @ops\n").owners_of("deploy/app/k8s.yaml")
        ('@ops',)
        """
        entries: list[_Entry] = []
        section = ""
        by_default: tuple[str, ...] = ()
        for line in text.removeprefix("\N{BYTE ORDER MARK}").splitlines():
            said = re.sub(r"(?:^|\s)#.*", "", line).strip()
            heading = _SECTION.fullmatch(said)
            if heading:
                section, by_default = heading[1].strip().lower(), tuple(heading[2].split())
                continue
            words = _WORD.findall(said)
            if words and not words[0].startswith(("!", "[")):
                owners = tuple(words[1:]) or by_default
                entries.append(_Entry(section=section, pattern=_parts(words[0]), owners=owners))
        return cls(entries=tuple(entries))

    def owners_of(self, path: str) -> tuple[str, ...]:
        """Return the owners of a path from the root, of every section, each once."""
        if any(path.startswith(f"{folder}/") for folder in self.others):
            return ()
        decided: dict[str, tuple[str, ...]] = {}
        names = path.split("/")
        for entry in self.entries:
            if _fits(entry.pattern, names, _ANY_FOLDERS, _fits_name):
                decided[entry.section] = entry.owners
        return tuple(dict.fromkeys(owner for owners in decided.values() for owner in owners))


def _parts(glob: str) -> tuple[Name, ...]:
    """Return the names of the folders and the file that a pattern stands for."""
    parts = [_characters(part) for part in glob.strip("/").split("/")]
    if "/" not in glob.rstrip("/"):
        parts.insert(0, _ANY_FOLDERS)
    if glob.endswith("/"):
        parts += [_ANY_NAME, _ANY_FOLDERS]
    elif parts[-1] != _ANY_NAME or parts[0] == _ANY_FOLDERS:
        parts.append(_ANY_FOLDERS)  # but `docs/*` owns no more than the files of that folder
    return tuple(parts)


def _characters(part: str) -> Name:
    if part == "**":
        return _ANY_FOLDERS
    return tuple(found[0] for found in _CHARACTER.finditer(part))


def _fits_name(pattern: Name, name: str) -> bool:
    return _fits(pattern, name, "*", lambda one, other: one == "?" or one[-1] == other)


def _fits(
    pattern: Sequence[Any],
    text: Sequence[Any],
    anything: Any,
    fits: Callable[[Any, Any], bool],
) -> bool:
    """Return True where `text` fits `pattern`, in which `anything` stands for any number of items.

    Takes at most their lengths' product: a file that strangers wrote shall not stop a scan, as
    regular expressions with many `*` would.
    """
    at = place = mark = 0
    last = -1
    while at < len(text):
        if place < len(pattern) and pattern[place] == anything:
            last, mark = place, at
            place += 1
        elif place < len(pattern) and fits(pattern[place], text[at]):
            place += 1
            at += 1
        elif last >= 0:
            mark += 1
            place, at = last + 1, mark
        else:
            return False
    return all(item == anything for item in pattern[place:])
