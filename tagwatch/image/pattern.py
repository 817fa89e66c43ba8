"""Regular expressions that users write, run over names that strangers chose.

Python's engine backtracks, so a pattern is accepted only where that is bounded: a tag has at most
128 characters, a pattern at most 6 repeats without a small limit, of which 3 may be of something
wide (`.`, a set, a group) or right behind another; and no group that repeats or chooses inside is
itself repeated. What RE2 would refuse is refused too: references back.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache

from tagwatch.errors import UsageError

__all__ = ["compile_pattern"]

_MAX_REPEATS = 6
_MAX_WIDE = 3
_WIDE = frozenset({".", r"\w", r"\W", r"\S", r"\s", r"\D"})
_FEW = 3
_SYNTAX = re.compile(
    r"""(?P<escape>\\.)
      | (?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])
      | (?P<flag>\(\?i\))
      | (?P<open>\((?:\?(?::|=|!|<=|<!|P<\w+>))?)
      | (?P<close>\))
      | (?P<choice>\|)
      | (?P<repeat>[*+?]|\{(?=[\d,])(?P<least>\d*)(?P<to>,?)(?P<most>\d*)\})""",
    re.DOTALL | re.VERBOSE | re.ASCII,
)


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """`pattern`, compiled. Raises `UsageError` for one that is malformed or could run for ever."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # what the next Python may read otherwise
            compiled = re.compile(pattern, re.ASCII)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        raise UsageError(
            f"not a regular expression: {pattern[:160]!r}: {error}",
            hint="Python's syntax, matched against the whole tag only with ^ and $",
        ) from error
    if not _is_tame(pattern):
        raise UsageError(
            f"a regular expression that could run for ever: {pattern[:160]!r}",
            hint="repeat no group that repeats or chooses inside, and have at most three of .*",
        )
    return compiled


def _is_tame(pattern: str) -> bool:
    repeats = wide = 0
    inside = [False]  # for each open group: does it repeat or choose?
    atom = (0, 0)  # where the last escape, set or group stands
    is_wild, repeated_to = False, -1  # did the last group repeat? where did the last repeat end?
    for match in _SYNTAX.finditer(pattern):
        sign = match[0]
        if match["open"]:
            if sign == "(" and pattern[match.end() : match.end() + 1] == "?":
                return False  # a reference back by name, a condition, a flag
            inside.append(False)
        elif match["close"]:
            is_wild = inside.pop()
            inside[-1] = inside[-1] or is_wild
            atom = match.span()
        elif match["choice"]:
            inside[-1] = True
        elif not match["repeat"]:
            if sign[0] == "\\" and sign[1] in "123456789":
                return False
            atom = match.span()
        elif _is_open(match):
            start = atom[0] if atom[1] == match.start() else match.start() - 1
            what = pattern[start : match.start()]
            if what == ")" and is_wild:
                return False
            repeats += 1
            wide += what in _WIDE or what.startswith(("[", ")")) or start == repeated_to
            repeated_to = match.end()
            inside[-1] = True
    return repeats <= _MAX_REPEATS and wide <= _MAX_WIDE


def _is_open(match: re.Match[str]) -> bool:
    """True for a repeat without a limit, or with a large one."""
    if match[0] in "*+?":
        return match[0] != "?"
    most = match["most"] or ("" if match["to"] else match["least"])
    return not most or int(most) > _FEW
