"""Plain command lines, read from the flags' own declarations without argparse.

Importing argparse, and making a parser of fifteen flags for a line that has one of them, costs a
warm `check` a tenth of its time (measured 2026-11-24). Whatever is out of the ordinary is left to
argparse, which alone tells what is wrong: no rule of a command stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

__all__ = ["plain_options"]

_CONSTANTS = {"store_true": True, "store_false": False}
_KINDS = (str, int, float)
_ONE, _MAYBE, _ANY, _SOME = "", "?", "*", "+"
"""How many words an argument takes: its `nargs`."""


def plain_options(
    declare: Callable[[argparse.ArgumentParser], None], line: Sequence[str]
) -> argparse.Namespace | None:
    """What argparse would make of `line`; None for what only argparse can tell.

    Read here: flags that stand whole, `--flag value` and `--flag=value`, and arguments, of which
    only the last of a command may take several words.
    """
    declared: Any = _Declared()
    try:
        declare(declared)
        options: argparse.Namespace = declared.read(line)
    except _NotPlainError:
        return None
    return options


class _NotPlainError(Exception):
    """Argparse is needed."""


class _Declared:
    """Takes the declarations that a parser would take."""

    def __init__(self) -> None:
        self._flags: dict[str, dict[str, Any]] = {}
        self._values: dict[str, Any] = {}
        self._arguments: dict[str, str] = {}
        """By name, how many words each takes."""

    def add_argument(self, *names: str, **said: Any) -> None:
        """See `argparse.ArgumentParser.add_argument`."""
        first = next((name for name in names if name.startswith("--")), names[0])
        said["dest"] = said.get("dest") or first.lstrip("-").replace("-", "_")
        is_set = _CONSTANTS.get(said.get("action", ""))
        default = said.get("default", None if is_set is None else not is_set)
        if said.get("required") or (isinstance(default, str) and "type" in said):
            raise _NotPlainError
        self._values[said["dest"]] = default
        if first.startswith("-"):
            self._flags.update(dict.fromkeys(names, said))
        else:
            takes = said.get("nargs", _ONE)
            is_last = bool({_ANY, _SOME} & {*self._arguments.values()})
            if is_last or takes not in (_ONE, _MAYBE, _ANY, _SOME) or {"type", "choices"} & {*said}:
                raise _NotPlainError
            self._arguments[said["dest"]] = takes

    def add_mutually_exclusive_group(self) -> _Declared:
        """A line with one of its flags is not plain; without, their defaults hold."""
        group = _Declared()
        group._values = self._values
        return group

    def __getattr__(self, name: str) -> Any:
        raise _NotPlainError

    def read(self, line: Sequence[str]) -> SimpleNamespace:
        """The line's values over the defaults. Raises `_NotPlainError`."""
        values = dict(self._values)
        arguments: list[str] = []
        words = iter(line)
        for word in words:
            if word.startswith("-"):
                name, value = self._flag(word, words)
                values[name] = value
            else:
                arguments.append(word)
        self._hand_out(arguments, values)
        return SimpleNamespace(**values)

    def _hand_out(self, words: list[str], values: dict[str, Any]) -> None:
        """Give each argument its words, in order. Raises `_NotPlainError` where they do not fit."""
        for name, takes in self._arguments.items():
            if not words and takes in (_ONE, _SOME):
                raise _NotPlainError
            if takes in (_ANY, _SOME):
                if words or values[name] is None:
                    values[name], words = words, []
            elif words:
                values[name], *words = words
        if words:
            raise _NotPlainError

    def _flag(self, word: str, words: Iterator[str]) -> tuple[str, Any]:
        """The name and value of the flag that `word` is."""
        name, equals, value = word.partition("=")
        said = self._flags.get(word if word in self._flags else name)
        if said is None or not word.startswith("--"):
            raise _NotPlainError
        action = said.get("action", "store")
        if action in _CONSTANTS and not equals:
            return said["dest"], _CONSTANTS[action]
        if action != "store" or "nargs" in said or said.get("type", str) not in _KINDS:
            raise _NotPlainError
        if not equals:
            value = next(words, "-")
            if value.startswith("-"):
                raise _NotPlainError
        try:
            given = said.get("type", str)(value)
        except ValueError:
            raise _NotPlainError from None
        if "choices" in said and given not in said["choices"]:
            raise _NotPlainError
        return said["dest"], given
