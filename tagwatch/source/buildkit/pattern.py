"""Shell patterns (`*`, `?` and escapes) in time that no pattern can blow up.

XCU 2.13 without bracket expressions, as BuildKit matches them: a set of positions, kept as the
bits of one integer, walks over the value.
"""

from __future__ import annotations

from tagwatch.errors import InputError

__all__ = ["replace_pattern", "trim_prefix", "trim_suffix"]

_MAX_WORK = 1 << 17
_ANY, _ONE = object(), object()


def trim_prefix(value: str, pattern: str, *, longest: bool) -> str:
    """`value` without the shortest or longest prefix that matches. Raises `InputError`."""
    end = _Matcher(value, _compile(pattern, value)).end(longest=longest)
    return value if end is None else value[end:]


def trim_suffix(value: str, pattern: str, *, longest: bool) -> str:
    """`value` without the shortest or longest suffix that matches. Raises `InputError`."""
    end = _Matcher(value[::-1], _compile(pattern, value)[::-1]).end(longest=longest)
    return value if end is None else value[: len(value) - end]


def replace_pattern(value: str, pattern: str, replacement: str, *, every: bool) -> str:
    """`value` with the first or every longest match replaced. Raises `InputError`."""
    matcher = _Matcher(value, _compile(pattern, value))
    parts: list[str] = []
    position, matched_to = 0, -1
    while position <= len(value):
        end = matcher.end(position, longest=True)
        if end is not None and (end > position or position != matched_to):
            parts.append(replacement)
            matched_to = end
            if not every:
                return "".join(parts) + value[end:]
        if end is None or end == position:
            parts.append(value[position : position + 1])
            end = position + 1
        position = end
    return "".join(parts)


def _compile(pattern: str, value: str) -> list[object]:
    """The pattern's characters, with `_ANY` for `*` and `_ONE` for `?`."""
    if len(pattern) * len(value) > _MAX_WORK:
        raise InputError("a pattern and its value are too long", hint="shorten the substitution")
    tokens: list[object] = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        position += 1
        if char == "\\":
            char = pattern[position : position + 1]
            if char not in ("}", "/", "*", "?", "\\"):
                raise InputError(
                    f"invalid escape in the pattern {pattern[:80]!r}",
                    hint=r"only \* \? \\ \} and \/ are escapes",
                )
            position += 1
            tokens.append(char)
        else:
            tokens.append({"*": _ANY, "?": _ONE}.get(char, char))
    return tokens


class _Matcher:
    """A pattern over one value: bit `i` of a set stands for the place before `value[i]`."""

    def __init__(self, value: str, tokens: list[object]) -> None:
        self.tokens = tokens
        self.every = (1 << (len(value) + 1)) - 1
        self.places: dict[object, int] = {_ONE: self.every}
        for index, char in enumerate(value):
            self.places[char] = self.places.get(char, 0) | 1 << index

    def end(self, position: int = 0, *, longest: bool) -> int | None:
        """Where the shortest or longest match that begins at `position` ends."""
        reached = 1 << position
        for token in self.tokens:
            if token is _ANY:
                reached = self.every & -(reached & -reached)
            else:
                reached = (reached & self.places.get(token, 0)) << 1 & self.every
            if not reached:
                return None
        return (reached if longest else reached & -reached).bit_length() - 1
