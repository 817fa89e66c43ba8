"""Patterns as `.gitignore` has them (gitignore(5)), each in the time of one look at the path.

A stranger wrote them, and git itself takes for ever with thirty `*` or `**/` in one. `re` does not
where each wildcard is an atomic group: it ends at the first place where what follows it fits, and
no other place is ever tried. That loses nothing, because up to the next wildcard of its kind
everything that follows has one length: so many characters in a part, so many parts in a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tagwatch.value import dataclass

__all__ = ["MAX_BYTES", "Pattern", "Patterns", "pattern_of"]

MAX_BYTES = 1024 * 1024
"""So much of a file of patterns counts. What stands behind it ignores nothing."""
_MAX_PATTERNS = 10_000
_TOKEN = re.compile(r"\\(.)|(\*+)|(\?)|(\[)|([^\\*?\[]+)|\\", re.DOTALL)
_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \t",
    "cntrl": "\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \t-\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One pattern. `includes` False: it begins with `!`."""

    includes: bool
    folders_only: bool
    named: bool
    """True: it is about the last part of a path alone, wherever that stands."""
    flat: bool
    """True: it ends in `/*`. In a list of files that names what is in a folder, and no deeper."""
    text: re.Pattern[str]

    def matches(self, path: str, *, is_folder: bool) -> bool:
        """Return True where the pattern is about this path itself, not a folder above it."""
        if self.folders_only and not is_folder:
            return False
        told = path.rpartition("/")[2] if self.named else path
        return self.text.fullmatch(told) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """The patterns of one file or list; of those that match, the last counts."""

    ordered: tuple[Pattern, ...]
    """The last first."""

    @classmethod
    def of(cls, lines: Iterable[str]) -> Patterns:
        """Read lines; git passes over a pattern that it cannot read, and so does this."""
        found = [one for line in lines if (one := pattern_of(line)) is not None]
        return cls(ordered=tuple(reversed(found[:_MAX_PATTERNS])))

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """Return True where the path itself is ignored, False where it is not; None: not told."""
        for one in self.ordered:
            if one.matches(path, is_folder=is_folder):
                return one.includes
        return None

    def includes(self, path: str) -> bool:
        """Return True where a file, or a folder that it is in, is matched: for lists of files."""
        above = [path[: at.start()] for at in re.finditer("/", path)]
        for one in self.ordered:
            if one.matches(path, is_folder=False) or (
                not one.flat and any(one.matches(folder, is_folder=True) for folder in above)
            ):
                return one.includes
        return False


def pattern_of(line: str) -> Pattern | None:
    r"""Return the pattern of a line; None for a comment, a blank line, or what never matches.

    >>> pattern_of("*.log").matches("a/b.log", is_folder=False)
    True
    """
    text = re.sub(r"(?<!\\) +\Z", "", line)
    while text.endswith("\\ ") and (len(text) - len(text[:-1].rstrip("\\"))) % 2:
        text = text[:-1].rstrip(" ")  # an even number of backslashes escapes no blank
    if not text or text.startswith("#"):
        return None
    includes = not text.startswith("!")
    text = text if includes else text[1:]
    folders_only = text.endswith("/")
    text = text[:-1] if folders_only else text
    named = "/" not in text
    flat = text.endswith("/*") and not folders_only
    text = text.removeprefix("/")
    if not text:
        return None
    try:
        whole = _part(text) if named else _path(_parts(text))
    except ValueError:
        return None
    return Pattern(
        includes=includes,
        folders_only=folders_only,
        named=named,
        flat=flat,
        text=re.compile(whole, re.DOTALL),
    )


def _parts(text: str) -> list[str]:
    """Return what stands between slashes. A slash in brackets is a character of a part."""
    parts = [""]
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match is not None
        end = _bracket(text, match.end())[1] if match[4] else match.end()
        first, *others = text[at:end].split("/") if match[5] else [text[at:end]]
        parts[-1] += first
        parts += others
        at = end
    return parts


def _path(parts: Iterable[str]) -> str:
    """Return a pattern for a whole path. `**` stands for any number of parts."""
    blocks: list[list[str]] = [[]]
    for part in parts:
        if len(part) > 1 and not part.strip("*"):
            blocks.append([])
        else:
            blocks[-1].append(_part(part))
    first, *others = blocks
    found = ["/".join(first)]
    if not others:
        return found[0]
    found.append("/" if first else "")
    *middle, last = others
    found += [f"(?>(?:[^/]+/)*?{'/'.join(block)}/)" for block in middle if block]
    found.append(f"(?:[^/]+/)*?{'/'.join(last)}" if last else ".+")
    return "".join(found)


def _part(text: str) -> str:
    """Return a pattern for one part of a path. Raises `ValueError` for what never matches."""
    chunks = [""]
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match is not None
        at = match.end()
        escaped, stars, one, bracket, plain = match.groups()
        if stars:
            chunks.append("")
        elif bracket:
            made, at = _bracket(text, at)
            chunks[-1] += made
        elif one:
            chunks[-1] += "[^/]"
        elif escaped or plain:
            chunks[-1] += re.escape(escaped or plain)
        else:
            raise ValueError("a backslash at the end")
    first, *others = chunks
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>[^/]*?{chunk})" for chunk in middle if chunk) + f"[^/]*{last}"


def _bracket(text: str, at: int) -> tuple[str, int]:
    """Return a pattern for a `[…]` whose inside begins at `at`, and where it ends."""
    negated = text[at : at + 1] in ("!", "^")
    at += negated
    inside = ""
    start = at
    while at < len(text) and (text[at] != "]" or at == start):
        if text.startswith("[:", at) and (end := text.find(":]", at)) > 0:
            inside += _CLASSES[text[at + 2 : end]] if text[at + 2 : end] in _CLASSES else _never()
            at = end + 2
            continue
        low, at = _character(text, at)
        if text[at : at + 1] == "-" and text[at + 1 : at + 2] not in ("]", ""):
            high, at = _character(text, at + 1)
            if low <= high:
                inside += f"{re.escape(low)}-{re.escape(high)}"
            continue
        inside += re.escape(low)
    if at >= len(text):
        raise ValueError("a bracket that does not end")
    if not inside:
        return ("[^/]" if negated else "(?!)"), at + 1
    return (f"(?!/)[{'^' if negated else ''}{inside}]"), at + 1


def _character(text: str, at: int) -> tuple[str, int]:
    if text[at] == "\\":
        at += 1
    if at >= len(text):
        raise ValueError("a bracket that does not end")
    return text[at], at + 1


def _never() -> str:
    raise ValueError("no such class of characters")
