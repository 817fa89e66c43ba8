"""Versions that a rebuild takes along: pins of packages, and versions of tools in variables.

`apk add openssl=3.3.2-r1` in place of `3.3.1-r0` is what a rebuild of the same image is for. Only
a version that rises within its major version counts: a lower one, another major one, another name
or source, or anything beside it, is another build.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from tagwatch.audit.reading.steps import normalized_step

__all__ = ["IsOwn", "is_raised", "raised_versions"]

IsOwn = Callable[[str, str], bool]

_VERSION = r"(?:\d+:)?v?\d[\w.+~-]*"
_VERSION_TEXT = re.compile(_VERSION, re.ASCII)
_PIN = re.compile(
    rf"""(["']?)(@?[A-Za-z0-9_][\w+./@,\[\]-]*?)(===?|[~><]=|=|@|:|-)({_VERSION})([\]"';,)]*)""",
    re.ASCII,
)
_VARIABLE = re.compile(rf"""(\w+_VERSION)([= ]["']?)({_VERSION})(["']?)""", re.ASCII)
_INSTALLS = re.compile(
    r"\b(?:apk\s(?:\S+\s)*?add|(?:apt|apt-get|aptitude|dnf|microdnf|tdnf|yum|zypper|conda|mamba"
    r"|micromamba|gem|go|cargo|brew)\s(?:\S+\s)*?install|(?:pip[\d.]*|pipx|uv)\s(?:\S+\s)*?install"
    r"|(?:npm|pnpm)\s(?:\S+\s)*?(?:i|install|add)|yarn\s(?:\S+\s)*?add|composer\s(?:\S+\s)*?require"
    r")\s"
)
_COMMANDS = re.compile(r"(\s*(?:;|&&|\|\||\|)\s+)")
_PART = re.compile(r"\d+|[a-z]+")
_MOST = 65_536


def raised_versions(pairs: Sequence[tuple[str, str]], is_own: IsOwn) -> tuple[str, ...] | None:
    """Return what rose between steps that stand at the same place: `YARN_VERSION 1.22.19 to …`.

    None where they differ in anything else. `is_own` is told a variable and its old value, and
    says whether that is the version of the image itself.
    """
    variables = {
        (old[3], new[3]): f"{old[1]} {old[3]} to {new[3]}"
        for before, after in pairs
        for old, new in _variables(before, after)
        if is_raised(old[3], new[3]) and not is_own(old[1], old[3])
    }
    found: dict[str, None] = dict.fromkeys(variables.values())
    known = dict(list(variables))
    for before, after in pairs:
        rose = _raised_in(before, after, known)
        if rose is None:
            return None
        found |= dict.fromkeys(rose)
    return tuple(found)


def is_raised(old: str, new: str) -> bool:
    """Return True where `new` comes after `old`, within the same epoch and major version.

    >>> is_raised("1.22.19", "1.22.22"), is_raised("1.22.19", "1.0.0"), is_raised("1.9", "2.0")
    (True, False, False)
    """
    if not (_VERSION_TEXT.fullmatch(old) and _VERSION_TEXT.fullmatch(new)):
        return False
    (epoch, before), (other, after) = _split(old), _split(new)
    return epoch == other and before[:1] == after[:1] and before < after


def _split(version: str) -> tuple[str, tuple[tuple[bool, int, str], ...]]:
    """Return the epoch of a package's version, and its parts in an order: words before numbers."""
    epoch, colon, rest = version.rpartition(":")
    parts = _PART.findall(rest.removeprefix("v").lower())
    key = tuple((one.isdigit(), int(one) if one.isdigit() else 0, one) for one in parts)
    return (epoch if colon else "0"), key


def _variables(before: str, after: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """Yield the variables that both steps set, with both values."""
    if not before.startswith(("ENV ", "ARG ", "RUN |")):
        return
    old = {found[1]: found for found in _VARIABLE.finditer(before[:_MOST])}
    for found in _VARIABLE.finditer(after[:_MOST]):
        if found[1] in old:
            yield old[found[1]], found


def _raised_in(before: str, after: str, known: Mapping[str, str]) -> list[str] | None:
    """Return the pins that rose in one step; None where it differs in anything else.

    `known`: versions of tools that rose, wherever a step writes them out.
    """
    for old, new in known.items():
        written = rf"(?<![\w.])(v?){re.escape(old)}(?!\w)"
        before = re.sub(written, rf"\g<1>{new}", before)  # `new` holds no backslash
    before, after = normalized_step(before), normalized_step(after)
    if before == after:
        return []
    if max(len(before), len(after)) > _MOST or not before.startswith("RUN "):
        return None
    one, other = _COMMANDS.split(before), _COMMANDS.split(after)
    if len(one) != len(other):
        return None
    found: list[str] = []
    for command, changed in zip(one, other, strict=True):
        if command == changed:
            continue
        rose = _raised_pins(command, changed)
        if rose is None:
            return None
        found += rose
    return found


def _raised_pins(command: str, changed: str) -> list[str] | None:
    """Return the pins that rose in one command that installs packages; None for anything else."""
    words, others = command.split(), changed.split()
    if len(words) != len(others) or not _INSTALLS.search(command):
        return None
    found: list[str] = []
    for word, other in zip(words, others, strict=True):
        if word == other:
            continue
        old, new = _PIN.fullmatch(word), _PIN.fullmatch(other)
        if not old or not new or old.group(1, 2, 3, 5) != new.group(1, 2, 3, 5):
            return None
        if not is_raised(old[4], new[4]):
            return None
        found.append(f"{old[2]} {old[4]} to {new[4]}")
    return found
