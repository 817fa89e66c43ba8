"""HCL expressions and templates to trees (HCL native syntax specification, "Expressions").

A tree is a tuple: its kind, then its parts. Positions are not kept: places are those of the
strings that hold the templates.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tagwatch.errors import InputError

__all__ = ["Tree", "expression_end", "next_marker", "parse_expression", "parse_template"]
__all__ += ["unescaped"]

Tree = tuple[object, ...]

_MAX_DEPTH = 40
_MAX_LINKS = 150  # operators and accesses of one expression: each makes its tree higher, too
_MAX_LENGTH = 65_536
_TOKEN = re.compile(
    r"""(?P<blank>(?:[ \t\r\n]+|\#[^\n]*|//[^\n]*|/\*.*?\*/)+)"""
    r"""|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"""
    r"""|(?P<name>[^\W\d][\w-]*)"""
    r"""|(?P<mark>\.\.\.|=>|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:=.,()\[\]{}"])""",
    re.DOTALL,
)
_PRECEDENCE = {
    "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, ">": 4, "<=": 4, ">=": 4,
    "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}  # fmt: skip
_TIGHTEST = 7
_WORDS = {"true": True, "false": False, "null": None}
_ESCAPE = re.compile(r"\\(?:([nrt\"\\])|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_MARKER = re.compile(r"\$?\$\{|%?%\{")


@lru_cache(maxsize=1024)
def parse_expression(text: str) -> Tree:
    """The tree of an expression. Raises `InputError`."""
    if len(text) > _MAX_LENGTH:
        raise _refused("an expression is too long")
    return _Parser(text).whole()


def parse_template(text: str, *, escapes: bool = False, depth: int = 0) -> Tree:
    """A text with `${…}` in it. `escapes`: it stood in quotes, which read escapes.

    Directives (`%{if …}`) are not read. Raises `InputError`.
    """
    plain = unescaped if escapes else str
    parts: list[object] = []
    position = 0
    while (found := next_marker(text, position)) is not None:
        at, mark = found
        parts.append(plain(text[position:at]))
        if len(mark) == 3:
            parts.append(mark[1:])
            position = at + 3
            continue
        if mark == "%{":
            raise _refused("a template directive")
        end = expression_end(text, at + 2)
        parts.append(_Parser(text[at + 2 : end - 1].strip("~"), depth + 1).whole())
        position = end
    parts.append(plain(text[position:]))
    kept = [part for part in parts if part != ""]
    if len(kept) == 1 and isinstance(kept[0], tuple):
        return kept[0]  # a template that is only `${x}` has the type of x
    return ("template", tuple(kept))


def expression_end(text: str, at: int, nested: int = 0) -> int:
    """Where an expression that begins at `at` ends: after its `}`, strings passed over."""
    if nested > _MAX_DEPTH:
        return len(text)
    depth, quoted = 1, False
    while at < len(text) and depth:
        character = text[at]
        if character == "\\":
            at += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            depth += (character == "{") - (character == "}")
        elif text.startswith("${", at):
            at = expression_end(text, at + 2, nested + 1) - 1
        at += 1
    return min(at, len(text))


def next_marker(text: str, position: int) -> tuple[int, str] | None:
    """Where the next `${` or `%{` of a template is, or `$${` and `%%{`, which stand for those."""
    found = _MARKER.search(text, position)
    return (found.start(), found[0]) if found else None


def unescaped(text: str) -> str:
    """What stands in quotes, its escapes read. Raises `InputError`."""

    def character(match: re.Match[str]) -> str:
        number = match[2] or match[3]
        return chr(int(number, 16)) if number else _ESCAPED[match[1]]

    try:
        made = _ESCAPE.sub(character, text) if "\\" in text else text
        made.encode()  # half a surrogate pair is no text
    except (ValueError, OverflowError) as error:
        raise _refused("an escape that is no character") from error
    return made


def _refused(reason: str) -> InputError:
    return InputError(f"{reason} in HCL", hint="what depends on it is told as missing")


class _Parser:
    """A word at a time; `kind` is empty at the end."""

    def __init__(self, text: str, depth: int = 0) -> None:
        self._text = text
        self._at = 0
        self._depth = depth
        self._links = 0
        self.kind = ""
        self.word = ""
        self._next()

    def whole(self) -> Tree:
        tree = self.expression(0)
        if self.kind:
            raise _refused(f"unexpected {self.word[:20]!r}")
        return tree

    def expression(self, least: int) -> Tree:
        """An expression of operators that bind at least so strongly; 0: a condition, too."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _refused("an expression nested too deeply")
        tree = self._operand()
        while (strength := _PRECEDENCE.get(self.word, 0)) and strength >= max(least, 1):
            self._link()
            operator = self._take()
            tree = ("operator", operator, tree, self.expression(strength + 1))
        if not least and self.word == "?" and self.kind == "mark":
            self._next()
            then = self.expression(0)
            self._want(":")
            tree = ("if", tree, then, self.expression(0))
        self._depth -= 1
        return tree

    def _link(self) -> None:
        self._links += 1
        if self._links > _MAX_LINKS:
            raise _refused("an expression of too many parts")

    def _operand(self) -> Tree:
        if self.word in ("-", "!") and self.kind == "mark":
            return ("unary", self._take(), self.expression(_TIGHTEST))
        tree = self._term()
        while self.kind == "mark" and self.word in (".", "["):
            tree = self._access(tree)
        return tree

    def _access(self, tree: Tree) -> Tree:
        """`.name`, `.0`, `[key]`; `.*` and `[*]` go over what stands behind them."""
        self._link()
        if self._take() == ".":
            if self.word == "*":
                self._next()
                return ("splat", tree, self._rest("."))
            key: object = int(self.word) if self.word.isdecimal() else self.word
            if self.kind not in ("name", "number"):
                raise _refused("a key is missing")
            self._next()
            return ("get", tree, ("value", key))
        if self.word == "*":
            self._next()
            self._want("]")
            return ("splat", tree, self._rest(".["))
        key_tree = self.expression(0)
        self._want("]")
        return ("get", tree, key_tree)

    def _rest(self, marks: str) -> Tree:
        """What is done with each item: behind `.*` attributes only, behind `[*]` indexes, too."""
        tree: Tree = ("name", "*")
        while self.kind == "mark" and self.word in marks:
            tree = self._access(tree)
        return tree

    def _term(self) -> Tree:
        kind, word = self.kind, self.word
        if kind == "number":
            self._next()
            return ("value", float(word) if re.search("[.eE]", word) else int(word))
        if kind == "name":
            self._next()
            if word in _WORDS:
                return ("value", _WORDS[word])
            return self._call(word) if self.word == "(" else ("name", word)
        match word:
            case '"':
                return self._string()
            case "(":
                self._next()
                tree = self.expression(0)
                self._want(")")
                return tree
            case "[":
                self._next()
                return self._loop("]") if self.word == "for" else self._list()
            case "{":
                self._next()
                return self._loop("}") if self.word == "for" else self._object()
        raise _refused(f"unexpected {word[:20]!r}" if word else "the end of an expression")

    def _call(self, name: str) -> Tree:
        self._next()
        arguments: list[Tree] = []
        spread = False
        while self.word != ")":
            arguments.append(self.expression(0))
            if self.word == "...":
                spread = True
                self._next()
            if self.word != ")":
                self._want(",")
        self._next()
        return ("call", name, tuple(arguments), spread)

    def _list(self) -> Tree:
        items: list[Tree] = []
        while self.word != "]":
            items.append(self.expression(0))
            if self.word != "]":
                self._want(",")
        self._next()
        return ("list", tuple(items))

    def _object(self) -> Tree:
        pairs: list[tuple[Tree, Tree]] = []
        while self.word != "}":
            if self.kind == "name":
                key: Tree = ("value", self._take())
            else:
                key = self.expression(0)
            self._want(":" if self.word == ":" else "=")
            pairs.append((key, self.expression(0)))
            if self.word == ",":
                self._next()
        self._next()
        return ("object", tuple(pairs))

    def _loop(self, end: str) -> Tree:
        """`[for v in xs : f(v) if c]`, `{for k, v in xs : k => v}`."""
        self._next()
        names = [self._name()]
        if self.word == ",":
            self._next()
            names.append(self._name())
        if self._name() != "in":
            raise _refused("a `for` without `in`")
        over = self.expression(0)
        self._want(":")
        first = self.expression(0)
        second: Tree | None = None
        if self.word == "=>":
            self._next()
            second = self.expression(0)
        condition: Tree = ("value", True)
        if self.word == "if":
            self._next()
            condition = self.expression(0)
        self._want(end)
        if (second is None) != (end == "]"):
            raise _refused("a `for` of the wrong form")
        return ("for", tuple(names), over, first, second, condition)

    def _string(self) -> Tree:
        """A quoted template; the parser stands on its opening quote."""
        begin = position = self._at
        text = self._text
        while position < len(text) and text[position] != '"':
            if text[position] == "\\":
                position += 2
            elif text.startswith("${", position) and not text.startswith("$${", position - 1):
                position = expression_end(text, position + 2)
            else:
                position += 1
        if position >= len(text):
            raise _refused("a string that does not end")
        tree = parse_template(text[begin:position], escapes=True, depth=self._depth + self._links)
        self._at = position + 1
        self._next()
        return tree

    def _name(self) -> str:
        if self.kind != "name":
            raise _refused("a name is missing")
        return self._take()

    def _take(self) -> str:
        word = self.word
        self._next()
        return word

    def _want(self, mark: str) -> None:
        if self.word != mark or self.kind != "mark":
            raise _refused(f"no {mark!r} where one belongs")
        self._next()

    def _next(self) -> None:
        self.kind = self.word = ""
        while self._at < len(self._text):
            match = _TOKEN.match(self._text, self._at)
            if match is None:
                raise _refused(f"unexpected {self._text[self._at]!r}")
            self._at = match.end()
            if match.lastgroup != "blank":
                self.kind, self.word = match.lastgroup or "", match[0]
                return
